"""Finding events: filters, pages, cursors. Blocks; any thread."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Column, ColumnElement, Connection, Select, func, select, union_all

from monitoring.core.errors import BadQuery, EventUnknown
from monitoring.store.cursor import after_cursor, cursor_of
from monitoring.store.tables import events
from monitoring.store.visible import by_name, choose, distinct_values, visible
from stream.config import StreamId
from workers.access.principal import StreamScope
from workers.bus.event import Event, Kind, Severity

ALERTS: tuple[Kind, ...] = ("alert", "alert_ended")
_ANY = "Repeatable: any of them will do."
A_PERSON = "an id, or, for who may see names, a name."
_KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBER = re.compile(r"\s*[-+]?\d+(\.\d*)?\s*")


def _written(value: Any) -> Any:
    """Refuses a bare number, which pydantic would take for seconds, or milliseconds, since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise PydanticCustomError("datetime_parsing", "not a date and time")
    return value


Moment = Annotated[datetime, BeforeValidator(_written)]
"""A time in a query, such as 2026-11-30T08:00:00Z."""


class EventFilters(BaseModel):
    """Which events. Of a field named several times any value will do; fields narrow each other."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    since: Moment | None = Field(default=None, description="From this time on; UTC unless it says otherwise.")
    until: Moment | None = Field(default=None, description="Before this time.")
    stream: list[StreamId] = Field(default=[], max_length=64, description=f"The camera. {_ANY}")
    kind: list[Kind] = Field(default=[], max_length=16, description=f"What happened. {_ANY}")
    label: list[str] = Field(default=[], max_length=32, description=f"The label of the track then. {_ANY}")
    zone: list[str] = Field(default=[], max_length=32, description=f"The name of a zone. {_ANY}")
    line: list[str] = Field(default=[], max_length=32, description=f"The name of a line. {_ANY}")
    direction: list[Literal["in", "out"]] = Field(default=[], max_length=2, description="Of line crossings.")
    person: list[str] = Field(default=[], max_length=32, description=f"Whose track it is: {A_PERSON} {_ANY}")
    rule: list[str] = Field(default=[], max_length=32, description=f"The rule, of alerts. {_ANY}")
    severity: list[Severity] = Field(default=[], max_length=3, description=f"Of alerts. {_ANY}")
    session: str | None = Field(default=None, max_length=64, description="The stream's session.")
    track: int | None = Field(default=None, ge=-(2**62), le=2**62, description="The number of a track in its session.")
    min_confidence: float | None = Field(default=None, ge=0, le=1, description="Of the detection.")
    alert: bool | None = Field(default=None, description="true: alerts, and that they ended, only; false: neither.")

    @field_validator("kind", mode="before")
    @classmethod
    def _known_kinds(cls, kinds: list[Any]) -> list[Any]:
        for kind in kinds:
            if kind not in _KINDS:
                raise ValueError(f"unknown event kind {kind!r}; there are: {', '.join(_KINDS)}")
        return kinds

    @model_validator(mode="after")
    def _alerts(self) -> Self:
        """`alert=true` is short for their kinds."""
        if self.alert and not self.kind:
            self.kind = list(ALERTS)
        return self


class PageQuery(EventFilters):
    """One page."""

    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="How many events at most.")
    order: Literal["newest", "oldest"] = Field(default="newest", description="Which come first.")


Filters = TypeVar("Filters", bound=EventFilters)


@dataclass(frozen=True, slots=True)
class Page:
    """Events as they are stored (JSON), in order; `next` is the cursor of the page that follows, None at the end."""

    rows: Sequence[Any]
    next: str | None


_EQUAL: tuple[tuple[str, Column[Any]], ...] = (
    ("kind", events.c.kind),
    ("zone", events.c.zone),
    ("label", events.c.label),
    ("stream", events.c.stream_id),
    ("person", events.c.person),
)
"""Filters that have an index with the time behind."""

_INDEXES = {
    "zone": "ix_events_zone",
    "kind": "ix_events_kind",
    "label": "ix_events_label",
    "stream_id": "ix_events_stream",
    "person": "ix_events_person",
}
_LOOK = 3000

_OTHER: tuple[tuple[str, Column[Any]], ...] = (
    ("line", events.c.line),
    ("direction", events.c.direction),
    ("rule", events.c.rule),
    ("severity", events.c.severity),
)


def time_ns(moment: datetime) -> int:
    """Nanoseconds since 1970. Raises BadQuery for times that no event has."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    seconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    if not 0 <= seconds < 2**32:
        raise BadQuery(f"{moment.isoformat()}: no event has such a time (1970 to 2106)")
    return int(seconds) * 1_000_000_000 + aware.microsecond * 1000


def page_of(connection: Connection, query: PageQuery, scope: StreamScope) -> Page:
    """The events of a page, of streams in the scope. Raises BadQuery."""
    newest = query.order == "newest"
    query, seen = narrowed(query, by_name(connection, events.c.stream_id, query.stream, scope))
    times = [*_times(query), *after_cursor(events, query.cursor, newest)]
    rows = connection.execute(_select(connection, query, times, seen)).mappings().all()
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    return Page(shown, cursor_of(shown[-1], newest) if more else None)


