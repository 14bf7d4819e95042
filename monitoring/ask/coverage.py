"""What an answer cannot know: when cameras were away, and from when on anything is stored. Blocks; any thread.

A camera that was lost is offline; one that Livesight itself did not watch (it was stopped, or the camera paused) is not
watched. Nothing is known of either time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select

from monitoring.ask.plan import By
from monitoring.ask.target import Item, Lengths, Span, Tally, Target, start_of
from monitoring.store.tables import events
from monitoring.store.visible import choose, visible
from workers.access.principal import StreamScope
from workers.bus.stream_down import RELEASED, SHUTDOWN, is_outage

_UP_DOWN = ("stream_up", "stream_down")


@dataclass(frozen=True, slots=True)
class Gap:
    """A camera was away. until_ns: None where it still is."""

    camera: str
    since_ns: int
    until_ns: int | None
    why: Literal["offline", "not watched"]

    def clipped(self, span: Span) -> Gap | None:
        """What of it lies in a piece of time."""
        since, until = max(self.since_ns, span[0]), span[1] if self.until_ns is None else min(self.until_ns, span[1])
        return replace(self, since_ns=since, until_ns=until) if since < until else None


def read_gaps(
    connection: Connection, cameras: Sequence[str], scope: StreamScope, since_ns: int, until_ns: int
) -> list[Gap]:
    """All that reach into the time, whole, in the order of their beginning. cameras: none for all in the scope."""
    chosen = choose(events.c.stream_id, cameras, scope)
    seen = [*chosen.conditions, *([events.c.stream_id.in_(chosen.names)] if chosen.names else [])]
    at = events.c.captured_at_ns
    of_kind = (events.c.kind.in_(_UP_DOWN), *seen)
    before = (
        select(events.c.stream_id, events.c.kind, func.max(at).label("at_ns"))
        .where(*of_kind, at < since_ns)
        .group_by(events.c.stream_id, events.c.kind)
        .with_hint(events, "INDEXED BY ix_events_kind", "sqlite")
    )
    rows: list[tuple[int, int, str]] = []
    for stream, kind, at_ns in connection.execute(before).all():
        same = (events.c.stream_id == stream, events.c.kind == kind, at == at_ns)
        rows += [(row.captured_at_ns, row.seq, row.body) for row in connection.execute(select(events).where(*same))]
    during = select(at, events.c.seq, events.c.body).where(*of_kind, at >= since_ns, at < until_ns)
    during = during.with_hint(events, "INDEXED BY ix_events_kind", "sqlite")
    rows += [(at_ns, seq, body) for at_ns, seq, body in connection.execute(during)]
    gaps = _gaps(json.loads(body) for _, _, body in sorted(rows))
    whole = [gap if gap.until_ns else replace(gap, until_ns=_came_back(connection, gap)) for gap in gaps]
    reach = [gap for gap in whole if gap.since_ns < until_ns and (gap.until_ns is None or gap.until_ns > since_ns)]
    return sorted(reach, key=lambda gap: gap.since_ns)


def _came_back(connection: Connection, gap: Gap) -> int | None:
    query = select(func.min(events.c.captured_at_ns)).where(
        events.c.kind == "stream_up", events.c.stream_id == gap.camera, events.c.captured_at_ns > gap.since_ns
    )
    return _number(connection, query)


def _gaps(changes: Iterable[dict[str, Any]]) -> list[Gap]:
    """Of ups and downs in order: from a down to the next up of its camera."""
    found: list[Gap] = []
    away: dict[str, Gap] = {}
    session: dict[str, str] = defaultdict(str)
    for change in changes:
        camera, at_ns, reason = change["stream_id"], change["captured_at_ns"], change.get("reason")
        if change["kind"] == "stream_up":
            session[camera] = change["session"]
            if gap := away.pop(camera, None):
                found.append(replace(gap, until_ns=at_ns))
        elif reason == RELEASED and session[camera] not in ("", change["session"]):
            continue  # another node shows it already
        elif camera not in away:
            away[camera] = Gap(camera, at_ns, None, "offline" if is_outage(reason) else "not watched")
    return [*found, *away.values()]


def first_stored(connection: Connection, cameras: Sequence[str], scope: StreamScope) -> int | None:
    """When the oldest event is of; None where there is none."""
    if scope.everything and not cameras:
        return _number(connection, select(func.min(events.c.captured_at_ns)))
    chosen = choose(events.c.stream_id, cameras, scope)
    if chosen.names:
        each = (
            _number(connection, select(func.min(events.c.captured_at_ns)).where(events.c.stream_id == name))
            for name in chosen.names
        )
        return min((at_ns for at_ns in each if at_ns is not None), default=None)
    oldest = select(events.c.captured_at_ns).where(*chosen.conditions)
    return _number(connection, oldest.order_by(events.c.captured_at_ns).limit(1))


def last_restart(connection: Connection, scope: StreamScope) -> int | None:
    """When the first camera was there again after Livesight's newest stop; None where none is stored."""
    at, kind = events.c.captured_at_ns, events.c.kind
    stops = select(at, events.c.stream_id, events.c.body).where(
        kind == "stream_down", *visible(events.c.stream_id, scope)
    )
    for at_ns, _, body in connection.execute(stops.order_by(at.desc()).limit(5000)):
        if json.loads(body).get("reason") == SHUTDOWN:
            up = select(func.min(at)).where(kind == "stream_up", at >= at_ns, *visible(events.c.stream_id, scope))
            return _number(connection, up)
    return None


def _number(connection: Connection, query: Select[Any]) -> int | None:
    found = connection.scalar(query)
    return None if found is None else int(found)


class OutageFacts:
    """Facts of the times when cameras were offline."""

    def __init__(self, target: Target, gaps: Sequence[Gap]) -> None:
        """gaps: as `read_gaps` found them."""
        self._target = target
        pieces = [(gap, part) for gap in gaps for span in target.spans if (part := gap.clipped(span))]
        self._parts = [part for gap, part in pieces if gap.why == "offline"]
        self._whole = list(dict.fromkeys(gap for gap, _ in pieces if gap.why == "offline"))

    def count(self) -> int:
        """See Facts."""
        return len(self._whole)

    def groups(self, by: By) -> Sequence[Tally]:
        """See Facts."""
        found: dict[str, list[int]] = defaultdict(list)
        for gap in self._whole:
            found[gap.camera if by == "camera" else start_of(gap.since_ns, by, self._target.zone)].append(gap.since_ns)
        return [Tally(name, len(times), times[0], times[-1]) for name, times in sorted(found.items())]

    def items(self, *, newest: bool, limit: int) -> Sequence[Item]:
        """See Facts."""
        ordered = self._whole[::-1] if newest else self._whole
        return [Item(gap.since_ns, gap.camera, gap.until_ns) for gap in ordered[:limit]]

    def lengths(self) -> Lengths:
        """See Facts. Only what lies in the time that is asked for."""
        seconds = [((part.until_ns or part.since_ns) - part.since_ns) / 1e9 for part in self._parts]
        return Lengths(len(seconds), sum(seconds), max(seconds, default=0.0))
