"""The service from its listening socket to its orderly shutdown. Runs on the event loop; draining runs in a thread.

On SIGTERM or SIGINT it accepts nothing new; sources, mailboxes and inference end and the bus is flushed, so that
viewers still get what was in flight; then the viewers' connections are closed and the server ends. Whatever hangs is
cut off, so that the process ends within 10 s.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import structlog
from fastapi import FastAPI

from api.server.server import Server
from workers.kafka.background_call import ABANDONED

log = structlog.get_logger(__name__)

GIVE_UP_S = 9.3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DeadlineStack(ExitStack):
    """Closes what was opened, the last first, all of it within `within_s` from the first on."""

    def __init__(self, within_s: float) -> None:
        super().__init__()
        self._within_s = within_s
        self._ends_s: float | None = None

    def closes(self, close: Callable[[float], object], most_s: float) -> None:
        """Have `close` called with the seconds it may take: `most_s`, or what is left."""
        self.callback(self._close, close, most_s)

    def _close(self, close: Callable[[float], object], most_s: float) -> None:
        if self._ends_s is None:
            self._ends_s = time.monotonic() + self._within_s
        close(max(0.3, min(most_s, self._ends_s - time.monotonic())))


class Service(Server):
    """`run` blocks until a signal; `drain` is called once, in a thread, before the server ends."""

    def __init__(
        self,
        app: FastAPI,
        drain: Callable[[], None],
        started: Callable[[], None],
        early_signals: EarlySignals | None = None,
        **changes: Any,
    ) -> None:
        super().__init__(app, **{"timeout_graceful_shutdown": 1, **changes})
        self._drain = drain
        self._on_started = started
        self._early_signals = early_signals
        self._over = threading.Event()
        self._guard: threading.Thread | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal. One that comes while the event loop is made is only stored: it would break the loop."""
        if self._early_signals is not None:
            self._early_signals.defer()
        super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then call `started`."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """See the module."""
        log.info("stopping")
        for server in self.servers:
            server.close()
        await asyncio.to_thread(self._drain)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again: an orderly shutdown is exit code 0."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        if self._early_signals is not None and self._early_signals.signalled is not None:
            self.handle_exit(self._early_signals.signalled, None)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal starts the shutdown; a second SIGINT ends the process at once."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(130)
        if not self.should_exit:
            self._guard = threading.Thread(target=_give_up, args=(self._over,), name="give-up", daemon=True)
            self._guard.start()
        self.should_exit = True

    def over(self, left: Sequence[str]) -> None:
        """Everything is closed and logged: end, so that no thread runs in an interpreter that is being torn down.

        With threads `left`, one that loads a model perhaps, end by force, since their native code would crash, and
        with exit code 1, since the shutdown was not orderly. Abandoned calls, to something that does not answer, are
        ended by force too, but are no fault.
        """
        _end_if_left(left, 1 if left else 0)
        self._over.set()
        if self._guard is not None:
            self._guard.join()


class _StartGuard:
    """Ends the process `GIVE_UP_S` after a signal, even while the main thread, which handles it, is in native code.

    The interpreter writes each signal's number to a socket at once (signal.set_wakeup_fd); a thread waits for it.
    """

    def __init__(self) -> None:
        self._signals, self._written = socket.socketpair()
        self._written.setblocking(False)
        self._before = signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="give-up", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The start is over, or was interrupted and has ended in time."""
        self._over.set()
        signal.set_wakeup_fd(self._before)
        self._written.close()
        self._thread.join()
        self._signals.close()

    def _run(self) -> None:
        if self._signals.recv(1):
            _give_up(self._over)


class EarlySignals:
    """Handles signals until `Service.run` does: they raise SystemExit, so that everything opened is closed.

    Then the process ends, by force if a thread is left, such as one that loads a model.

    That exception can get lost where it is raised: in a destructor, in a library's callback. So the signal is stored as
    well, and the service ends as soon as it runs. Native code that does not return, such as the compiler of a model,
    holds up both; then the process is ended after `GIVE_UP_S`.
    """

    def __init__(self) -> None:
        self.signalled: int | None = None
        self._deferred = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle signals as long as the context lasts."""
        before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        guard = _StartGuard()
        try:
            yield
        except SystemExit as ended:
            if self.signalled is not None:
                _end_if_left(threads_left(), ended.code if isinstance(ended.code, int) else 1)
            raise
        finally:
            guard.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def defer(self) -> None:
        """Only store signals from now on: the service, which begins, looks at them."""
        self._deferred = True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.signalled = number
        if not self._deferred:
            sys.exit(0 if number == signal.SIGTERM else 130)


def _end_if_left(left: Sequence[str], code: int) -> None:
    """End the process by force if there are threads left: they must not run in an interpreter that is being torn down.

    A daemon thread that comes back from native code then is ended by a forced unwinding, which C++ answers with
    "terminate called without an active exception".
    """
    if left or any(thread.name.startswith(ABANDONED) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def threads_left(grace_s: float = 1.0) -> list[str]:
    """The names of the threads that have not ended within `grace_s`."""
    deadline_s = time.monotonic() + grace_s
    while True:
        named = [thread for thread in threading.enumerate() if thread.name not in ("MainThread", "give-up")]
        left = [thread for thread in named if not thread.name.startswith(ABANDONED)]
        if not left or time.monotonic() >= deadline_s:
            return [thread.name for thread in left]
        time.sleep(0.02)


def _give_up(over: threading.Event) -> None:
    if over.wait(GIVE_UP_S):
        return
    log.error("shutdown_timed_out", threads=threads_left(0))
    sys.stderr.flush()
    os._exit(1)
