"""Deletes events by whole hours, of one kind on one stream where need be: so counts and rows agree. One thread.

What is counted by hours tells which hours have something to delete, and an index leads to the events of one hour and
stream: nothing else is read, however much is kept of other kinds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from monitoring.retention.steps import DeletionSteps, delete_rows
from monitoring.store.query import ALERTS
from monitoring.store.retention_policy import RetentionPolicy
from monitoring.store.tables import event_counts, event_hours, events
from monitoring.store.writes import HOUR_NS

Counted = tuple[int, str, str]
"""Hour since 1970, kind, stream."""

_COUNTED_IN = (event_hours, event_counts)
"""In the order in which they are counted: so two writers on PostgreSQL do not wait for each other for ever."""

Due = Mapping[tuple[str, str], int]
"""Kind and stream → before which hour their events are to go."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """Events of an hour: those of these kinds on a stream, or on every stream.

    All of an hour has its kinds too: an alert that is stored late, while others are deleted, is none of them.
    """

    hour: int
    kinds: tuple[str, ...]
    stream_id: str | None = None

    def of(self, table: Table, hour: Iterable[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
        """As conditions on `table`. hour: those that say which hour."""
        found = [*hour, table.c.kind.in_(self.kinds)]
        if self.stream_id is not None:
            found.append(table.c.stream_id == self.stream_id)
        return found


class EventDeletion:
    """The events of the present hour stay."""

    def __init__(self, steps: DeletionSteps, policy: RetentionPolicy) -> None:
        self._steps = steps
        self._policy = policy

    def delete_before(self, before_ns: int) -> int:
        """Delete all events of the hours before that one; returns how many. Raises DatabaseUnavailable."""
        old = delete_rows(events, events.c.seq, events.c.captured_at_ns < before_ns, order=events.c.captured_at_ns)

        def uncount(connection: Connection) -> None:
            for table in _COUNTED_IN:
                connection.execute(delete(table).where(table.c.hour < before_ns // HOUR_NS))

        return self._steps.run("events", old, uncount)

    def delete_expired(self, now_ns: int) -> int:
        """Delete what is kept for a shorter time than other events. Raises DatabaseUnavailable."""

        def before(kind: str, stream_id: str) -> int:
            return (now_ns - self._policy.kept_ns(kind, stream_id)) // HOUR_NS

        with self._steps.database.read() as connection:
            first = select(event_hours.c.kind, event_hours.c.stream_id, func.min(event_hours.c.hour).label("hour"))
            oldest = connection.execute(first.group_by(event_hours.c.kind, event_hours.c.stream_id)).all()
            overdue = [row for row in oldest if row.hour < before(row.kind, row.stream_id)]
            if not overdue:
                return 0
            due = {(row.kind, row.stream_id): before(row.kind, row.stream_id) for row in overdue}
            counted = _counted(connection, min(row.hour for row in overdue), max(due.values()))
        return self._delete(counted, due)

    def delete_surplus(self, now_ns: int) -> int:
        """Delete the oldest hours until no more events are left than are allowed, alerts and their ends last.

        Returns before which time (ns) nothing else is left, 0 when there was no surplus. Raises DatabaseUnavailable.
        """
        before_ns = 0
        for alerts_too in (False, True):
            with self._steps.database.read() as connection:
                over = (connection.scalar(select(func.sum(event_hours.c.count))) or 0) - self._policy.settings.events
                if over <= 0:
                    return before_ns
                before = _hour_before(connection, over, now_ns // HOUR_NS, () if alerts_too else ALERTS)
                counted = _counted(connection, 0, before)
            spared = () if alerts_too else ALERTS
            self._delete(counted, {(kind, stream): before for _, kind, stream in counted if kind not in spared})
            before_ns = max(before_ns, before * HOUR_NS)
        return before_ns

    def _delete(self, counted: Iterable[Counted], due: Due) -> int:
        return sum(self._delete_slice(one) for one in _slices(counted, due))

    def _delete_slice(self, one: _Slice) -> int:
        begin_ns = one.hour * HOUR_NS
        time = (events.c.captured_at_ns >= begin_ns, events.c.captured_at_ns < begin_ns + HOUR_NS)

        def uncount(connection: Connection) -> None:
            for table in _COUNTED_IN:
                connection.execute(delete(table).where(*one.of(table, [table.c.hour == one.hour])))

        return self._steps.run("events", delete_rows(events, events.c.seq, *one.of(events, time)), uncount)


def _counted(connection: Connection, first: int, before: int) -> list[Counted]:
    """What is counted from one hour on and before another, in order."""
    hours = event_hours.c.hour
    query = select(hours, event_hours.c.kind, event_hours.c.stream_id).where(hours >= first, hours < before)
    return [(hour, kind, stream) for hour, kind, stream in connection.execute(query.order_by(hours))]


def _slices(counted: Iterable[Counted], due: Due) -> Iterator[_Slice]:
    """What is due, an hour as a whole where all of it is."""
    hours: dict[int, list[Counted]] = defaultdict(list)
    for one in counted:
        hours[one[0]].append(one)
    for hour, found in hours.items():
        streams: dict[str, list[str]] = defaultdict(list)
        for _, kind, stream_id in found:
            if hour < due.get((kind, stream_id), 0):
                streams[stream_id].append(kind)
        if sum(map(len, streams.values())) == len(found):
            yield _Slice(hour, tuple(sorted({kind for _, kind, _ in found})))
        else:
            yield from (_Slice(hour, tuple(kinds), stream_id) for stream_id, kinds in streams.items())


def _hour_before(connection: Connection, over: int, present: int, spared: tuple[str, ...]) -> int:
    """Before which hour there are `over` events of kinds that are not spared; the present one at the latest."""
    query = select(event_hours.c.hour, func.sum(event_hours.c.count)).where(
        event_hours.c.hour < present, event_hours.c.kind.not_in(spared)
    )
    for hour, count in connection.execute(query.group_by(event_hours.c.hour).order_by(event_hours.c.hour)):
        over -= int(count)
        if over <= 0:
            return int(hour) + 1
    return present
