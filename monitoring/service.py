"""Monitoring as a whole: its database, threads and routes. Owned by the process that has the role monitor.

Made and closed by any one thread; what works is in threads of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import APIRouter

from monitoring.assembly import assemble
from monitoring.core.errors import StoreUnavailable
from monitoring.core.ports import BackgroundService, CutClip, MonitoringContext
from monitoring.ingest.commit import CommitTargets
from monitoring.ingest.event_sink import EventSink
from monitoring.ingest.inbox import Inbox, LocalInbox
from monitoring.ingest.kafka_inbox import KafkaInbox
from monitoring.ingest.monitor import Monitor
from monitoring.ingest.publisher import Publisher
from monitoring.settings import MonitorSettings
from monitoring.store.database import Database
from monitoring.store.event_routes import event_routes
from monitoring.store.live_events import LiveEvents
from monitoring.store.media import MediaStore
from monitoring.store.retention import Retention
from workers.bus.bus import LocalBus
from workers.kafka.settings import KafkaSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """What the process has. `node`: its name; `cut_clip`: how a clip is had from whichever node has the stream."""

    state_dir: Path
    node: str
    local: LocalBus
    kafka: KafkaSettings | None
    cut_clip: CutClip


class Monitoring:
    """`start` it after the routes are mounted, `close` it after the node, whose last results it still takes."""

    def __init__(self, settings: MonitorSettings, around: ProcessContext) -> None:
        """Connects to nothing that need not be there. Raises StoreRefused for a database that can never be used."""
        self.database = Database(settings.url(around.state_dir))
        self.live = LiveEvents()
        media = MediaStore(around.state_dir / "media")
        self._helpers: list[BackgroundService] = []
        self._shared = MonitoringContext(
            settings=settings,
            state_dir=around.state_dir,
            node=around.node,
            local=around.local,
            kafka=around.kafka,
            database=self.database,
            media=media,
            cut_clip=around.cut_clip,
            active=self._is_active,
        )
        built = assemble(self._shared)
        built.keepers.append(self.live)
        publisher = None if around.kafka is None else Publisher(self.database, around.kafka, self._is_active)
        places = CommitTargets(self.database, media, _inbox(settings, around), EventSink(around.local, publisher))
        self._monitor = Monitor(settings, places, built, self._prepare)
        own: list[BackgroundService] = [Retention(settings.retention, self.database, media, self._is_active)]
        self._wanted = [*([] if publisher is None else [publisher]), *own, *built.helpers]
        self._routers = [event_routes(self.database, media, self.live), *built.routers]
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
        """What is wrong now, in words. Any thread."""
        return [*self._monitor.problems(), *(text for helper in list(self._helpers) for text in helper.problems())]

    def close(self, timeout_s: float) -> None:
        """Take what has come in process, keep everything, end all threads. Idempotent."""
        deadline_s = time.monotonic() + timeout_s
        self._monitor.close(timeout_s)
        self.live.close()  # who follows has heard the last events then
        for helper in reversed(self._helpers):
            helper.close(max(0.2, deadline_s - time.monotonic()))
        self.database.close()

    def _is_active(self) -> bool:
        return self._monitor.active

    def _first_try(self) -> bool:
        """What can never work is said before anything is served; a database that is away may come."""
        try:
            self.database.migrate()
            return True
        except StoreUnavailable as error:
            if self.database.is_sqlite:
                raise
            log.warning("database_away", reason=str(error))
            return False

    def _prepare(self) -> None:
        """Runs on the monitor's thread, again until it succeeds."""
        if not self._migrated:
            self.database.migrate()
        while self._wanted:
            self._wanted[0].start()
            self._helpers.append(self._wanted.pop(0))


def _inbox(settings: MonitorSettings, around: ProcessContext) -> Inbox:
    if around.kafka is None:
        return LocalInbox(around.local, settings.queue_messages)
    return KafkaInbox(around.kafka, settings.begin)
