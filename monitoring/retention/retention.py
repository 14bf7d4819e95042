"""Deletes what is old or too much: rows and files together, in steps so short that writers need not wait. Own thread.

Events go by whole hours, as they are counted by hours; the present hour stays.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import ColumnElement, func, or_, select

from monitoring.retention.event_deletion import EventDeletion
from monitoring.retention.media_deletion import MediaDeletion
from monitoring.retention.rates import Forecaster
from monitoring.retention.steps import STEP, DeletionSteps, delete_rows, streams_in
from monitoring.store.media import MediaStore
from monitoring.store.retention_clock import Expiry
from monitoring.store.retention_policy import RetentionPolicy
from monitoring.store.settings import TRACKS
from monitoring.store.tables import AGED, Aged, event_hours, events, media
from monitoring.store.writes import HOUR_NS
from monitoring.tracks.deletion import delete_tracks
from monitoring.tracks.tables import tracks
from workers.database.database import Database
from workers.errors import DatabaseError

log = structlog.get_logger(__name__)

_FIRST_S = 60.0
_ORPHAN_S = 3600.0

_RUNS = Counter("livesight_retention_runs", "How often retention looked for what is due.")
_MEDIA = Gauge("livesight_media_bytes", "Size of the stored snapshots and clips.")
_KEPT = Gauge(
    "livesight_retention_kept_seconds", "How long things will be kept at this rate, by the limit on them.", ["limit"]
)
_SET = Gauge("livesight_retention_set_seconds", "How long they are to be kept, by the limit on them.", ["limit"])
_DISK_FULL = Gauge("livesight_retention_disk_full_seconds", "When the disk will be full at this rate; +Inf: never.")
_STORED = Gauge("livesight_events_stored", "Events in the database.")


class Retention:
    """A BackgroundService. `run_once` is what its thread does now and then, while this process's monitor works."""

    def __init__(
        self,
        expiry: Expiry,
        database: Database,
        store: MediaStore,
        active: Callable[[], bool],
        forecaster: Forecaster | None = None,
    ) -> None:
        self._expiry = expiry
        self._settings = expiry.settings
        self._policy = RetentionPolicy(expiry.settings)
        self._forecaster = forecaster or Forecaster(database, self._policy, store.folder)
        self._database = database
        self._store = store
        self._active = active
        self._problem: str | None = None
        self._waits = False
        self._closing = threading.Event()
        self._steps = DeletionSteps(database, store, self._closing)
        self._events = EventDeletion(self._steps, self._policy)
        self._media = MediaDeletion(self._steps, self._policy)
        self._thread = threading.Thread(target=self._run, name="monitor-retention", daemon=True)

    def start(self) -> None:
        """See BackgroundService. Raises DatabaseUnavailable."""
        with self._database.read() as connection:
            self._expiry.begin(connection.scalar(select(func.max(events.c.captured_at_ns))))
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        found = [] if self._problem is None else [f"retention: {self._problem}"]
        if self._active() and (reason := self._expiry.problem()) is not None:
            found.append(f"retention: nothing is deleted for its age: {reason}")
        return found

    def notes(self) -> list[str]:
        """What an operator should know and is no fault, in sentences: that limits delete what was to be kept."""
        forecast = self._forecaster.last
        return [] if forecast is None or not self._active() else forecast.notes()

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. Stops between two steps."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def run_once(self, now_ns: int, *, by_age: bool = True) -> None:
        """Delete what is too much, and `by_age` what is too old. Raises DatabaseUnavailable."""
        if by_age:
            self._delete_old(now_ns)
            if self._policy.has_rules:
                self._events.delete_expired(now_ns)
                self._media.delete_expired(now_ns)
                self._delete_expired_tracks(now_ns)
        before_ns = self._events.delete_surplus(now_ns)
        self._delete_tracks(tracks.c.captured_at_ns < before_ns, tracks.c.alerts == 0)
        self._media.shrink()
        self._measure(now_ns)

    def delete_events(self, before_ns: int) -> int:
        """Delete the events of the hours before that one, their counts, and their tracks; returns how many."""
        deleted = self._events.delete_before(before_ns)
        self._delete_tracks(tracks.c.captured_at_ns < before_ns)
        return deleted

    def sweep(self) -> int:
        """Delete files that a crash left without a row; returns how many."""
        before_s = self._expiry.clock.now_ns() / 1e9 - _ORPHAN_S  # younger ones may be about to get theirs
        with self._database.read() as connection:
            known = set(connection.scalars(select(media.c.path)))
        return self._store.sweep(known, before_s)

    def _run(self) -> None:
        wait_s = min(_FIRST_S, self._settings.every_s)
        swept = False
        while not self._closing.wait(wait_s):
            wait_s = self._settings.every_s
            if not self._active():
                continue
            try:
                by_age = self._may_delete_by_age()
                self.run_once(self._expiry.clock.now_ns(), by_age=by_age)
                _RUNS.inc()
                if by_age and not swept:
                    self.sweep()
                    swept = True
                self._problem = None
            except DatabaseError as error:
                self._problem = str(error)
            except Exception as error:
                log.exception("retention_failed")
                self._problem = f"{type(error).__name__}: {error}"[:300]

    def _may_delete_by_age(self) -> bool:
        reason = self._expiry.problem()
        if reason is not None and not self._waits:
            log.warning("retention_waits", reason=reason)
        if reason is None and self._waits:
            log.info("retention_goes_on")
        self._waits = reason is not None
        return not self._waits

    def _delete_old(self, now_ns: int) -> None:
        """What is older than anything is kept, and all whose age no rule can set."""
        oldest_ns = now_ns - self._policy.longest_ns
        self.delete_events(oldest_ns // HOUR_NS * HOUR_NS)
        self._media.delete_before(oldest_ns)
        for aged in AGED:
            if aged.kind is None or not self._policy.has_rules:
                self._delete_aged(aged, aged.time < now_ns - self._policy.default_ns)
                continue
            with self._database.read() as connection:
                streams = streams_in(connection, aged.stream_id)
            for stream_id in streams:
                before_ns = now_ns - self._policy.kept_ns(aged.kind, stream_id)
                self._delete_aged(aged, aged.stream_id == stream_id, aged.time < before_ns)

    def _delete_aged(self, aged: Aged, *conditions: ColumnElement[bool]) -> None:
        self._steps.run(aged.table.name, delete_rows(aged.table, aged.key, *conditions))

    def _delete_expired_tracks(self, now_ns: int) -> None:
        """Rows that are kept for a shorter time than others, but for those in view. Images have a time of their own."""
        with self._database.read() as connection:
            streams = streams_in(connection, tracks.c.stream_id)
        for stream_id in streams:
            before_ns = now_ns - self._policy.kept_ns(TRACKS, stream_id)
            with_alert_ns = now_ns - self._policy.evidence_ns(TRACKS, stream_id)
            self._delete_tracks(
                tracks.c.stream_id == stream_id,
                tracks.c.captured_at_ns < before_ns,
                tracks.c.ended_at_ns.is_not(None),
                or_(tracks.c.alerts == 0, tracks.c.captured_at_ns < with_alert_ns),
                with_images=False,
            )

    def _delete_tracks(self, *conditions: ColumnElement[bool], with_images: bool = True) -> None:
        self._steps.run(
            "tracks", lambda connection: delete_tracks(connection, conditions, STEP, with_images=with_images)
        )

    def _measure(self, now_ns: int) -> None:
        forecast = self._forecaster.forecast(now_ns)
        for limit in forecast.limits:
            _KEPT.labels(limit.setting).set(limit.kept_s)
            _SET.labels(limit.setting).set(limit.set_s)
        if forecast.disk is not None:
            _DISK_FULL.set(math.inf if forecast.disk.full_s is None else forecast.disk.full_s)
        with self._database.read() as connection:
            _MEDIA.set(connection.scalar(select(func.sum(media.c.bytes))) or 0)
            _STORED.set(connection.scalar(select(func.sum(event_hours.c.count))) or 0)
