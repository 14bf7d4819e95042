"""What is known of zone visits, line crossings, alerts and events: by the rows of events. Blocks; any thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Float, Select, cast, func, select, type_coerce

from monitoring.ask.plan import By
from monitoring.ask.stored_counts import BY_COUNTS, stored_counts
from monitoring.ask.target import Item, Lengths, Tally, Target, folded, moment_of
from monitoring.store.query import EventFilters, PageQuery, conditions, narrowed, page_of
from monitoring.store.tables import events
from monitoring.store.writes import HOUR_NS
from workers.bus.event import Kind

_QUARTER_NS = HOUR_NS // 4
_KINDS: dict[str, list[Kind]] = {
    "entries": ["zone_entered"],
    "leavings": ["zone_left"],
    "crossings": ["line_crossed"],
    "alerts": ["alert"],
}
_BY: dict[str, Column[Any]] = {
    "camera": events.c.stream_id,
    "zone": events.c.zone,
    "label": events.c.label,
    "person": events.c.person,
    "rule": events.c.rule,
}


class EventFacts:
    """Facts of the events that a plan is about. tracks_once: a track counts once, however often it entered."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._plan = plan = target.plan
        self._once = plan.subject in ("entries", "leavings") and plan.intent != "how_often"
        self._filters = EventFilters(
            since=moment_of(target.since_ns),
            until=moment_of(target.until_ns),
            stream=plan.camera,
            kind=_KINDS.get(plan.subject, plan.kind),
            label=plan.label,
            zone=plan.zone,
            line=plan.line,
            direction=[plan.direction] if plan.direction else [],
            rule=plan.rule,
            severity=plan.severity,
            min_confidence=plan.min_confidence,
        )

    def count(self) -> int:
        """See Facts."""
        if not self._once and self._is_stored:
            return sum(one.count for one in stored_counts(self._target, self._filters.kind))
        if not self._once:
            return int(self._target.connection.scalar(self._select(func.count())) or 0)
        found = self._select(events.c.session, events.c.track_id).distinct().subquery()
        return int(self._target.connection.scalar(select(func.count()).select_from(found)) or 0)

    def groups(self, by: By) -> Sequence[Tally]:
        """See Facts."""
        if self._is_stored and by in BY_COUNTS and self._plan.intent != "where":
            return [one for one in stored_counts(self._target, self._filters.kind, by) if one.value is not None]
        if by in ("hour", "day"):
            slot = events.c.captured_at_ns - events.c.captured_at_ns % _QUARTER_NS
            rows = self._target.connection.execute(self._select(slot, func.count()).group_by(slot))
            return folded({int(at_ns): int(count) for at_ns, count in rows}, by, self._target.zone)
        column, at = _BY[by], events.c.captured_at_ns
        grouped = self._select(column, func.count(), func.min(at), func.max(at)).group_by(column)
        return [Tally(value, int(count), *ends) for value, count, *ends in self._target.connection.execute(grouped)]

    def items(self, *, newest: bool, limit: int) -> Sequence[Item]:
        """See Facts."""
        at, seq = events.c.captured_at_ns, events.c.seq
        if self._is_plain:
            query = PageQuery(**self._filters.model_dump(), limit=limit, order="newest" if newest else "oldest")
            return [_item(row) for row in page_of(self._target.connection, query, self._target.scope).rows]
        order_by = (at.desc(), seq.desc()) if newest else (at, seq)
        rows = self._target.connection.execute(self._select(events).order_by(*order_by).limit(limit))
        return [_item(row) for row in rows.mappings()]

    def lengths(self) -> Lengths:
        """See Facts."""
        lasted = self._duration
        count, total, longest = self._target.connection.execute(
            self._select(func.count(lasted), func.sum(lasted), func.max(lasted))
        ).one()
        return Lengths(int(count), float(total or 0), float(longest or 0))

    @property
    def _is_plain(self) -> bool:
        """Whether the filters of pages say all."""
        plan = self._plan
        rest = (self._target.people, plan.named, plan.min_duration_s, plan.max_duration_s)
        return len(self._target.spans) == 1 and all(one is None for one in rest)

    @property
    def _is_stored(self) -> bool:
        """Whether counts that are stored already tell: nothing but camera, label and zone is asked for."""
        plan = self._plan
        named = (*plan.line, *plan.rule, *plan.severity)
        rest = (self._target.people, plan.named, plan.direction, plan.min_confidence)
        lengths = (plan.min_duration_s, plan.max_duration_s)
        return not named and all(one is None for one in (*rest, *lengths))

    @property
    def _duration(self) -> ColumnElement[float]:
        """`duration_s` of the body, which has no column."""
        body: Any = events.c.body
        if self._target.connection.dialect.name == "sqlite":
            stored: ColumnElement[float] = type_coerce(body, JSON)["duration_s"].as_float()
            return stored
        return cast(cast(body, JSON)["duration_s"].as_string(), Float)

    def _select(self, *columns: Any) -> Select[Any]:
        filters, seen = narrowed(self._filters, self._target.scope)
        where = [*conditions(filters), *seen, *self._target.within(events.c.captured_at_ns), *self._rest()]
        index = "ix_events_zone" if filters.zone else "ix_events_kind" if filters.kind else "ix_events_time"
        return select(*columns).where(*where).with_hint(events, f"INDEXED BY {index}", "sqlite")

    def _rest(self) -> list[ColumnElement[bool]]:
        plan = self._plan
        found: list[ColumnElement[bool]] = []
        if self._target.people is not None:
            found.append(events.c.person.in_(self._target.people))
        if plan.named is False:
            found.append(events.c.person.is_(None))
        if plan.min_duration_s is not None:
            found.append(self._duration >= plan.min_duration_s)
        if plan.max_duration_s is not None:
            found.append(self._duration < plan.max_duration_s)
        return found


def _item(row: Any) -> Item:
    return Item(
        row["captured_at_ns"], row["stream_id"], person=row["person"], label=row["label"], zone=row["zone"], row=row
    )
