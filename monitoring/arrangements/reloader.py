"""Reloads scenes, rules and names that other processes changed, every few seconds. Runs in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import structlog

from workers.errors import DatabaseError
from workers.logs import StateLog

log = structlog.get_logger(__name__)


class Reloadable(Protocol):
    """What is held in memory and stored in the database."""

    def reload(self) -> None:
        """Read the database again. Raises DatabaseUnavailable; all stays as it was then."""
        ...

    def problems(self) -> list[str]:
        """What is stored and cannot be used, as readiness reasons."""
        ...


class Reloader:
    """A BackgroundService. Any process may change scenes and rules over HTTP; one of them runs the monitor."""

    def __init__(self, stores: Sequence[Reloadable], every_s: float) -> None:
        self._stores = tuple(stores)
        self._every_s = every_s
        self._problem: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reloader", daemon=True)

    def start(self) -> None:
        """See BackgroundService. Stored items are loaded when it returns. Raises DatabaseUnavailable."""
        for store in self._stores:
            store.reload()
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        outdated = [] if self._problem is None else [f"zones and rules may be outdated: {self._problem}"]
        return [*outdated, *(text for store in self._stores for text in store.problems())]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        problem_log = StateLog(log, "reload_failed")
        while not self._closing.wait(self._every_s):
            try:
                for store in self._stores:
                    store.reload()
                self._problem = None
                problem_log.clear()
            except DatabaseError as error:
                self._problem = str(error)
            except Exception as error:  # noqa: BLE001 - logged, when it begins and then rarely
                problem_log.note(repr(error), exc_info=error)
                self._problem = f"internal error ({type(error).__name__}), see the log"
