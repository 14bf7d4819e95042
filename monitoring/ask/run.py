"""Runs a plan: what its figures are, and which tracks and events they rest on. Blocks; any thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitoring.ask.coverage import Gap, OutageFacts
from monitoring.ask.event_facts import EventFacts
from monitoring.ask.phrases import said_words
from monitoring.ask.plan import AskPlan, By
from monitoring.ask.target import MOST_SHOWN, Facts, Item, Lengths, Tally, Target, starts
from monitoring.ask.track_facts import TrackFacts
from monitoring.store.query import time_ns
from monitoring.tracks.record import TrackRecord


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the figures. name: None for what has none; at_ns, until_ns: when, where that is asked for."""

    name: str | None
    value: float | None = None
    at_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """value: a count, or seconds of a how_long; None where nothing can be said. items: the newest first."""

    value: float | None = None
    yes: bool | None = None
    at_ns: int | None = None
    rows: Sequence[Row] = ()
    items: Sequence[Item] = ()
    lengths: Lengths | None = None
    counts: list[int] = field(default_factory=list)


def facts_of(target: Target, gaps: Sequence[Gap]) -> Facts:
    """Where the plan's subject is looked up."""
    if target.plan.subject == "outages":
        return OutageFacts(target, gaps)
    return TrackFacts(target) if target.plan.subject == "tracks" else EventFacts(target)


def find(target: Target, gaps: Sequence[Gap], against: Target | None = None) -> Findings:
    """Runs the plan. against: the other side of a comparison of times."""
    plan = target.plan
    if plan.counted == "now" and plan.subject == "tracks":
        return _in_view(target)
    facts = facts_of(target, gaps)
    if plan.intent == "compare":
        return _compared(target, facts, gaps, against)
    if plan.intent in ("first", "last"):
        return _end(plan, facts)
    if plan.intent == "how_long":
        lengths = facts.lengths()
        value = {
            "total": lengths.total_s,
            "average": lengths.total_s / max(1, lengths.count),
            "longest": lengths.longest_s,
        }[plan.measure]
        known = lengths.count > 0 or (plan.measure == "total" and not lengths.going_on)
        items = facts.items(newest=True, limit=MOST_SHOWN)
        return Findings(round(value, 3) if known else None, items=items, lengths=lengths)
    if plan.intent in ("who", "where") or plan.by is not None:
        return _grouped(target, facts, gaps)
    items = facts.items(newest=plan.intent != "when", limit=MOST_SHOWN)
    if plan.intent == "exists" and len(plan.person) > 1:
        return _each(target, facts, gaps, items)
    rows = [Row(one.camera, None, one.at_ns, one.until_ns) for one in items] if plan.intent in ("when", "list") else []
    count = facts.count()
    at_ns = items[0].at_ns if items and plan.intent in ("when", "exists") else None
    return Findings(count, count > 0 if plan.intent == "exists" else None, at_ns, rows, items)


def _end(plan: AskPlan, facts: Facts) -> Findings:
    """The first or the last."""
    items = facts.items(newest=plan.intent == "last", limit=1)
    if not items:
        return Findings()
    item = items[0]
    at_ns = item.until_ns if plan.counted == "left" else item.at_ns
    return Findings(at_ns=at_ns, rows=[Row(item.person, None, item.at_ns, item.until_ns)], items=items)


def _each(target: Target, facts: Facts, gaps: Sequence[Gap], items: Sequence[Item]) -> Findings:
    """Which of several people were there."""
    rows = [Row(person, _only(target, "person", person, gaps).count()) for person in target.plan.person]
    there = [row.value for row in rows if row.value]
    yes = len(there) == len(rows) if target.plan.every else bool(there)
    return Findings(facts.count(), yes, items[0].at_ns if items else None, rows, items)


def _compared(target: Target, facts: Facts, gaps: Sequence[Gap], against: Target | None) -> Findings:
    plan = target.plan
    if against is not None and plan.against is not None:
        counts = [facts.count(), facts_of(against, gaps).count()]
        names = [said_words(plan.range.words) or "the first", said_words(plan.against.words) or "the second"]
    else:
        by = plan.by
        assert by is not None
        names = list(getattr(plan, by))
        counts = [_only(target, by, name, gaps).count() for name in names]
    rows = [Row(name, count) for name, count in zip(names, counts, strict=True)]
    return Findings(counts[0] - counts[1], rows=rows, items=facts.items(newest=True, limit=MOST_SHOWN), counts=counts)


