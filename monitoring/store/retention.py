"""Deletes what is old or too much: rows and files together, in steps so short that writers need not wait. Own thread.

Events go by whole hours, as they are counted by hours; the present hour stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, select

from monitoring.store.media import MediaStore
from monitoring.store.retention_clock import Expiry
from monitoring.store.tables import AGED, event_counts, event_hours, events, media
from monitoring.store.writes import DAY_NS, HOUR_NS
from workers.database.database import Database
from workers.errors import DatabaseError

log = structlog.get_logger(__name__)

_STEP = 1000  # rows a transaction: some ten milliseconds
_PAUSE_S = 0.002  # between two steps, for writers that wait
_FIRST_S = 60.0
_ORPHAN_S = 3600.0

_DELETED = Counter("livesight_retention_deleted_rows", "Rows that were deleted for their age or number.", ["table"])
_RUNS = Counter("livesight_retention_runs", "How often retention looked for what is due.")
_MEDIA = Gauge("livesight_media_bytes", "Size of the stored snapshots and clips.")
_STORED = Gauge("livesight_events_stored", "Events in the database.")


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many rows a step deleted, and which files (monitoring/store/media.py) are to go once that is committed."""

    rows: int
    paths: list[str]


DeleteStep = Callable[[Connection, int, int], Deleted]
"""(connection, before_ns, most) → what was deleted of before that time, `most` rows at most."""


class Retention:
    """A BackgroundService. `run_once` is what its thread does now and then, while this process's monitor works."""

    def __init__(
        self,
        expiry: Expiry,
        database: Database,
        store: MediaStore,
        active: Callable[[], bool],
        with_events: Mapping[str, DeleteStep] = MappingProxyType({}),
    ) -> None:
        """with_events: by table, what goes with the events of its hour."""
        self._with_events = with_events
        self._expiry = expiry
        self._settings = expiry.settings
        self._database = database
        self._store = store
        self._active = active
        self._problem: str | None = None
        self._waits = False
        self._closing = threading.Event()
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

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. Stops between two steps."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def run_once(self, now_ns: int, *, by_age: bool = True) -> None:
        """Delete what is too much, and `by_age` what is too old. Raises DatabaseUnavailable."""
        oldest_ns = now_ns - int(self._settings.days * DAY_NS) if by_age else 0
        self.delete_events(min(max(oldest_ns, self._surplus_ns()), now_ns) // HOUR_NS * HOUR_NS)
        for aged in AGED:
            self._delete(aged.table, aged.key, aged.time < oldest_ns)
        self._delete_media(media.c.captured_at_ns < oldest_ns)
        self._shrink_media()
        self._measure()

    def delete_events(self, before_ns: int) -> int:
        """Delete the events of the hours before that one, their counts, and what goes with them; returns how many."""
        deleted = self._delete(events, events.c.seq, events.c.captured_at_ns < before_ns, events.c.captured_at_ns)
        with self._database.write() as connection:
            for table in (event_counts, event_hours):
                connection.execute(delete(table).where(table.c.hour < before_ns // HOUR_NS))
        for table_name, step in self._with_events.items():
            self._delete_with_events(table_name, step, before_ns)
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

    def _surplus_ns(self) -> int:
        """Before which time to delete so that no more events are left than allowed; 0 when there are not too many."""
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

    def _delete_with_events(self, table_name: str, step: DeleteStep, before_ns: int) -> None:
        while not self._closing.is_set():
            with self._database.write() as connection:
                gone = step(connection, before_ns, _STEP)
            self._store.unlink(gone.paths)
            _DELETED.labels(table_name).inc(gone.rows)
            if gone.rows < _STEP:
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
