"""How many events there were, by time and by what they are. Blocks; any thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from monitoring.core.errors import BadQuery
from monitoring.store.query import ALERTS, EventFilters, conditions, narrowed, time_ns
from monitoring.store.tables import event_counts, event_hours, events
from monitoring.store.visible import choose
from monitoring.store.writes import HOUR_NS
from workers.access.principal import StreamScope
from workers.database.database import MANY_ROWS

Bucket = Literal["minute", "hour", "day", "week", "month"]
By = Literal["kind", "label", "stream", "zone", "line", "direction", "person"]

_MINUTE_NS = 60_000_000_000
_QUARTER_NS = 15 * _MINUTE_NS  # every time zone's offset is a multiple of that
_MOST_BUCKETS = 20_000
_QUARTERS: dict[Bucket, int] = {"minute": 1, "hour": 4, "day": 100, "week": 676, "month": 2980}
"""How many rows a bucket has at the most, of a minute or a quarter each, with the hour that ends summer."""
_COUNTED = {"stream": "stream_id", "kind": "kind", "label": "label", "zone": "zone"}
_BY_HAND = ("line", "direction", "person")  # not counted by hours: an index leads to their events


class CountQuery(EventFilters):
    """What to count, and by what."""

    bucket: Bucket = Field(default="hour", description="How long the time is that is counted together.")
    by: By | None = Field(default=None, description="Count each value of this by itself.")
    tz: str = Field(default="UTC", max_length=64, description="Whose hours, days, weeks and months, as Europe/Berlin.")

    @field_validator("tz")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"there is no time zone {name}")
        return name


@dataclass(frozen=True, slots=True)
class EventTotal:
    """So many in the bucket that begins there. `value`: of what it is counted by, None where an event has none."""

    start: datetime
    count: int
    value: str | None = None


def counts_of(connection: Connection, query: CountQuery, scope: StreamScope) -> list[EventTotal]:
    """Of streams in the scope, by time, oldest first; buckets without an event are left out.

    Raises BadQuery as soon as there are too many: no more are ever held.
    """
    zone = ZoneInfo(query.tz)
    scan = _by_hour if _hours_do(query, zone) else _by_scan
    found: Counter[tuple[int, str | None]] = Counter()
    with closing(scan(connection, query, scope, _Span.of(query))) as rows:
        for at_ns, value, count in rows:
            found[_start_s(at_ns, query.bucket, zone), value or None] += int(count)
            if len(found) > _MOST_BUCKETS:
                raise _too_many()
    ordered = sorted(found.items(), key=lambda one: (one[0][0], one[0][1] or ""))
    return [EventTotal(datetime.fromtimestamp(start_s, zone), count, value) for (start_s, value), count in ordered]


@dataclass(frozen=True, slots=True)
class _Span:
    """From when, and before when; None: without end."""

    since_ns: int | None
    until_ns: int | None

    @classmethod
    def of(cls, query: CountQuery) -> _Span:
        """What is asked for. Raises BadQuery."""
        return cls(*(None if moment is None else time_ns(moment) for moment in (query.since, query.until)))

    def parts(self) -> tuple[list[_Span], _Span]:
        """What lies before the first and after the last whole hour, and those hours."""
        first_ns = None if self.since_ns is None else -(-self.since_ns // HOUR_NS) * HOUR_NS
        last_ns = None if self.until_ns is None else self.until_ns // HOUR_NS * HOUR_NS
        if first_ns is not None and last_ns is not None and first_ns >= last_ns:
            return [self], _Span(0, 0)
        edges = []
        if self.since_ns != first_ns:
            edges.append(_Span(self.since_ns, first_ns))
        if self.until_ns != last_ns:
            edges.append(_Span(last_ns, self.until_ns))
        return edges, _Span(first_ns, last_ns)

    def limits(self, column: ColumnElement[int], unit_ns: int = 1) -> list[ColumnElement[bool]]:
        """As conditions on a column that counts in units."""
        found: list[ColumnElement[bool]] = []
        if self.since_ns is not None:
            found.append(column >= self.since_ns // unit_ns)
        if self.until_ns is not None:
            found.append(column < self.until_ns // unit_ns)
        return found


def _hours_do(query: CountQuery, zone: ZoneInfo) -> bool:
    """Whether what is counted by hours already answers: buckets of hours, and only what they are counted by."""
    if query.by in _BY_HAND or query.line or query.direction or query.person or query.rule or query.severity:
        return False
    others = (query.session, query.track, query.min_confidence)
    return query.bucket != "minute" and all(other is None for other in others) and _even(zone)


def _even(zone: ZoneInfo) -> bool:
    """Whether its hours begin with those of UTC, in summer and winter of these years."""
    year = datetime.now(UTC).year
    moments = (datetime(year - back, month, 1, tzinfo=zone) for back in (0, 1, 2) for month in (1, 7))
    return all((moment.utcoffset() or timedelta()) % timedelta(hours=1) == timedelta() for moment in moments)


def _by_hour(connection: Connection, query: CountQuery, scope: StreamScope, span: _Span) -> Generator[Any]:
    """From the smallest table that knows what is asked for; parts of hours at the ends from the events."""
    edges, whole = span.parts()
    table = event_counts if query.label or query.zone or query.by in ("label", "zone") else event_hours
    columns = {name: table.c[column] for name, column in _COUNTED.items() if column in table.c}
    value = columns[query.by] if query.by else literal("")
    chosen = choose(table.c.stream_id, query.stream, scope)
    wanted = {name: getattr(query, name) for name in columns} | {"stream": chosen.names}
    where = [*chosen.conditions, *(columns[name].in_(values) for name, values in wanted.items() if values)]
    where += whole.limits(table.c.hour, HOUR_NS)
    if query.alert is not None:
        is_alert = table.c.kind.in_(ALERTS)
        where.append(is_alert if query.alert else ~is_alert)
    groups = [table.c.hour, *([value] if query.by else [])]
    found = select(table.c.hour * HOUR_NS, value, func.sum(table.c.count)).where(*where)
    yield from _bounded(connection, found.group_by(*groups), query.bucket)
    for edge in edges:
        yield from _by_scan(connection, query, scope, edge)


def _by_scan(connection: Connection, query: CountQuery, scope: StreamScope, span: _Span) -> Generator[Any]:
    """Reads the events themselves."""
    step = _MINUTE_NS if query.bucket == "minute" else _QUARTER_NS
    slot = events.c.captured_at_ns - events.c.captured_at_ns % step
    value = events.c[_COUNTED.get(query.by, query.by)] if query.by else literal("")
    groups = [slot, *([value] if query.by else [])]
    query, seen = narrowed(query, scope)
    where = [*conditions(query), *seen, *span.limits(events.c.captured_at_ns)]
    yield from _bounded(connection, select(slot, value, func.count()).where(*where).group_by(*groups), query.bucket)


def _bounded(connection: Connection, groups: Select[Any], bucket: Bucket) -> Generator[Any]:
    """The rows, some at a time. Raises BadQuery for more than buckets that are not too many have."""
    most = _MOST_BUCKETS * _QUARTERS[bucket]
    with connection.execute(groups.limit(most + 1), execution_options=MANY_ROWS) as rows:
        for number, row in enumerate(rows):
            if number == most:
                raise _too_many()
            yield row


def _too_many() -> BadQuery:
    return BadQuery(f"bucket: more than {_MOST_BUCKETS} counts; choose a larger bucket, or less time")


@lru_cache(maxsize=4096)
def _start_s(at_ns: int, bucket: Bucket, zone: ZoneInfo) -> int:
    """Where the bucket of that time begins, in seconds since 1970.

    Not the local time: the two that one hour has when summer ends are equal, and have the same hash.
    """
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, zone)
    if bucket == "minute":
        start = moment.replace(second=0)
    elif bucket == "hour":
        start = moment.replace(minute=0, second=0)
    else:
        start = moment.replace(hour=0, minute=0, second=0, fold=0)
        if bucket == "week":
            start -= timedelta(days=moment.weekday())
        elif bucket == "month":
            start = start.replace(day=1)
    return int(start.timestamp())
