"""Sees what other processes arranged: reads scenes and rules again, now and then. Runs in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import structlog

from monitoring.arrangements.config_store import ConfigStore
from workers.errors import DatabaseError

log = structlog.get_logger(__name__)


class Reloader:
    """A BackgroundService. Any process may change scenes and rules over HTTP; one of them runs the monitor."""

    def __init__(self, kept: Sequence[ConfigStore[Any]], every_s: float) -> None:
        self._kept = tuple(kept)
        self._every_s = every_s
        self._problem: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rereading", daemon=True)

    def start(self) -> None:
        """See BackgroundService. What is kept is known when it returns. Raises DatabaseUnavailable."""
        for kept in self._kept:
            kept.reload()
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        return [] if self._problem is None else [f"zones and rules may be old: {self._problem}"]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing.wait(self._every_s):
            try:
                for kept in self._kept:
                    kept.reload()
                self._problem = None
            except DatabaseError as error:
                self._problem = str(error)
            except Exception as error:
                log.exception("rereading_failed")
                self._problem = type(error).__name__
