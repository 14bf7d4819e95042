"""What is known of tracks: counted, grouped and found by their rows and tags. Blocks; any thread.

A tag leads where few tracks have it; else the index of time, or of the streams, whose columns answer without the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from monitoring.ask.plan import By
from monitoring.ask.stored_counts import stored_counts
from monitoring.ask.target import DAY_NS, Item, Lengths, Tally, Target, folded
from monitoring.store.visible import choose
from monitoring.store.writes import HOUR_NS
from monitoring.tracks.record import TrackRecord, read_record
from monitoring.tracks.rows import tag_value
from monitoring.tracks.tables import track_tags, tracks

_QUARTER_NS = HOUR_NS // 4


class TrackFacts:
    """Facts of the tracks that a plan is about."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._plan = target.plan
        self._tags: list[tuple[str, list[str]]] = []
        if target.people is not None:
            self._tags.append(("person", list(target.people)))
        if self._plan.label:
            self._tags.append(("label", [tag_value(label) for label in self._plan.label]))
        self._leads = bool(self._tags) and (self._tags[0][0] == "person" or len(self._tags[0][1]) == 1)

    def count(self) -> int:
        """See Facts."""
        if self._is_counted and self._plan.counted in ("seen", "came"):
            began = sum(one.count for one in stored_counts(self._target, ["track_began"]))
            return began + sum(self._begun_before().values())
        found = self._select(tracks.c.seq).distinct().subquery()
        return int(self._target.connection.scalar(select(func.count()).select_from(found)) or 0)

    def groups(self, by: By) -> Sequence[Tally]:
        """See Facts. Tracks of hours and days are those that began then."""
        if by in ("hour", "day"):
            return stored_counts(self._target, ["track_began"], by) if self._is_counted else self._by_time(by)
        if (
            by in ("camera", "label")
            and self._is_counted
            and self._plan.counted != "left"
            and self._plan.intent != "where"
        ):
            return self._told_apart(by)
        if by == "camera":
            return self._grouped(tracks.c.stream_id)
        name = {"person": "person", "label": "label", "zone": "zone", "rule": "rule"}[by]
        return self._grouped(None, name)

    def items(self, *, newest: bool, limit: int) -> Sequence[Item]:
        """See Facts."""
        at = tracks.c.ended_at_ns if self._plan.counted == "left" else self._at
        ordered = self._select(tracks.c.seq, at.label("at")).distinct()
        ordered = ordered.order_by(at.desc() if newest else at.asc(), tracks.c.seq).limit(limit)
        numbers = [row.seq for row in self._target.connection.execute(ordered)]
        query = select(tracks.c.seq, tracks.c.body).where(tracks.c.seq.in_(numbers))
        bodies = {seq: body for seq, body in self._target.connection.execute(query)}
        return [item_of(read_record(bodies[number])) for number in numbers if number in bodies]

    def lengths(self) -> Lengths:
        """See Facts."""
        rows = self._select(tracks.c.seq, tracks.c.duration_s, tracks.c.ended_at_ns).distinct().subquery()
        over, lasted = rows.c.ended_at_ns.is_not(None), rows.c.duration_s
        count, total, longest, every = self._target.connection.execute(
            select(func.count(lasted).filter(over), func.sum(lasted), func.max(lasted), func.count()).select_from(rows)
        ).one()
        return Lengths(int(count), float(total or 0), float(longest or 0), int(every) - int(count))

    @property
    def _is_counted(self) -> bool:
        """Whether the stored counts tell: of all tracks, or of several labels, of which a track's first counts."""
        plan = self._plan
        rest = (plan.min_duration_s, plan.max_duration_s, plan.min_confidence, plan.named)
        return self._target.people is None and len(plan.label) != 1 and all(one is None for one in rest)

    def _told_apart(self, by: By) -> Sequence[Tally]:
        """By camera, or by the label that a track had at first."""
        found = {one.value: one.count for one in stored_counts(self._target, ["track_began"], by)}
        for camera, label in (before := self._begun_before()):
            value = camera if by == "camera" else label
            found[value] = found.get(value, 0) + before[camera, label]
        return [Tally(value, count) for value, count in found.items() if value]

    def _begun_before(self) -> Counter[tuple[str, str]]:
        """The tracks that were in view in the pieces of time and began before them, by camera and first label."""
        found: Counter[tuple[str, str]] = Counter()
        if self._plan.counted != "seen":
            return found
        for since, _ in self._target.spans:
            began = (tracks.c.captured_at_ns >= since - DAY_NS, tracks.c.captured_at_ns < since)
            lasts = or_(tracks.c.ended_at_ns.is_(None), tracks.c.ended_at_ns >= since)
            query = select(tracks.c.body).where(*began, lasts, *self._streams(), *self._tagged(()))
            query = query.with_hint(tracks, "INDEXED BY ix_tracks_time", "sqlite")
            for body in self._target.connection.scalars(query):
                record = read_record(body)
                found[record.stream_id, record.labels[0].label if record.labels else ""] += 1
        return found

    @property
    def _at(self) -> ColumnElement[int]:
        return track_tags.c.captured_at_ns if self._leads else tracks.c.captured_at_ns

    def _select(self, *columns: Any) -> Select[Any]:
        """The tracks; one that has several of the leading tag's values several times."""
        conditions = [*self._streams(), *self._times(), *self._rest()]
        if not self._leads:
            index = "ix_tracks_ended" if self._plan.counted in ("left", "now") else "ix_tracks_time"
            if index == "ix_tracks_time" and self._plan.camera:
                index = "ix_tracks_stream"
            found = select(*columns).where(*conditions, *self._tagged(()))
            return found.with_hint(tracks, f"INDEXED BY {index}", "sqlite")
        (name, values), rest = self._tags[0], self._tags[1:]
        same = and_(tracks.c.captured_at_ns == track_tags.c.captured_at_ns, tracks.c.seq == track_tags.c.track_seq)
        found = select(*columns).select_from(track_tags.join(tracks, same))
        found = found.where(track_tags.c.name == name, track_tags.c.value.in_(values), *conditions, *self._tagged(rest))
        return found.with_hint(tracks, "INDEXED BY ix_tracks_time", "sqlite")

    def _times(self) -> list[ColumnElement[bool]]:
        target, at, ended = self._target, self._at, tracks.c.ended_at_ns
        if self._plan.counted == "now":
            return [ended.is_(None)]
        if self._plan.counted == "left":
            return target.within(ended)
        if self._plan.counted == "came":
            return target.within(at)
        in_view = [
            and_(at >= since - DAY_NS, at < until, or_(ended.is_(None), ended >= since))
            for since, until in target.spans
        ]
        return [at >= target.since_ns - DAY_NS, at < target.until_ns, or_(*in_view)]

    def _streams(self) -> list[ColumnElement[bool]]:
        chosen = choose(tracks.c.stream_id, self._plan.camera, self._target.scope)
        return [*chosen.conditions, *([tracks.c.stream_id.in_(chosen.names)] if chosen.names else [])]

    def _rest(self) -> list[ColumnElement[bool]]:
        plan = self._plan
        found: list[ColumnElement[bool]] = []
        if plan.min_duration_s is not None:
            begun_ns = self._target.now_ns - int(plan.min_duration_s * 1e9)
            goes_on = tracks.c.ended_at_ns.is_(None) & (tracks.c.captured_at_ns <= begun_ns)
            found.append(or_(tracks.c.duration_s >= plan.min_duration_s, goes_on))
        if plan.max_duration_s is not None:
            found.append(tracks.c.duration_s < plan.max_duration_s)
        if plan.min_confidence is not None:
            found.append(tracks.c.confidence >= plan.min_confidence)
        if plan.named is False:
            found.append(~self._has("person", None))
        return found

    def _tagged(self, tags: Sequence[tuple[str, list[str]]]) -> list[ColumnElement[bool]]:
        return [self._has(name, values) for name, values in (tags if self._leads else self._tags)]

    def _has(self, name: str, values: list[str] | None) -> ColumnElement[bool]:
        other = track_tags.alias()
        conditions = [
            other.c.name == name,
            other.c.captured_at_ns == tracks.c.captured_at_ns,
            other.c.track_seq == tracks.c.seq,
        ]
        conditions += [] if values is None else [other.c.value.in_(values)]
        return select(other.c.track_seq).where(*conditions).exists()

    def _by_time(self, by: By) -> Sequence[Tally]:
        slot = (self._at - self._at % _QUARTER_NS).label("slot")
        rows = self._select(slot, tracks.c.seq).where(*self._target.within(self._at)).distinct().subquery()
        found = self._target.connection.execute(select(rows.c.slot, func.count()).group_by(rows.c.slot))
        return folded({int(at_ns): int(count) for at_ns, count in found}, by, self._target.zone)

    def _grouped(self, column: Any, tag: str | None = None) -> Sequence[Tally]:
        other = track_tags.alias("of")
        value = other.c.value if column is None else column
        rows = self._select(value.label("value"), tracks.c.seq, self._at.label("at")).distinct()
        if tag is not None:
            rows = rows.where(
                other.c.name == tag,
                other.c.captured_at_ns == tracks.c.captured_at_ns,
                other.c.track_seq == tracks.c.seq,
            )
        one = rows.subquery()
        counts = select(one.c.value, func.count(), func.min(one.c.at), func.max(one.c.at)).group_by(one.c.value)
        return [
            Tally(value, int(count), first, last)
            for value, count, first, last in self._target.connection.execute(counts)
        ]


def item_of(record: TrackRecord) -> Item:
    """A track."""
    label = record.labels[-1].label if record.labels else None
    return Item(record.captured_at_ns, record.stream_id, record.ended_at_ns, record.person, label, record=record)
