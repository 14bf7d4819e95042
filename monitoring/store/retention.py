"""Deletes what is old or too much: rows and files together, in steps so short that writers need not wait. Own thread.

Events go by whole hours, as they are counted by hours; the present hour stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Column, ColumnElement, Table, delete, func, select

from monitoring.store.media import MediaStore
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import AGED, event_counts, event_hours, events, media
from monitoring.store.writes import DAY_NS, HOUR_NS
from workers.database.database import Database
from workers.errors import DatabaseError

log = structlog.get_logger(__name__)

_STEP = 1000  # rows a transaction: some ten milliseconds
_PAUSE_S = 0.002  # between two, for who waits
_FIRST_S = 60.0
_ORPHAN_S = 3600.0

_DELETED = Counter("livesight_retention_deleted_rows", "Rows that were deleted for their age or number.", ["table"])
_MEDIA = Gauge("livesight_media_bytes", "Size of the snapshots and clips that are kept.")
_STORED = Gauge("livesight_events_stored", "Events in the database.")


class Retention:
    """A BackgroundService. `run_once` is what its thread does now and then, while this process's monitor works."""

    def __init__(
        self, settings: RetentionSettings, database: Database, store: MediaStore, active: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._active = active
        self._problem: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-retention", daemon=True)

    def start(self) -> None:
        """See BackgroundService."""
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        return [] if self._problem is None else [f"nothing old is deleted: {self._problem}"]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. Stops between two steps."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def run_once(self, now_ns: int) -> None:
        """Delete what is due. Raises DatabaseUnavailable."""
        oldest_ns = now_ns - int(self._settings.days * DAY_NS)
        self.delete_events(min(max(oldest_ns, self._surplus_ns()), now_ns) // HOUR_NS * HOUR_NS)
        for aged in AGED:
            self._delete(aged.table, aged.key, aged.time < oldest_ns)
        self._delete_media(media.c.captured_at_ns < oldest_ns)
        self._shrink_media()
        self._measure()

    def delete_events(self, before_ns: int) -> int:
        """Delete the events of the hours before that one, and their counts; returns how many."""
        deleted = self._delete(events, events.c.seq, events.c.captured_at_ns < before_ns, events.c.captured_at_ns)
        with self._database.write() as connection:
            for table in (event_counts, event_hours):
                connection.execute(delete(table).where(table.c.hour < before_ns // HOUR_NS))
        return deleted

    def sweep(self) -> int:
        """Delete files that a crash left without a row; returns how many."""
        before_s = time.time() - _ORPHAN_S  # younger ones may be about to get theirs
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
                self.run_once(time.time_ns())
                if not swept:
                    self.sweep()
                    swept = True
                self._problem = None
            except DatabaseError as error:
                self._problem = str(error)
            except Exception as error:
                log.exception("retention_failed")
                self._problem = f"{type(error).__name__}: {error}"[:300]

    def _surplus_ns(self) -> int:
        """Before which hour there are more events than are to be kept; 0 when there are not."""
        with self._database.read() as connection:
            total = connection.scalar(select(func.sum(event_hours.c.count))) or 0
            over = int(total) - self._settings.events
            if over <= 0:
                return 0
            hours = connection.execute(
                select(event_hours.c.hour, func.sum(event_hours.c.count))
                .group_by(event_hours.c.hour)
                .order_by(event_hours.c.hour)
            )
            for hour, count in hours:
                over -= int(count)
                if over <= 0:
                    return (int(hour) + 1) * HOUR_NS
        return 0

    def _shrink_media(self) -> None:
        """The oldest files go until the rest is small enough."""
        while not self._closing.is_set():
            with self._database.read() as connection:
                over = (connection.scalar(select(func.sum(media.c.bytes))) or 0) - self._settings.media_bytes
                if over <= 0:
                    return
                rows = connection.execute(
                    select(media.c.captured_at_ns, media.c.bytes).order_by(media.c.captured_at_ns).limit(_STEP)
                ).all()
            self._delete_media(media.c.captured_at_ns <= _last_to_go(rows, over))

    def _delete_media(self, condition: ColumnElement[bool]) -> None:
        while not self._closing.is_set():
            with self._database.write() as connection:
                query = select(media.c.id, media.c.path).where(condition).order_by(media.c.captured_at_ns).limit(_STEP)
                rows = connection.execute(query).all()
                connection.execute(delete(media).where(media.c.id.in_([row.id for row in rows])))
            self._store.unlink([row.path for row in rows])
            _DELETED.labels("media").inc(len(rows))
            if len(rows) < _STEP:
                return
            self._closing.wait(_PAUSE_S)

    def _delete(
        self, table: Table, key: Column[Any], condition: ColumnElement[bool], order: Column[Any] | None = None
    ) -> int:
        query = select(key).where(condition)
        keys = (query if order is None else query.order_by(order)).limit(_STEP)
        total = 0
        while not self._closing.is_set():
            with self._database.write() as connection:
                gone = connection.execute(delete(table).where(key.in_(keys))).rowcount
            total += gone
            _DELETED.labels(table.name).inc(gone)
            if gone < _STEP:
                break
            self._closing.wait(_PAUSE_S)
        return total

    def _measure(self) -> None:
        with self._database.read() as connection:
            _MEDIA.set(connection.scalar(select(func.sum(media.c.bytes))) or 0)
            _STORED.set(connection.scalar(select(func.sum(event_hours.c.count))) or 0)


def _last_to_go(rows: Sequence[Any], over: int) -> int:
    """The time up to which files make up `over` bytes; of (time, bytes), in order."""
    for at_ns, size in rows:
        over -= size
        if over <= 0:
            return int(at_ns)
    return int(rows[-1][0])
