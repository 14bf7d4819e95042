"""For pages that look on: what is wanted, in order, as it happens; events as server-sent events.

On the event loop, fed by the monitor.
"""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi.sse import ServerSentEvent
from sqlalchemy import Connection

from monitoring.core.contracts import Outgoing
from monitoring.core.known_people import UNTOLD_TO_ALL, ToldNames
from workers.bus.event import Event

_MOST_WAITING = 1000
_MOST_FOLLOWERS = 500

Item = TypeVar("Item")
Following = tuple[list[Item], int]
"""What has come, and how many older items a follower missed, being too slow."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What followers may show, and was deleted: ids of events, or of tracks, of one stream."""

    stream_id: str
    ids: tuple[uuid.UUID, ...]


class Followers(Generic[Item]):
    """`add` gives items to all that follow. A follower that is too slow misses the oldest."""

    def __init__(self) -> None:
        self._followers: set[_Follower[Item]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def add(self, items: Sequence[Item]) -> None:
        """Any thread; never blocks."""
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.add(items)

    @property
    def full(self) -> bool:
        """Whether no more can follow."""
        return len(self._followers) >= _MOST_FOLLOWERS

    async def batches(self, wanted: Callable[[Item], bool]) -> AsyncGenerator[Following[Item]]:
        """The items from now on that are wanted, until `close`; first nothing, once that is so."""
        follower = _Follower(wanted, asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                return
            self._followers.add(follower)
        try:
            yield [], 0
            while (found := await follower.next()) is not None:
                yield found
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


class LiveEvents(Followers[Event | Gone]):
    """A CommitHook. A follower that is too slow misses the oldest events and is sent how many."""

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        self.add(events)

    async def follow(
        self, wanted: Callable[[Event | Gone], bool], told: ToldNames = UNTOLD_TO_ALL
    ) -> AsyncGenerator[ServerSentEvent]:
        """The events from now on that are wanted, until the monitor ends; a comment first, so that headers go out.

        told: to the follower.
        """
        following = self.batches(wanted)
        try:
            async for events, missed in following:
                if not events:
                    yield ServerSentEvent(comment="events follow as they are stored")
                if missed:
                    yield missed_event(missed)
                for event in events:
                    if isinstance(event, Gone):
                        yield deleted_event(event)
                    else:
                        shown = told.event(event.model_dump(mode="json", by_alias=True))
                        yield ServerSentEvent(id=str(event.id), raw_data=json.dumps(shown))
        finally:
            await following.aclose()


def deleted_event(gone: Gone) -> ServerSentEvent:
    """What followers are sent of what was deleted."""
    return ServerSentEvent(event="deleted", data={"ids": [str(one) for one in gone.ids]})


def missed_event(count: int) -> ServerSentEvent:
    """What a follower is sent that was too slow."""
    return ServerSentEvent(event="missed", data={"missed": count})


class _Follower(Generic[Item]):
    def __init__(self, wanted: Callable[[Item], bool], loop: asyncio.AbstractEventLoop) -> None:
        self._wanted = wanted
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[Item] = deque()
        self._missed = 0
        self._over = False
        self._awake = asyncio.Event()

    def add(self, items: Sequence[Item]) -> None:
        """Any thread."""
        wanted = [item for item in items if self._wanted(item)]
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

    async def next(self) -> Following[Item] | None:
        """What has come, never nothing; None at the end."""
        while True:
            if not self._over:
                await self._awake.wait()
            self._awake.clear()
            over = self._over
            with self._lock:
                items, missed = list(self._waiting), self._missed
                self._waiting.clear()
                self._missed = 0
            if items:
                return items, missed
            if over:
                return None  # else it was woken for what it took the last time

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._awake.set)
        except RuntimeError:  # the loop has ended
            return
