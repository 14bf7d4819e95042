"""One slow call at a time, beside a thread that must go on meanwhile. The call runs in its own, daemon, thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")

ABANDONED = "call-"
"""Begins the names of daemon threads whose one call may outlive its caller, and the process need not wait for."""


class BackgroundCall(Generic[Result]):
    """`start` a call, `poll` for its end; one thread uses this."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._result: Result | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether a call runs or its result waits to be fetched."""
        return self._thread is not None

    def start(self, call: Callable[[], Result]) -> None:
        """Run it; there must be none."""
        assert self._thread is None
        self._result = self._error = None

        def run() -> None:
            try:
                self._result = call()
            except BaseException as error:  # noqa: BLE001 - raised by `poll`
                self._error = error

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()

    def poll(self) -> Result | None:
        """The result, once, when the call has ended, else None. Raises what the call raised."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        if self._error is not None:
            raise self._error
        return self._result
