"""Which stored events a rule is tried on: those alone that it looks at. Any thread; blocks.

A rule about events reads those that it may be about. A rule about who is in a zone, has a label or is known reads
what happened to the tracks that entered the zone, ever had the label or were taken for somebody: no other can match.
Whatever is left out changes nothing, as the replay looks whenever a condition may have come to hold
(monitoring/rules/replay.py).
Pages are read in short transactions of their own: nothing waits for a trial.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Select, select, union_all

from monitoring.core.known_people import NOBODY, KnownPeople
from monitoring.rules.replay import OF_STREAMS, kinds_of
from monitoring.rules.rule import CountCondition, EventCondition, Rule, SeenCondition
from monitoring.rules.whom import Whom
from monitoring.store.cursor import after_cursor, cursor_of
from monitoring.store.tables import events
from workers.database.database import Database

_PAGE = 1000
_MOST_IDS = 200
_AT_ONCE = 400
"""Tracks whose events are looked up with one query."""
_MOST_CROSSINGS = 20_000
"""How many line crossings are searched for one of a line that no other event told of."""

_BODY = (events.c.seq, events.c.captured_at_ns, events.c.zone, events.c.line, events.c.direction, events.c.body)
_NUMBER = (events.c.captured_at_ns, events.c.seq)
_TRACK = (*_NUMBER, events.c.stream_id, events.c.session, events.c.track_id)
T = TypeVar("T")
Span = tuple[int, int]
"""From and until, wall clocks in ns."""


@dataclass(frozen=True, slots=True)
class IndexWalk:
    """Events along an index in the order of time. `index`: its name on SQLite; PostgreSQL decides by itself."""

    index: str
    where: tuple[ColumnElement[bool], ...]

    def select(self, columns: Sequence[Any], span: Span) -> Select[Any]:
        """Those of that time."""
        at_ns = events.c.captured_at_ns
        query = select(*columns).with_hint(events, f"INDEXED BY {self.index}", "sqlite")
        return query.where(*self.where, at_ns >= span[0], at_ns < span[1])


class TrialEvents:
    """What is stored of what a rule looks at. `leading` are the walks by which it is found: its newest part is that of
    the newest of their events.
    """

    def __init__(
        self, database: Database, rule: Rule, seen: tuple[ColumnElement[bool], ...], people: KnownPeople = NOBODY
    ) -> None:
        """seen: conditions on `events`, of the streams. people: who is in which group."""
        when = rule.when
        self._ids = tuple(sorted(_ids(when, people))) if isinstance(when, SeenCondition) else ()
        self._database = database
        self._when = rule.when
        self._seen = seen
        self._kinds = kinds_of(rule)
        self.leading = tuple(self._leading())

    @property
    def place(self) -> str | None:
        """The zone or line that the rule names."""
        return getattr(self._when, "zone", None) or getattr(self._when, "place", None)

    @property
    def by_tracks(self) -> bool:
        """Whether tracks are looked for first, and then what happened to them."""
        when = self._when
        return isinstance(when, SeenCondition | CountCondition) and bool(self._ids or when.zone or when.labels)

    def begins(self, span: Span, many: int) -> tuple[int, int] | None:
        """When the oldest of the newest `many` leading events was, and when the middle one; None where there are no
        more than that.
        """
        at_ns = events.c.captured_at_ns
        each = [
            select(walk.select((at_ns,), span).order_by(at_ns.desc()).limit(many + 1).subquery())
            for walk in self.leading
        ]
        found = union_all(*each).subquery().c.captured_at_ns
        newest = select(found).order_by(found.desc()).limit(1)
        with self._database.read() as connection:
            if connection.scalar(newest.offset(many)) is None:
                return None
            oldest_ns, middle_ns = (connection.scalar(newest.offset(number)) for number in (many - 1, many // 2))
        return (oldest_ns, middle_ns) if oldest_ns is not None and middle_ns is not None else None

    def rows(self, span: Span, known_ns: int) -> Iterator[RowMapping | None]:
        """`body` and more of the events in the order of time; None where something else was read meanwhile.

        known_ns: from when on what happened to tracks counts that come into question later.
        """
        if self.by_tracks:
            yield from self._of_tracks(span, known_ns)
            return
        pages = (self._pages(walk, _BODY, span) for walk in self.leading)
        for row in heapq.merge(*pages, key=itemgetter("captured_at_ns", "seq")):
            yield row if self._is_about(row) else None

    def knows_place(self, span: Span) -> bool:
        """Whether any event tells of the place: of a line, any of the newest crossings."""
        zone = IndexWalk("ix_events_zone", (events.c.zone == self.place, *self._seen))
        line = IndexWalk("ix_events_kind", (events.c.kind == "line_crossed", *self._seen))
        newest = line.select((events.c.line,), span).order_by(events.c.captured_at_ns.desc()).limit(_MOST_CROSSINGS)
        crossed = newest.subquery().c.line
        with self._database.read() as connection:
            if connection.execute(zone.select((events.c.seq,), span).limit(1)).first() is not None:
                return True
            has_lines = isinstance(self._when, EventCondition)
            found = select(crossed).where(crossed == self.place).limit(1)
            return has_lines and connection.execute(found).first() is not None

    def _leading(self) -> Iterator[IndexWalk]:
        when, seen, kind = self._when, self._seen, events.c.kind
        if self._ids:
            for person in self._ids:
                yield IndexWalk("ix_events_person", (events.c.person == person, kind == "identified", *seen))
        elif isinstance(when, SeenCondition | CountCondition) and when.zone is not None:
            yield IndexWalk("ix_events_zone", (events.c.zone == when.zone, kind == "zone_entered", *seen))
        elif isinstance(when, SeenCondition | CountCondition) and when.labels:
            for label in dict.fromkeys(when.labels):
                yield IndexWalk(
                    "ix_events_label", (events.c.label == label, kind.in_(("track_began", "label_changed")), *seen)
                )
        else:
            for name in dict.fromkeys(self._kinds):
                yield IndexWalk("ix_events_kind", (kind == name, *self._narrowed(name), *seen))

    def _narrowed(self, kind: str) -> Iterator[ColumnElement[bool]]:
        """What is in the index of kinds. When a track began tells when its other events were made at the earliest."""
        when = self._when
        if not isinstance(when, EventCondition) or (kind == "track_began" and len(when.kinds) > 1):
            return
        if when.labels:
            yield events.c.label.in_(when.labels)
        if when.place is not None and kind != "line_crossed":
            yield events.c.zone == when.place

    def _is_about(self, row: RowMapping) -> bool:
        """What no index tells: the line and the direction."""
        when = self._when
        if not isinstance(when, EventCondition) or row["line"] is None:
            return True
        return when.place in (None, row["zone"], row["line"]) and when.direction in (None, row["direction"])

    def _of_tracks(self, span: Span, known_ns: int) -> Iterator[RowMapping | None]:
        """What happened to the tracks that the leading events are of, since `known_ns`, and to their streams."""
        found: dict[tuple[str, str], set[int]] = {}
        for walk in self.leading:
            for row in self._pages(walk, _TRACK, span):
                found.setdefault((row["stream_id"], row["session"]), set()).add(row["track_id"])
                yield None
        numbers: list[tuple[int, int]] = []
        for (stream_id, session), tracks in found.items():
            of = (events.c.session == session, events.c.stream_id == stream_id, events.c.kind.in_(self._kinds))
            for some in _parts([*tracks], _AT_ONCE):
                walk = IndexWalk("ix_events_session", (*of, events.c.track_id.in_(some)))
                with self._database.read() as connection:
                    numbers.extend(map(tuple, connection.execute(walk.select(_NUMBER, (known_ns, span[1])))))
                yield None
        for kind in OF_STREAMS:
            walk = IndexWalk("ix_events_kind", (events.c.kind == kind, *self._seen))
            numbers.extend((row["captured_at_ns"], row["seq"]) for row in self._pages(walk, _NUMBER, span))
        numbers.sort()
        yield from self._bodies(numbers)

    def _bodies(self, numbers: Sequence[tuple[int, int]]) -> Iterator[RowMapping]:
        for page in _parts(numbers, _PAGE):
            with self._database.read() as connection:
                query = select(*_BODY).where(events.c.seq.in_([seq for _, seq in page]))
                found = {row["seq"]: row for row in connection.execute(query).mappings()}
            yield from (found[seq] for _, seq in page if seq in found)  # others were deleted meanwhile

    def _pages(self, walk: IndexWalk, columns: Sequence[Any], span: Span) -> Iterator[RowMapping]:
        """Stored events in the order of time."""
        query = walk.select(columns, span).order_by(*_NUMBER).limit(_PAGE)
        cursor = None
        while True:
            page = query.where(*after_cursor(events, cursor, newest=False))
            with self._database.read() as connection:
                rows = connection.execute(page).mappings().all()
            yield from rows
            if len(rows) < _PAGE:
                return
            cursor = cursor_of(rows[-1], newest=False)


def _ids(when: SeenCondition, people: KnownPeople) -> frozenset[str]:
    """Of all whom a rule is about; none where it is about others, too, or about very many."""
    whom = Whom.of(when, people)
    return whom.ids if whom.ids and not whom.strangers and len(whom.ids) <= _MOST_IDS else frozenset()


def _parts(whole: Sequence[T], many: int) -> Iterator[Sequence[T]]:
    """Of so many each."""
    return (whole[begin : begin + many] for begin in range(0, len(whole), many))
