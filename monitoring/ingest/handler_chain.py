"""Gives messages to the handlers and gathers what they make of them. Runs in the monitor's thread."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import structlog
from prometheus_client import Counter

from monitoring.core.handler import Handler
from monitoring.events.deduplication import Deduplicator
from monitoring.ingest.inbox import InboxMessage
from monitoring.ingest.parsing import read_event, read_result, read_snapshot
from monitoring.store.checkpoints import Key, Partition
from monitoring.store.media import MediaFile
from workers.bus.event import Event
from workers.bus.message_bus import DETECTIONS, EVENTS, SNAPSHOTS

log = structlog.get_logger(__name__)

_SESSIONS = "sessions"
_LOG_EVERY_S = 60.0

_RESULTS = Counter("livesight_monitor_results", "Results of frames that the monitor handled.")
_DUPLICATES = Counter("livesight_monitor_duplicates", "Results and events that were read before.")
_FAILURES = Counter("livesight_monitor_handler_failures", "Messages on which a handler failed.", ["handler"])


StoredIds = Callable[[Sequence[Event]], set[str]]
"""The ids of those events that are stored already."""


@dataclass(slots=True)
class HandlerOutput:
    """What belongs in one transaction. `arrived`: events of nodes, which are stored but not published again."""

    events: list[Event] = field(default_factory=list)
    arrived: set[str] = field(default_factory=set)
    images: list[tuple[MediaFile, bytes]] = field(default_factory=list)
    moves: dict[Partition, tuple[int, int]] = field(default_factory=dict)
    messages: int = 0

    def move(self, moves: Mapping[Partition, tuple[int, int]]) -> None:
        """Further along from where it was."""
        for place, (before, after) in moves.items():
            self.moves[place] = (self.moves[place][0] if place in self.moves else before, after)


class HandlerChain:
    """The handlers, and which streams they know. One that fails is set back to its stored state of that stream."""

    def __init__(self, handlers: Sequence[Handler], stored: Callable[[Key], object | None]) -> None:
        """stored: a handler's state of a stream, from the database."""
        self._handlers = list(handlers)
        self._stored = stored
        self._deduplicator = Deduplicator()
        self._streams: set[str] = set()
        self._dumped: dict[Key, bytes] = {}  # digests: the states are large, and many streams are gone
        self._touched: set[str] = set()
        self._touched_since_all: set[str] = set()  # since all states were stored
        self._logged_s: dict[str, float] = {}

    @property
    def streams(self) -> int:
        """How many streams have a state."""
        return len(self._streams)

    def restore(self, states: dict[Key, str]) -> None:
        """Forget everything and take over the stored states."""
        self._deduplicator.forget(None)
        for handler in self._handlers:
            handler.forget(None)
        self._streams.clear()
        self._touched.clear()
        self._touched_since_all.clear()
        self._dumped = {key: _digest(state) for key, state in states.items()}
        for stream_id in sorted({stream_id for _, stream_id in states}):
            self._restore_stream(stream_id, states)

    def forget(self, stream_id: str) -> None:
        """Drop a stream that is long gone."""
        self._deduplicator.forget(stream_id)
        for handler in self._handlers:
            handler.forget(stream_id)
        self._streams.discard(stream_id)
        self._touched.discard(stream_id)
        self._touched_since_all.discard(stream_id)
        self._dumped = {key: state for key, state in self._dumped.items() if key[1] != stream_id}

    def take(self, items: Sequence[InboxMessage], output: HandlerOutput, stored_ids: StoredIds) -> None:
        """Handle messages."""
        node_events = {id(item): event for item in items if (event := read_event(item)) is not None}
        stored = stored_ids(list(node_events.values())) if node_events else set()
        for item in items:
            if item.topic == DETECTIONS:
                self._take_result(item, output)
            elif item.topic == EVENTS and (event := node_events.get(id(item))) is not None:
                self._take_event(event, stored, output)
            elif item.topic == SNAPSHOTS:
                image = read_snapshot(item)
                if image is not None:
                    output.images.append((image, item.value))
        output.messages += len(items)

    def tick(self, now_ns: int, output: HandlerOutput) -> None:
        """Let the handlers look at the clock; `now_ns`: wall clock."""
        made: list[Event] = []
        for handler in self._handlers:
            before = len(made)
            try:
                handler.tick(now_ns, made)
            except Exception as error:  # noqa: BLE001 - a handler that fails must not end the others
                del made[before:]
                self._failed(handler.name, error)
        self._touched.update(event.stream_id for event in made)
        output.events += made

    def states(self, *, every: bool) -> dict[Key, str]:
        """States that changed since they were stored, as JSON. every: those too that may be lost.

        They count as stored from now on: when the transaction fails, `restore` must follow.
        """
        found: dict[Key, str] = {}
        self._touched_since_all |= self._touched
        for stream_id in self._touched_since_all if every else self._touched:
            dumped = self._deduplicator.dump(stream_id)
            states = [] if dumped is None else [(_SESSIONS, dumped)]
            for handler in self._handlers:
                if every or handler.durability == "each":
                    states.append((handler.name, handler.dump(stream_id)))
            for name, state in states:
                text = json.dumps(state, separators=(",", ":"))
                if self._dumped.get((name, stream_id)) != (digest := _digest(text)):
                    self._dumped[name, stream_id] = digest
                    found[name, stream_id] = text
        self._touched.clear()
        if every:
            self._touched_since_all.clear()
        return found

    def _take_result(self, item: InboxMessage, output: HandlerOutput) -> None:
        result = read_result(item)
        if result is None:
            return
        if result.stream_id not in self._streams:
            self._restore_stream(result.stream_id)
        if not self._deduplicator.is_new(result):
            _DUPLICATES.inc()
            return
        _RESULTS.inc()
        self._touched.add(result.stream_id)
        made: list[Event] = []
        for handler in self._handlers:
            self._call(handler, result.stream_id, made, lambda one=handler: one.take_result(result, made))  # type: ignore[misc]
        output.events += made

    def _take_event(self, event: Event, stored: set[str], output: HandlerOutput) -> None:
        if str(event.id) in stored:
            _DUPLICATES.inc()
            return
        stored.add(str(event.id))
        if event.stream_id not in self._streams:
            self._restore_stream(event.stream_id)
        self._touched.add(event.stream_id)
        output.arrived.add(str(event.id))
        made = [event]
        for handler in self._handlers:
            self._call(handler, event.stream_id, made, lambda one=handler: one.take_event(event, made))  # type: ignore[misc]
        output.events += made

    def _call(self, handler: Handler, stream_id: str, made: list[Event], call: Callable[[], None]) -> None:
        before = len(made)
        try:
            call()
        except Exception as error:  # noqa: BLE001 - as above
            del made[before:]
            self._failed(handler.name, error)
            handler.forget(stream_id)
            handler.restore(stream_id, self._stored((handler.name, stream_id)))

    def _restore_stream(self, stream_id: str, states: Mapping[Key, str] = MappingProxyType({})) -> None:
        """`states`: what the database has of the stream; empty for a new one."""

        def known(name: str) -> object | None:
            text = states.get((name, stream_id))
            return None if text is None else json.loads(text)

        self._streams.add(stream_id)
        self._deduplicator.restore(stream_id, known(_SESSIONS))
        for handler in self._handlers:
            try:
                handler.restore(stream_id, known(handler.name))
            except Exception as error:  # noqa: BLE001 - a state of an earlier version, perhaps
                self._failed(handler.name, error)
                handler.forget(stream_id)
                handler.restore(stream_id, None)

    def _failed(self, name: str, error: Exception) -> None:
        _FAILURES.labels(name).inc()
        if time.monotonic() - self._logged_s.get(name, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged_s[name] = time.monotonic()
            log.error("monitor_handler_failed", handler=name, error=repr(error), exc_info=error)


def _digest(state: str) -> bytes:
    return hashlib.blake2b(state.encode(), digest_size=16).digest()
