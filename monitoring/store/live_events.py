"""Events as they are stored, for pages that look on: server-sent events. On the event loop, fed by the monitor."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

from fastapi.sse import ServerSentEvent
from sqlalchemy import Connection

from monitoring.core.contracts import Outgoing
from workers.bus.event import Event

_MOST_WAITING = 1000
_MOST_FOLLOWERS = 500


class LiveEvents:
    """A CommitHook. A follower that is too slow misses the oldest events and is sent how many."""

    def __init__(self) -> None:
        self._followers: set[_Follower] = set()
        self._lock = threading.Lock()
        self._closed = False

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.add(events)

    @property
    def full(self) -> bool:
        """Whether no more can follow."""
        return len(self._followers) >= _MOST_FOLLOWERS

    async def follow(self, wanted: Callable[[Event], bool]) -> AsyncGenerator[ServerSentEvent]:
        """The events from now on that are wanted, until the monitor ends; a comment first, so that headers go out."""
        follower = _Follower(wanted, asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                return
            self._followers.add(follower)
        try:
            yield ServerSentEvent(comment="events follow as they are stored")
            while (found := await follower.next()) is not None:
                for one in found:
                    yield one
        finally:
            with self._lock:
                self._followers.discard(follower)

    def close(self) -> None:
        """End all followers. Any thread; idempotent."""
        with self._lock:
            self._closed = True
            followers = list(self._followers)
        for follower in followers:
            follower.end()


class _Follower:
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

    async def next(self) -> list[ServerSentEvent] | None:
        """What has come; None at the end."""
        if not self._over:
            await self._awake.wait()
        self._awake.clear()
        with self._lock:
            events, missed = list(self._waiting), self._missed
            self._waiting.clear()
            self._missed = 0
        found = [ServerSentEvent(event="missed", data={"missed": missed})] if missed else []
        found += [ServerSentEvent(id=str(event.id), raw_data=event.to_json().decode()) for event in events]
        return found if found or not self._over else None

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._awake.set)
        except RuntimeError:  # the loop has ended
            return
