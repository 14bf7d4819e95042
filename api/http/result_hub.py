"""Fans results out to viewers. Runs on the event loop; the bus hands over from worker threads.

A message is decoded to text once and that one `str` goes to every viewer: a hundred viewers cost one serialisation.
Results that nobody watches end on the worker's thread after one look-up. Every queue is bounded: the hand-over drops
its oldest message, a viewer's queue skips to the newest result of each stream. Viewers that may see some streams only
are grouped by their StreamScope, which is asked once for each stream, not for each result.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import Counter as MetricCounter
from prometheus_client import Gauge

from api.http.errors import Problem
from api.http.viewer_queue import QueuedResult, ViewerQueue
from api.settings import ApiSettings
from workers.access.principal import StreamScope
from workers.bus.message_bus import DETECTIONS, Bus, Message

VIEWERS = Gauge("livesight_viewers", "Viewers of results and video now connected.")
SKIPPED = MetricCounter("livesight_results_skipped", "Results that a viewer did not get, by where.", ["where"])

_MAX_HANDOVER = 4096
_MAX_KNOWN = 10_000
GOING_AWAY = 1001

Streams = frozenset[str] | StreamScope
"""What to watch: streams by their ids, or whatever streams a principal may see, also those that come later."""


class ResultSubscriber(Protocol):
    """Receives results. Called on the event loop; must only queue them."""

    def offer(self, result: QueuedResult) -> None:
        """Take one result. Never blocks, never raises."""
        ...

    def end(self, code: int, reason: str) -> None:
        """No result follows; `code` is a WebSocket close code."""
        ...


class _ScopedSubscribers:
    """The subscribers of one scope, and what it said of the streams seen so far."""

    def __init__(self, scope: StreamScope) -> None:
        self.subscribers: list[ResultSubscriber] = []
        self._scope = scope
        self._known: dict[str, bool] = {}

    def takes(self, stream_id: str) -> bool:
        """Whether the stream is in the scope."""
        found = self._known.get(stream_id)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[stream_id] = stream_id in self._scope
        return found


class ResultHub:
    """One subscription to the bus, any number of subscribers. `start` and `close` on the event loop."""

    def __init__(self, bus: Bus, settings: ApiSettings) -> None:
        self._bus = bus
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._by_stream: dict[str, list[ResultSubscriber]] = {}
        self._scoped: dict[StreamScope, _ScopedSubscribers] = {}
        self._wanted: frozenset[str] | None = frozenset()
        self._viewers_of: Counter[str] = Counter()
        self._viewers_in: Counter[StreamScope] = Counter()
        self._viewers = 0
        self._closed = False
        self._lock = threading.Lock()
        self._handover: deque[Message] = deque()
        self._scheduled = False

    def start(self) -> None:
        """Subscribe. Once, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._bus.subscribe(self._arrived, (DETECTIONS,))

    def close(self) -> None:
        """Unsubscribe and end every subscriber. Idempotent."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._closed = True
        for subscriber in self._everyone():
            subscriber.end(GOING_AWAY, "the service is shutting down")

    def end_stream(self, stream_id: str) -> None:
        """A stream was removed: end the subscribers that named it."""
        for subscriber in list(self._by_stream.get(stream_id, ())):
            subscriber.end(GOING_AWAY, f"stream {stream_id} was removed")

    def viewers(self, stream_id: str) -> int:
        """How many viewers watch this stream now, those of all streams included."""
        return self._viewers_of[stream_id] + sum(
            count for scope, count in self._viewers_in.items() if stream_id in scope
        )

    @contextmanager
    def attached(self, subscriber: ResultSubscriber, streams: Streams) -> Iterator[None]:
        """Give `subscriber` the results of `streams` as long as the context lasts."""
        if isinstance(streams, StreamScope):
            lists = [self._scoped.setdefault(streams, _ScopedSubscribers(streams)).subscribers]
        else:
            lists = [self._by_stream.setdefault(name, []) for name in streams]
        for subscribers in lists:
            subscribers.append(subscriber)
        self._note_wanted()
        if self._closed:
            subscriber.end(GOING_AWAY, "the service is shutting down")
        try:
            yield
        finally:
            for subscribers in lists:
                subscribers.remove(subscriber)
            self._forget_empty(streams)
            self._note_wanted()

    @contextmanager
    def counted(self, streams: Streams) -> Iterator[None]:
        """Count one viewer of `streams`. Raises Problem when there are as many as the settings allow."""
        if self._viewers >= self._settings.viewers:
            raise Problem("overloaded", f"api.viewers: {self._settings.viewers} viewers are connected, the maximum")
        self._count(streams, 1)
        VIEWERS.inc()
        try:
            yield
        finally:
            VIEWERS.dec()
            self._count(streams, -1)

    @contextmanager
    def watched(self, streams: Streams) -> Iterator[ViewerQueue]:
        """The queue of a new viewer of `streams`, counted and attached. Raises as `counted`."""
        queue = ViewerQueue(self._settings.viewer_queue, SKIPPED.labels("viewer").inc)
        with self.counted(streams), self.attached(queue, streams):
            yield queue

    def _count(self, streams: Streams, change: int) -> None:
        self._viewers += change
        if isinstance(streams, StreamScope):
            self._viewers_in[streams] += change
            if not self._viewers_in[streams]:
                del self._viewers_in[streams]
            return
        for name in streams:
            self._viewers_of[name] += change
            if not self._viewers_of[name]:
                del self._viewers_of[name]

    def _everyone(self) -> list[ResultSubscriber]:
        lists = [*self._by_stream.values(), *(scoped.subscribers for scoped in self._scoped.values())]
        return list({id(one): one for named in lists for one in named}.values())

    def _forget_empty(self, streams: Streams) -> None:
        if isinstance(streams, StreamScope):
            if streams in self._scoped and not self._scoped[streams].subscribers:
                del self._scoped[streams]
            return
        for name in streams:
            if not self._by_stream.get(name, True):
                del self._by_stream[name]

    def _note_wanted(self) -> None:
        self._wanted = None if self._scoped else frozenset(self._by_stream)

    def _arrived(self, message: Message) -> None:
        """On a worker's thread: hand over, and wake the loop once for all messages that gather until it runs."""
        wanted, loop = self._wanted, self._loop
        if loop is None or (wanted is not None and message.key not in wanted):
            return
        with self._lock:
            if len(self._handover) >= _MAX_HANDOVER:
                self._handover.popleft()
                SKIPPED.labels("hub").inc()
            self._handover.append(message)
            if self._scheduled:
                return
            self._scheduled = True
        try:
            loop.call_soon_threadsafe(self._fan_out)
        except RuntimeError:  # the loop is closed
            self._loop = None

    def _fan_out(self) -> None:
        with self._lock:
            messages, self._handover = self._handover, deque()
            self._scheduled = False
        for message in messages:
            subscribers = list(self._by_stream.get(message.key, ()))
            for scoped in self._scoped.values():
                if scoped.takes(message.key):
                    subscribers += scoped.subscribers
            if subscribers:
                result = QueuedResult(message.key, message.value.decode())
                for subscriber in subscribers:
                    subscriber.offer(result)
