"""Commits what the handlers made of a batch: one transaction, then notifications. Runs in the monitor's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import Connection

from monitoring.core.contracts import CommitHook, Outgoing
from monitoring.deletion.arrivals import Arrivals
from monitoring.ingest.handler_chain import HandlerOutput
from monitoring.ingest.held_images import HeldImages
from monitoring.ingest.inbox import SOURCE_HEADER, Inbox
from monitoring.ingest.outbox_publisher import OutboxPublisher
from monitoring.ingest.parsing import NODE_KINDS
from monitoring.people.arrivals import admitted
from monitoring.store.checkpoints import Key, move_offsets, write_states
from monitoring.store.media import MediaFile, MediaStore
from monitoring.store.retention_policy import RetentionPolicy, default_policy
from monitoring.store.writes import add_events, add_outgoing, outgoing_event
from workers.bus.event import Event
from workers.bus.message_bus import LocalBus, Message
from workers.database.database import Database
from workers.descriptors import is_shortage
from workers.errors import DatabaseUnavailable
from workers.logs import StateLog

log = structlog.get_logger(__name__)

_EVENTS = Counter("livesight_events", "Events stored, by kind.", ["kind"])
_NOT_STORED = Counter("livesight_events_not_stored", "Events that retention says not to store, by kind.", ["kind"])
_FILES = Counter("livesight_media_failures", "Snapshots and clips that the disk refused.")
_COMMIT = Histogram(
    "livesight_monitor_commit_seconds",
    "Committing what a batch brought about.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class EventSink:
    """Publishes stored events: in process at once, to Kafka through the outbox. Any thread.

    `put` in the transaction, `release` after it.
    """

    def __init__(self, local: LocalBus, publisher: OutboxPublisher | None) -> None:
        self._local = local
        self._publisher = publisher

    def put(self, connection: Connection, messages: Sequence[Outgoing]) -> None:
        """With Kafka: store them until the broker has them."""
        if self._publisher is not None:
            add_outgoing(connection, messages)

    def release(self, messages: Sequence[Outgoing]) -> None:
        """They are committed: publish them in process, and have the publisher send them. Never blocks on a broker."""
        for one in messages:
            headers = (("schema", one.schema.encode()), ("content-type", b"application/json"), SOURCE_HEADER)
            self._local.publish(Message(one.topic, one.key, one.body.encode(), headers, time.monotonic()))
        if self._publisher is not None and messages:
            self._publisher.wake()


@dataclass(frozen=True, slots=True)
class CommitTargets:
    """Where the monitor reads from and writes to. `policy`: what of it is stored.

    `scrub`: called after a commit that kept out what was deleted: the database's log may hold what it wrote before.
    """

    database: Database
    media: MediaStore
    inbox: Inbox
    sink: EventSink
    scrub: Callable[[], None]
    policy: RetentionPolicy = field(default_factory=default_policy)


class Committer:
    """`commit` stores everything or raises; then nothing is stored."""

    def __init__(self, targets: CommitTargets, hooks: Sequence[CommitHook]) -> None:
        self._targets = targets
        self._hooks = hooks
        self._images = HeldImages(targets.policy)
        self.disk_problem: str | None = None
        self._disk_log = StateLog(log, "snapshots_not_stored")

    def commit(self, output: HandlerOutput, states: Mapping[Key, str]) -> None:
        """Raises DatabaseUnavailable, StaleReader, and what is wrong with the data."""
        if not (output.events or output.images or output.moves or states):
            self._targets.inbox.done()
            return
        images = self._images.choose(output.images, output.events)
        files = [(image, path, len(data)) for image, data in images if (path := self._write(image, data))]
        with _COMMIT.time(), self._targets.database.write() as connection:
            arrivals = Arrivals(connection, output.events, [image for image, *_ in files])
            fresh, messages = self._store(connection, admitted(connection, arrivals.events(output.events)))
            unwanted = [path for image, path, _ in files if not arrivals.wanted(image)]
            wanted = [file for file in files if arrivals.wanted(file[0])]
            replaced = [old for file in wanted for old in self._targets.media.add(connection, *file)]
            write_states(connection, states, time.time_ns())
            move_offsets(connection, output.moves)
        self._targets.inbox.done()
        self._targets.sink.release(messages)
        self._images.stored(images)
        for event in fresh:
            (_EVENTS if self._is_stored(event) else _NOT_STORED).labels(event.kind).inc()
        for hook in self._hooks:
            hook.committed(fresh)
        self._targets.media.unlink([*replaced, *unwanted])
        if arrivals.kept_out:
            self._targets.scrub()

    def _store(self, connection: Connection, events: Sequence[Event]) -> tuple[list[Event], list[Outgoing]]:
        """Those that are new, and what to publish: a node's own events are on the bus already."""
        fresh = add_events(connection, events, self._is_stored)
        messages = [outgoing_event(event) for event in fresh if event.kind not in NODE_KINDS]
        for hook in self._hooks:
            messages += hook.write(connection, fresh)
        self._targets.sink.put(connection, messages)
        return fresh, messages

    def _is_stored(self, event: Event) -> bool:
        return self._targets.policy.stores(event.kind, event.stream_id)

    def _write(self, image: MediaFile, data: bytes) -> str | None:
        try:
            path = self._targets.media.write(image, data)
        except OSError as error:
            if is_shortage(error):  # which passes: all of it is stored a little later
                raise DatabaseUnavailable(f"snapshots: {error.strerror or error}") from error
            _FILES.inc()
            self._disk_log.note(error.strerror or str(error))
            self.disk_problem = f"snapshots cannot be stored: {error.strerror or error}"
            return None
        self.disk_problem = None
        if self._disk_log.clear():
            log.info("snapshots_stored")
        return path
