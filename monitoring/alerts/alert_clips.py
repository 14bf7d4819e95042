"""Cuts a clip around each alert on the node that has the packets. Runs on the event loop of the thread `alerts`.

A clip is first cut when the video after the alert should have arrived, and replaced by a longer one while the node has
more to come. A camera that goes down with the alert leaves at least what came before it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from monitoring.alerts import metrics
from monitoring.alerts.alert_store import AlertStore, is_wanted
from monitoring.alerts.blocking_calls import DATABASE, run_blocking
from monitoring.alerts.settings import AlertSettings
from monitoring.core.contracts import CutClip, SignLink
from monitoring.core.known_people import NOBODY, KnownPeople
from monitoring.store.media import MediaFile, MediaStore, packed
from monitoring.store.retention_policy import RetentionPolicy, default_policy
from monitoring.store.tombstones import hold_back
from workers.bus.event import Event
from workers.bus.media import RESULT_LINES, Clip
from workers.database.database import Database
from workers.errors import ClipNotYet, DatabaseUnavailable, WorkerError
from workers.logs import StateLog
from workers.wall_clock import WallClock

log = structlog.get_logger(__name__)

_CONCURRENT_CUTS = 4
_MAX_ALERTS = 64
_MARGIN_S = 1.0
_RETRY_S = 2.0
_GIVE_UP_S = 20.0
_WHOLE_US = 500_000
_STORE_RETRY_S = 2.0
_STANDBY_S = 1.0


@dataclass(frozen=True, slots=True)
class AlertResources:
    """What alerts use of the process. `active`: whether this process's monitor works; else another's does.

    sign_link: lets whoever gets a message open picture and clip; None: only who may see them anyway. people: who is
    named in messages.
    """

    cut_clip: CutClip
    media: MediaStore
    database: Database
    clock: WallClock
    active: Callable[[], bool]
    sign_link: SignLink | None = None
    policy: RetentionPolicy = field(default_factory=default_policy)
    people: KnownPeople = NOBODY


class AlertClips:
    """Stores the clip of each alert whose rule wants one. `settings` say how much video before and after."""

    def __init__(self, settings: AlertSettings, store: AlertStore, resources: AlertResources) -> None:
        self._settings = settings
        self._store = store
        self._resources = resources
        self._wake = asyncio.Event()
        self._next_s: dict[uuid.UUID, float] = {}
        self._late_s: dict[uuid.UUID, float] = {}
        self._stored_to_us: dict[uuid.UUID, int] = {}

    def wake(self) -> None:
        """There may be new alerts. On the loop."""
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        database_log = StateLog(log, "clips_wait_for_database")
        while True:
            self._wake.clear()
            try:
                pause_s = await self._cut_due()
            except DatabaseUnavailable as error:
                database_log.note(str(error))
                pause_s = _STORE_RETRY_S
            else:
                database_log.clear()
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _cut_due(self) -> float | None:
        """Cut what is due. Returns seconds until the next cut is due, None when none is awaited."""
        if not self._resources.active():
            return _STANDBY_S
        alerts = await run_blocking(DATABASE, lambda: self._store.without_clip(_MAX_ALERTS))
        for event in alerts:
            if event.id not in self._next_s:
                due_in_s = self._due_in_s(event)
                self._next_s[event.id] = time.monotonic() + due_in_s
                self._late_s[event.id] = time.monotonic() + due_in_s + _GIVE_UP_S
        due = [event for event in alerts if self._next_s[event.id] <= time.monotonic()]
        gate = asyncio.Semaphore(_CONCURRENT_CUTS)
        async with asyncio.TaskGroup() as tasks:
            for event in due:
                tasks.create_task(self._cut(event, gate))
        awaited = [self._next_s[event.id] for event in alerts if event.id in self._next_s]
        return max(0.0, min(awaited) - time.monotonic()) if awaited else None

    def _due_in_s(self, event: Event) -> float:
        """Seconds until the video after the alert should have arrived; the clock of its time may have been ahead."""
        age_s = (self._resources.clock.now_ns() - event.captured_at_ns) / 1e9
        return self._settings.clip_after_s + _MARGIN_S - max(0.0, age_s)

    async def _cut(self, event: Event, gate: asyncio.Semaphore) -> None:
        """Try once. Raises DatabaseUnavailable."""
        from_us = max(0, event.pts_us - int(self._settings.clip_before_s * 1e6))
        to_us = event.pts_us + int(self._settings.clip_after_s * 1e6)
        is_late = time.monotonic() > self._late_s[event.id]
        try:
            async with gate:
                cut = partial(self._resources.cut_clip, event.stream_id, event.session, from_us, to_us)
                clip = await run_blocking(f"clip-{event.stream_id}", cut)
                if clip.to_us > self._stored_to_us.get(event.id, -1):
                    await run_blocking(DATABASE, partial(self._save, event, clip))
                    self._stored_to_us[event.id] = clip.to_us
        except ClipNotYet as error:
            await self._finish_or_retry(event, is_late, str(error))
        except (WorkerError, OSError) as error:
            if isinstance(error, DatabaseUnavailable):
                raise
            await self._finish_or_retry(event, True, str(error))
        except Exception as error:
            log.exception("clip_failed", alert=str(event.id), stream=event.stream_id)
            await self._finish_or_retry(event, True, f"internal error ({type(error).__name__}), see the log")
        else:
            await self._finish_or_retry(event, is_late or clip.to_us >= to_us - _WHOLE_US, None)

    async def _finish_or_retry(self, event: Event, is_final: bool, why: str | None) -> None:
        if not is_final:
            self._next_s[event.id] = time.monotonic() + _RETRY_S
            return
        is_stored = event.id in self._stored_to_us
        outcome = "kept" if is_stored else "failed"
        await run_blocking(DATABASE, partial(self._store.set_clip, event.id, outcome, None if is_stored else why))
        self._next_s.pop(event.id, None)
        self._late_s.pop(event.id, None)
        self._stored_to_us.pop(event.id, None)
        metrics.CLIPS.labels(outcome).inc()
        if not is_stored:
            log.info("alert_without_clip", alert=str(event.id), stream=event.stream_id, reason=why)

    def _save(self, event: Event, clip: Clip) -> None:
        media = self._resources.media
        row = MediaFile(
            kind="clip",
            stream_id=event.stream_id,
            session=event.session,
            pts_us=event.pts_us,
            captured_at_ns=event.captured_at_ns,
            media_type=clip.media_type,
            event_id=event.id,
        )
        path = media.write(row, clip.data)
        beside = replace(row, kind="results", media_type=RESULT_LINES, pts_us=clip.from_us)
        lines = None if clip.results is None else packed(clip.results)
        results_path = None if lines is None else media.write(beside, lines)
        with self._resources.database.write() as connection:
            hold_back(connection)
            if not is_wanted(connection, event.id):  # it was deleted meanwhile
                replaced = [path, *([] if results_path is None else [results_path])]
            else:
                replaced = media.add(connection, row, path, len(clip.data))
                if lines is None or results_path is None:  # those of the clip before begin elsewhere
                    replaced += media.remove(connection, beside)
                else:
                    replaced += media.add(connection, beside, results_path, len(lines))
        media.unlink(replaced)
