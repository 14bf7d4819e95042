"""Fans results out to viewers. Runs on the event loop; the bus hands over from worker threads.

A message is decoded to text once and that one `str` goes to every viewer: a hundred viewers cost one serialisation.
Results that nobody watches end on the worker's thread after one look-up. What waits is bounded everywhere: the
hand-over by dropping its oldest, a viewer by skipping to the newest result of each stream.
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
from api.http.viewer import QueuedResult, Viewer
from api.settings import ApiSettings
from workers.bus.bus import DETECTIONS, Bus, Message

VIEWERS = Gauge("livesight_viewers", "Viewers of results and pictures now connected.")
SKIPPED = MetricCounter("livesight_results_skipped", "Results that a viewer did not get, by where.", ["where"])

_HANDOVER = 4096
GOING_AWAY = 1001


class Sink(Protocol):
    """What takes results. Called on the event loop; must only note them."""

    def offer(self, result: QueuedResult) -> None:
        """Take one result. Never blocks, never raises."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Nothing comes any more; `code` is a WebSocket close code."""
        ...


class Hub:
    """One subscription to the bus, any number of sinks. `start` and `close` on the event loop."""

    def __init__(self, bus: Bus, settings: ApiSettings) -> None:
        self._bus = bus
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._by_stream: dict[str, list[Sink]] = {}
        self._of_all: list[Sink] = []
        self._wanted: frozenset[str] | None = frozenset()
        self._viewing: Counter[str | None] = Counter()
        self._viewers = 0
        self._closed = False
        self._lock = threading.Lock()
        self._handed: deque[Message] = deque()
        self._scheduled = False

    def start(self) -> None:
        """Subscribe. Once, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._bus.subscribe(self._arrived, (DETECTIONS,))

    def close(self) -> None:
        """Unsubscribe and end every sink. Idempotent."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._closed = True
        for sink in self._everyone():
            sink.end(GOING_AWAY, "the service is shutting down")

    def end_stream(self, stream_id: str) -> None:
        """A stream was removed: end those that asked for it by name."""
        for sink in list(self._by_stream.get(stream_id, ())):
            sink.end(GOING_AWAY, f"the stream {stream_id} was removed")

    def viewers(self, stream_id: str) -> int:
        """How many look at this stream now, those of all streams included."""
        return self._viewing[stream_id] + self._viewing[None]

    @contextmanager
    def attached(self, sink: Sink, streams: frozenset[str] | None) -> Iterator[None]:
        """Give `sink` the results of `streams` (None: of all) as long as the context lasts."""
        lists = [self._of_all] if streams is None else [self._by_stream.setdefault(name, []) for name in streams]
        for sinks in lists:
            sinks.append(sink)
        self._note_wanted()
        if self._closed:
            sink.end(GOING_AWAY, "the service is shutting down")
        try:
            yield
        finally:
            for sinks in lists:
                sinks.remove(sink)
            for name in streams or ():
                if not self._by_stream.get(name, True):
                    del self._by_stream[name]
            self._note_wanted()

    @contextmanager
    def counted(self, streams: frozenset[str] | None) -> Iterator[None]:
        """Count one viewer of `streams`. Raises Problem when there are as many as the settings allow."""
        if self._viewers >= self._settings.viewers:
            raise Problem("overloaded", f"there are {self._settings.viewers} viewers, as many as the settings allow")
        names: list[str | None] = [None] if streams is None else list(streams)
        self._viewing.update(names)
        self._viewers += 1
        VIEWERS.inc()
        try:
            yield
        finally:
            VIEWERS.dec()
            self._viewers -= 1
            self._viewing.subtract(names)
            for name in names:
                if not self._viewing[name]:
                    del self._viewing[name]

    @contextmanager
    def watched(self, streams: frozenset[str] | None) -> Iterator[Viewer]:
        """A viewer of `streams`, counted and attached. Raises as `counted`."""
        viewer = Viewer(self._settings.viewer_queue, SKIPPED.labels("viewer").inc)
        with self.counted(streams), self.attached(viewer, streams):
            yield viewer

    def _everyone(self) -> list[Sink]:
        sinks = [*self._of_all, *(sink for named in self._by_stream.values() for sink in named)]
        return list({id(sink): sink for sink in sinks}.values())

    def _note_wanted(self) -> None:
        self._wanted = None if self._of_all else frozenset(self._by_stream)

    def _arrived(self, message: Message) -> None:
        """On a worker's thread: hand over and wake the loop once for all that gathers until it runs."""
        wanted, loop = self._wanted, self._loop
        if loop is None or (wanted is not None and message.key not in wanted):
            return
        with self._lock:
            if len(self._handed) >= _HANDOVER:
                self._handed.popleft()
                SKIPPED.labels("hub").inc()
            self._handed.append(message)
            if self._scheduled:
                return
            self._scheduled = True
        try:
            loop.call_soon_threadsafe(self._fan_out)
        except RuntimeError:  # the loop is closed: there is nobody left to tell
            self._loop = None

    def _fan_out(self) -> None:
        with self._lock:
            messages, self._handed = self._handed, deque()
            self._scheduled = False
        for message in messages:
            sinks = [*self._of_all, *self._by_stream.get(message.key, ())]
            if sinks:
                result = QueuedResult(message.key, message.value.decode())
                for sink in sinks:
                    sink.offer(result)