def _only(target: Target, by: By, name: str, gaps: Sequence[Gap]) -> Facts:
    """The facts of one camera, zone, label or person of the plan."""
    people = [name] if by == "person" else target.people
    return facts_of(replace(target, plan=target.plan.model_copy(update={by: [name]}), people=people), gaps)


def _grouped(target: Target, facts: Facts, gaps: Sequence[Gap]) -> Findings:
    """Who, where, the busiest, or a table."""
    plan = target.plan
    by: By = (
        "person"
        if plan.intent == "who"
        else "camera"
        if plan.intent == "where" and not plan.by
        else plan.by or "camera"
    )
    groups = [group for group in facts.groups(by) if group.value is not None]
    if by == "person":
        groups = _together(target, groups)
    if plan.least:
        every = starts(target.spans, by, target.zone) if by in ("hour", "day") else target.names.get(by, ())
        missing = [name for name in every if name not in {group.value for group in groups}]
        groups += [Tally(name, 0) for name in missing if _was_watched(target, gaps, by, name)]
    if plan.intent == "where":
        groups.sort(key=lambda group: group.last_ns or 0, reverse=True)
    elif plan.intent in ("who", "busiest") or by not in ("hour", "day"):
        groups.sort(key=lambda group: group.count, reverse=not plan.least)
    items = facts.items(newest=True, limit=MOST_SHOWN)
    value = sum(group.count for group in groups)
    if plan.intent == "who":
        value = facts.count()
    rows = [Row(group.value, group.count, group.first_ns, group.last_ns) for group in groups]
    at_ns = groups[0].last_ns if plan.intent == "where" and groups else None
    return Findings(value, at_ns=at_ns, rows=rows, items=items)


def _was_watched(target: Target, gaps: Sequence[Gap], by: By, name: str) -> bool:
    """Whether there being none means anything: one of the cameras was there for some of that hour, day or range."""
    cameras, spans = target.names.get("camera", ()), target.spans
    if by == "camera":
        cameras = (name,)
    elif by in ("hour", "day"):
        begin = datetime.fromisoformat(name).replace(tzinfo=target.zone)
        end = begin + (timedelta(hours=1) if by == "hour" else timedelta(days=1))
        spans = [(max(since, time_ns(begin)), min(until, time_ns(end))) for since, until in spans]
        spans = [(since, until) for since, until in spans if since < until]
    long_ns = sum(until - since for since, until in spans)
    for camera in cameras:
        parts = (gap.clipped(span) for gap in gaps if gap.camera == camera for span in spans)
        if sum((part.until_ns or part.since_ns) - part.since_ns for part in parts if part) < 0.9 * long_ns:
            return True
    return not cameras


def _together(target: Target, groups: Sequence[Tally]) -> list[Tally]:
    """Those who count as one person."""
    found: dict[str, Tally] = {}
    for group in groups:
        own = target.canonical(group.value or "") or group.value or ""
        other = found.get(own, Tally(own, 0, group.first_ns, group.last_ns))
        first = min(one for one in (other.first_ns or 0, group.first_ns or 0))
        last = max(other.last_ns or 0, group.last_ns or 0)
        found[own] = Tally(own, other.count + group.count, first, last)
    return list(found.values())


def _in_view(target: Target) -> Findings:
    """What is the case now: of few tracks, looked at one by one."""
    plan, items = target.plan, TrackFacts(target).items(newest=True, limit=2000)
    inside = [item for item in items if not plan.zone or _is_inside(item.record, plan.zone)]
    rows = [Row(item.camera if plan.intent == "where" else item.person, 1, item.at_ns, None) for item in inside]
    if plan.intent == "who":
        rows = [row for row in rows if row.name]
    at_ns = inside[0].at_ns if inside else None
    return Findings(len(inside), len(inside) > 0 if plan.intent == "exists" else None, at_ns, rows, inside[:MOST_SHOWN])


def _is_inside(record: TrackRecord | None, zones: Sequence[str]) -> bool:
    return record is not None and any(one.zone in zones and one.since_ns is not None for one in record.zones)