def event_of(connection: Connection, event_id: uuid.UUID, scope: StreamScope) -> Any:
    """One event's row. Raises EventUnknown, also where its stream is not in the scope."""
    query = select(events).where(events.c.id == event_id, *visible(events.c.stream_id, scope))
    found = connection.execute(query).mappings().first()
    if found is None:
        raise EventUnknown(f"there is no event {event_id}, or it was deleted")
    return found


def narrowed(query: Filters, scope: StreamScope) -> tuple[Filters, tuple[ColumnElement[bool], ...]]:
    """The query with the streams in the scope only, and what is to be demanded of events besides."""
    chosen = choose(events.c.stream_id, query.stream, scope)
    return query.model_copy(update={"stream": chosen.names}), chosen.conditions


def conditions(filters: EventFilters) -> list[ColumnElement[bool]]:
    """All filters, times included, of a query that `narrowed` returned. Raises BadQuery."""
    return [*_times(filters), *(column.in_(values) for column, values in _indexed(filters)), *_rest(filters)]


def wanted_by(filters: EventFilters, event: Event, scope: StreamScope) -> bool:
    """Whether an event is of a stream in the scope and passes the filters; times do not count."""
    if event.stream_id not in scope:
        return False
    values = {**dict(event), "stream": event.stream_id}
    named = all(values[name] in getattr(filters, name) for name, _ in (*_EQUAL, *_OTHER) if getattr(filters, name))
    return (
        named
        and filters.session in (None, event.session)
        and filters.track in (None, event.track_id)
        and (filters.min_confidence is None or (event.confidence or 0) >= filters.min_confidence)
        and (filters.alert is None or filters.alert == (event.kind in ALERTS))
    )


def _select(
    connection: Connection,
    query: PageQuery,
    times: list[ColumnElement[bool]],
    seen: Sequence[ColumnElement[bool]],
) -> Select[Any]:
    """Walks along one index in the order of time, once for each value of that filter, and stops when it has enough.

    Which index is said outright: left alone, SQLite walks along all events where a filter leaves none of them, or sorts
    all that pass a filter of several values.
    """
    in_session = query.session is not None or query.track is not None
    leading = None if in_session else _leading(connection, query, times)
    others = [column.in_(values) for column, values in _indexed(query) if leading is None or column is not leading[0]]
    if query.track is not None and query.session is None:  # that number in each session
        others.append(events.c.session.in_(distinct_values(events.c.session)))
    newest = query.order == "newest"
    base = select(events).where(*times, *others, *_rest(query), *seen)
    order = [column.desc() if newest else column.asc() for column in (events.c.captured_at_ns, events.c.seq)]
    if leading is None:
        index = "ix_events_session" if in_session else "ix_events_time"
        return _along(base, index).order_by(*order).limit(query.limit + 1)
    column, values = leading
    base = _along(base, _INDEXES[column.name]).order_by(*order).limit(query.limit + 1)
    each = [base.where(column == value) for value in values]
    if len(each) == 1:
        return each[0]
    found = union_all(*(select(one.subquery()) for one in each)).subquery()
    order = [found.c[name].desc() if newest else found.c[name].asc() for name in ("captured_at_ns", "seq")]
    return select(found).order_by(*order).limit(query.limit + 1)


def _along(query: Select[Any], index: str) -> Select[Any]:
    """By that index (https://www.sqlite.org/lang_indexedby.html); PostgreSQL decides by itself, and knows better."""
    return query.with_hint(events, f"INDEXED BY {index}", "sqlite")


def _indexed(filters: EventFilters) -> list[tuple[Column[Any], list[Any]]]:
    found = [(column, list(dict.fromkeys(getattr(filters, name)))) for name, column in _EQUAL]
    return [(column, values) for column, values in found if values]


def _leading(
    connection: Connection, query: PageQuery, times: list[ColumnElement[bool]]
) -> tuple[Column[Any], list[Any]] | None:
    """The filter that fewest events pass, as far as a look of bounded length can tell; else the first of them."""
    candidates = _indexed(query)
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    looks = [
        select(func.count()).select_from(
            _along(select(column).where(*times, column == value), _INDEXES[column.name]).limit(_LOOK).subquery()
        )
        for column, values in candidates
        for value in values
    ]
    counts = iter(connection.execute(select(*(look.scalar_subquery() for look in looks))).one())
    sizes = [sum(next(counts) for _ in values) for _, values in candidates]
    return candidates[sizes.index(min(sizes))]


def _times(filters: EventFilters) -> list[ColumnElement[bool]]:
    found = []
    if filters.since is not None:
        found.append(events.c.captured_at_ns >= time_ns(filters.since))
    if filters.until is not None:
        found.append(events.c.captured_at_ns < time_ns(filters.until))
    return found


def _rest(filters: EventFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        column.in_(values) for name, column in _OTHER if (values := getattr(filters, name))
    ]
    if filters.session is not None:
        found.append(events.c.session == filters.session)
    if filters.track is not None:
        found.append(events.c.track_id == filters.track)
    if filters.min_confidence is not None:
        found.append(events.c.confidence >= filters.min_confidence)
    if filters.alert is not None:
        is_alert = events.c.kind.in_(ALERTS)
        found.append(is_alert if filters.alert else ~is_alert)
    return found
