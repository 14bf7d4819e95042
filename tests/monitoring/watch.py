"""A monitor with a handler that tells each new track, on a real database, over the in-process bus or Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, func, select

from monitoring.core.contracts import Outgoing
from monitoring.core.handler import Durability
from monitoring.ingest.commit import CommitTargets, EventSink
from monitoring.ingest.inbox import Inbox, LocalInbox
from monitoring.ingest.kafka_inbox import KafkaInbox
from monitoring.ingest.monitor import Monitor, Participants
from monitoring.ingest.outbox_publisher import OutboxPublisher
from monitoring.migrations import MONITORING
from monitoring.settings import MonitorSettings
from monitoring.store.media import MediaStore
from monitoring.store.retention_clock import Expiry
from monitoring.store.retention_policy import RetentionPolicy
from monitoring.store.tables import events
from tests.monitoring.happened import Leaping
from workers.bus.event import Event, event_id
from workers.bus.message_bus import LocalBus
from workers.bus.result import FrameResult
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate
from workers.kafka.settings import KafkaSettings

FAST = MonitorSettings(gather_s=0.05, keep_s=0.2, tick_s=0.1, begin="oldest")


class NewTracks:
    """A handler: track_began for each track number above the highest of its stream. `fails_at`: raises at a frame."""

    name = "new-tracks"
    durability: Durability = "each"

    def __init__(self, fails_at: int | None = None) -> None:
        self.highest: dict[str, int] = {}
        self.fails_at = fails_at
        self.heard: list[str] = []
        self.ticks = 0
        self.ticked_ns = 0

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler."""
        self.highest[stream_id] = int(state or 0)

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        if stream_id is None:
            self.highest.clear()
        else:
            self.highest.pop(stream_id, None)

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler."""
        for found in result.detections:
            track = found.track_id or 0
            if track <= self.highest[result.stream_id]:
                continue
            self.highest[result.stream_id] = track
            events.append(
                Event(
                    id=event_id("track_began", result.stream_id, result.session, result.pts_us, track),
                    kind="track_began",
                    stream_id=result.stream_id,
                    session=result.session,
                    pts_us=result.pts_us,
                    captured_at_ns=result.captured_at_ns,
                    track_id=track,
                    label=found.label,
                )
            )
        if result.frame == self.fails_at:
            raise RuntimeError("a handler that fails")

    def take_event(self, event: Event, events: list[Event]) -> None:
        """See Handler."""
        self.heard.append(event.kind)

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """See Handler."""
        self.ticks += 1
        self.ticked_ns = now_ns

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        return self.highest.get(stream_id, 0)


class Told:
    """A CommitHook that notes what was committed. `refuses`: raises in the transaction as often."""

    def __init__(self, refuses: int = 0) -> None:
        self.events: list[Event] = []
        self.refuses = refuses

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        if events and self.refuses:
            self.refuses -= 1
            raise RuntimeError("a hook that fails")
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        self.events += events


class Watch:
    """A context manager: a monitor at work. With `kafka` it reads from there and publishes to it."""

    def __init__(
        self,
        url: str,
        folder: Path,
        kafka: KafkaSettings | None = None,
        handler: NewTracks | None = None,
        settings: MonitorSettings = FAST,
    ) -> None:
        self.database = Database(driver_url(url))
        self.local = LocalBus()
        self.before = 0
        self.handler = handler or NewTracks()
        self.told = Told()
        self.inbox: Inbox = (
            LocalInbox(self.local, settings.queue_messages) if kafka is None else KafkaInbox(kafka, settings.begin)
        )
        self.publisher = None if kafka is None else OutboxPublisher(self.database, kafka, lambda: self.monitor.active)
        sink = EventSink(self.local, self.publisher)
        policy = RetentionPolicy(settings.retention)
        targets = CommitTargets(self.database, MediaStore(folder / "media"), self.inbox, sink, lambda: None, policy)
        self.clock = Leaping()
        participants = Participants([self.handler], [self.told])
        expiry = Expiry(settings.retention, self.clock)
        self.monitor = Monitor(settings, targets, participants, expiry, partial(migrate, self.database, MONITORING))

    def ids(self) -> list[Any]:
        """Of the events that are stored, in the order in which they were."""
        with self.database.read() as connection:
            return list(connection.scalars(select(events.c.id).order_by(events.c.seq)))

    def wait_for(self, count: int, timeout_s: float = 60.0) -> list[Any]:
        """The ids, once there are so many events and the hook has seen all that were stored here."""
        self.wait(lambda: self.count() >= count, f"{count} events", timeout_s)
        self.wait(lambda: len(self.told.events) >= self.count() - self.before, "the hook after the commit", timeout_s)
        return self.ids()

    def count(self) -> int:
        """How many events are stored."""
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(events)) or 0

    def wait(self, found: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
        """Poll until `found()` is truthy. Raises AssertionError when the time is up."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if value := found():
                return value
            time.sleep(0.02)
        raise AssertionError(f"no {what} within {timeout_s} s; {self.monitor.problems()}")

    def start(self) -> None:
        """Begin; returns once it works."""
        self.monitor.start()
        if self.publisher is not None:
            self.publisher.start()
        self.wait(lambda: self.monitor.active, "working monitor")
        self.before = self.count()

    def close(self) -> None:
        """Idempotent."""
        self.monitor.close(10)
        if self.publisher is not None:
            self.publisher.close(5)
        self.database.close()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
