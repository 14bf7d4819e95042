"""Monitoring as a whole: its database, threads and routes. Owned by the process that has the role monitor.

Made and closed by any one thread; what works is in threads of its own.
"""

from __future__ import annotations

import time

import structlog
from fastapi import APIRouter

from monitoring import URL_PREFIXES
from monitoring.assembly import MonitoringContext, Storage, assemble
from monitoring.core.contracts import BackgroundService
from monitoring.ingest.commit import CommitTargets, EventSink
from monitoring.ingest.inbox import Inbox, LocalInbox
from monitoring.ingest.kafka_inbox import KafkaInbox
from monitoring.ingest.monitor import Monitor, Participants
from monitoring.ingest.outbox_publisher import OutboxPublisher
from monitoring.migrations import MONITORING
from monitoring.retention.rates import Forecaster
from monitoring.retention.retention import Retention
from monitoring.retention.routes import retention_routes
from monitoring.settings import MonitorSettings
from monitoring.store.live_events import LiveEvents
from monitoring.store.media import MediaStore
from monitoring.store.media_routes import media_routes
from monitoring.store.retention_clock import Expiry
from monitoring.store.retention_policy import RetentionPolicy
from monitoring.tracks.writer import LiveTracks
from workers.database.database import Database
from workers.database.migrations import migrate
from workers.errors import DatabaseUnavailable
from workers.wall_clock import WallClock

log = structlog.get_logger(__name__)


class Monitoring:
    """`start` it after the routes are mounted, `close` it after the node, whose last results it still takes."""

    prefixes = URL_PREFIXES
    """The paths it serves, wherever the monitor works."""

    def __init__(self, settings: MonitorSettings, context: MonitoringContext) -> None:
        """Connects to nothing that need not be there. Raises DatabaseRefused for a database that can never be used."""
        self.database = Database(settings.url(context.state_dir))
        self.live = LiveEvents()
        self.live_tracks = LiveTracks()
        media = MediaStore(context.state_dir / "media")
        clock = WallClock()
        policy = RetentionPolicy(settings.retention)
        storage = Storage(self.database, media, clock, self._is_active, self.live, self.live_tracks, policy)
        parts = assemble(settings, context, storage)
        publisher = None if context.kafka is None else OutboxPublisher(self.database, context.kafka, self._is_active)
        sink = EventSink(context.local, publisher)
        targets = CommitTargets(self.database, media, _inbox(settings, context), sink, parts.scrub, policy)
        expiry = Expiry(settings.retention, clock)
        participants = Participants(parts.handlers, [*parts.hooks, self.live])
        self._monitor = Monitor(settings, targets, participants, expiry, self._prepare)
        forecaster = Forecaster(self.database, policy, media.folder)
        self._retention = Retention(expiry, self.database, media, self._is_active, forecaster)
        publishers: list[BackgroundService] = [] if publisher is None else [publisher]
        self._to_start: list[BackgroundService] = [*publishers, self._retention, *parts.services]
        self._services: list[BackgroundService] = []
        self._routers = [media_routes(self.database, media), *parts.routers]
        self._routers.append(retention_routes(forecaster, clock))
        self._migrated = self._first_try()

    @property
    def routers(self) -> list[APIRouter]:
        """What it serves."""
        return self._routers

    @property
    def active(self) -> bool:
        """Whether this process's monitor works; another's does where it stands by. Any thread."""
        return self._is_active()

    @property
    def ready(self) -> bool:
        """Whether the database was reached. Any thread."""
        return self._monitor.ready

    def start(self) -> None:
        """Begin to read."""
        self._monitor.start()

    def problems(self) -> list[str]:
        """What is wrong now, in sentences. Any thread."""
        return [*self._monitor.problems(), *(text for service in list(self._services) for text in service.problems())]

    def notes(self) -> list[str]:
        """What an operator should know and is no fault, in sentences. Any thread."""
        return self._retention.notes()

    def close(self, timeout_s: float) -> None:
        """Take what has come in process, commit everything, end all threads. Idempotent."""
        deadline_s = time.monotonic() + timeout_s
        self._monitor.close(timeout_s)
        for live in (self.live, self.live_tracks):
            live.close()  # followers have got the last events by now
        for service in reversed(self._services):
            service.close(max(0.2, deadline_s - time.monotonic()))
        self.database.close()

    def _is_active(self) -> bool:
        return self._monitor.active

    def _first_try(self) -> bool:
        """Refuse at once what can never work; a database that is unreachable may come back."""
        try:
            migrate(self.database, MONITORING)
            return True
        except DatabaseUnavailable as error:
            if self.database.is_sqlite:
                raise
            log.warning("database_away", reason=str(error))
            return False

    def _prepare(self) -> None:
        """Runs on the monitor's thread, again until it succeeds."""
        if not self._migrated:
            migrate(self.database, MONITORING)
        while self._to_start:
            self._to_start[0].start()
            self._services.append(self._to_start.pop(0))


def _inbox(settings: MonitorSettings, context: MonitoringContext) -> Inbox:
    if context.kafka is None:
        return LocalInbox(context.local, settings.queue_messages)
    return KafkaInbox(context.kafka, settings.begin)
