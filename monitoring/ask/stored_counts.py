"""Counts that are stored by hour already (monitoring/store/aggregates.py), over a plan's pieces of time. Blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from monitoring.ask.plan import By
from monitoring.ask.target import Span, Tally, Target, moment_of, start_of
from monitoring.store.aggregates import By as CountedBy
from monitoring.store.aggregates import CountQuery, EventTotal, counts_of
from monitoring.store.query import time_ns
from monitoring.store.writes import HOUR_NS
from workers.bus.event import Kind

_FEW = 3
"""So many pieces of time are asked for one by one; more of them by hour, all at once."""
_BY: dict[By, CountedBy] = {"camera": "stream", "zone": "zone", "label": "label"}
BY_COUNTS: frozenset[By] = frozenset({*_BY, "hour", "day"})
"""What stored counts can be told apart by."""


def stored_counts(target: Target, kinds: Sequence[Kind], by: By | None = None) -> list[Tally]:
    """How many events of these kinds, of the plan's cameras, labels and zones, by a value; in all as one of None."""
    found: Counter[str | None] = Counter()
    for one in _totals(target, kinds, by):
        found[_value(one, by, target)] += one.count
    return [Tally(value, count) for value, count in found.items()]


def _totals(target: Target, kinds: Sequence[Kind], by: By | None) -> Iterator[EventTotal]:
    if len(target.spans) <= _FEW or not _by_whole_hours(target.spans):
        bucket = "hour" if by == "hour" else "day"
        for span in target.spans:
            yield from counts_of(target.connection, _query(target, kinds, by, span, bucket), target.scope)
        return
    whole = (target.since_ns, target.until_ns)
    spans = iter(target.spans)
    current = next(spans)
    for one in counts_of(target.connection, _query(target, kinds, by, whole, "hour"), target.scope):
        at_ns = time_ns(one.start)
        while at_ns >= current[1]:
            current = next(spans, (2**63, 2**63))
        if at_ns >= current[0] // HOUR_NS * HOUR_NS:
            yield one


def _by_whole_hours(spans: Sequence[Span]) -> bool:
    """Whether all begin and end with an hour, but for the first beginning and the last end."""
    edges = [edge for span in spans for edge in span][1:-1]
    return all(edge % HOUR_NS == 0 for edge in edges)


def _query(target: Target, kinds: Sequence[Kind], by: By | None, span: Span, bucket: str) -> CountQuery:
    plan = target.plan
    return CountQuery(
        since=moment_of(span[0]),
        until=moment_of(span[1]),
        kind=list(kinds),
        stream=plan.camera,
        label=plan.label,
        zone=plan.zone,
        bucket="hour" if bucket == "hour" else "day",
        by=_BY.get(by) if by else None,
        tz=target.zone.key,
    )


def _value(one: EventTotal, by: By | None, target: Target) -> str | None:
    return start_of(time_ns(one.start), by, target.zone) if by in ("hour", "day") else one.value
