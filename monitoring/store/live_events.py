"""Events as they are stored, for pages that look on: server-sent events. Runs on the loop, told by the monitor."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from sqlalchemy import Connection

from monitoring.core.ports import Outgoing
from workers.bus.event import Event

_MOST_WAITING = 1000
_MOST_LISTENERS = 500
_SILENCE_S = 15.0


class LiveEvents:
    """A CommitHook. A listener that is too slow misses the oldest and is told how many."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._closed = False

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.add(events)

    @property
    def full(self) -> bool:
        """Whether no more can listen."""
        return len(self._listeners) >= _MOST_LISTENERS

    async def follow(self, wanted: Callable[[Event], bool]) -> AsyncIterator[bytes]:
        """The text of an event stream (WHATWG HTML, 9.2) from now on, until the monitor ends."""
        listener = _Listener(wanted, asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                return
            self._listeners.add(listener)
        try:
            yield b": events follow as they are stored\n\n"
            while True:
                found = await listener.next()
                if found is None:
                    return
                yield found
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def close(self) -> None:
        """End all listening. Any thread; idempotent."""
        with self._lock:
            self._closed = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener.end()


class _Listener:
    def __init__(self, wanted: Callable[[Event], bool], loop: asyncio.AbstractEventLoop) -> None:
        self._wanted = wanted
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._missed = 0
        self._over = False
        self._awake = asyncio.Event()

    def add(self, events: Sequence[Event]) -> None:
        """Any thread."""
        wanted = [event for event in events if self._wanted(event)]
        if not wanted:
            return
        with self._lock:
            self._waiting.extend(wanted)
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.popleft()
                self._missed += 1
        self._wake()

    def end(self) -> None:
        """Any thread."""
        self._over = True
        self._wake()

    async def next(self) -> bytes | None:
        """What has come, a comment after a silence, None at the end."""
        if not self._over:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await self._awake.wait()
            except TimeoutError:
                return b": still here\n\n"
        self._awake.clear()
        with self._lock:
            events, missed = list(self._waiting), self._missed
            self._waiting.clear()
            self._missed = 0
        parts = [b'event: missed\ndata: {"missed": %d}\n\n' % missed] if missed else []
        parts += [b"id: %s\ndata: %s\n\n" % (str(event.id).encode(), event.to_json()) for event in events]
        return b"".join(parts) if parts or not self._over else None

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._awake.set)
        except RuntimeError:  # the loop has ended
            return
