"""What is known of one track: a fold over its events. Pure.

Stored as JSON in the track's row. The same event twice changes nothing: what it says is there already.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import TypeAdapter

from workers.bus.event import Event

_MOST = 100
"""Labels, crossings and alerts that a record keeps: the first, and the newest of the others."""
_STEPS = {"zone_entered": 0, "zone_stayed": 1, "zone_left": 2}
"""Of a visit, in the order in which they happen, also in one frame."""
LOST = "unknown"
"""Why a track ended whose end nobody told: another session of its stream has begun since."""

Tag = tuple[str, str]
"""What a track is found by: name and value."""

Item = TypeVar("Item")


@dataclass(slots=True)
class LabelSpan:
    """A label, and the frame from which on the track had it."""

    label: str
    pts_us: int
    since_ns: int


@dataclass(slots=True)
class PersonSpan:
    """Whose track it was; `until_ns`: None while it is. `similarity`: the highest."""

    person: str
    pts_us: int
    since_ns: int
    until_ns: int | None = None
    similarity: float | None = None


@dataclass(slots=True)
class ZoneVisits:
    """All visits of a track to a zone. `duration_s`: of those that are over; `since_ns`: when the present one began.

    `step`: the last event that was counted, (pts_us, which step of a visit).
    """

    zone: str
    first_ns: int
    visits: int = 0
    duration_s: float = 0.0
    since_ns: int | None = None
    step: tuple[int, int] = (-1, -1)

    def add(self, event: Event) -> bool:
        """Take an event of the zone. Returns whether it is new."""
        step = (event.pts_us, _STEPS[event.kind])
        if step <= self.step:
            return False
        self.step = step
        if event.kind == "zone_entered":
            self.visits += 1
            self.since_ns = event.captured_at_ns
        elif event.kind == "zone_left":
            self.visits = max(self.visits, 1)
            self.duration_s = round(self.duration_s + (event.duration_s or 0.0), 3)
            self.since_ns = None
        return True


@dataclass(slots=True)
class LineCrossing:
    """One time across a line."""

    line: str
    direction: str | None
    pts_us: int
    at_ns: int


@dataclass(slots=True)
class TrackAlert:
    """An alert about the track."""

    id: uuid.UUID
    rule: str | None
    severity: str | None
    at_ns: int


@dataclass(slots=True)
class TrackRecord:
    """A track from its first frame on. Times are wall clocks in nanoseconds.

    `id`: that of its `track_began` event. `confidence`: the highest, 0 to 1. `last_ns`: of its newest event. `events`:
    how many were taken. Of zones there is one entry each. `person`: whose it is now, or was at its end; `people`: all
    that it was taken for.
    """

    id: uuid.UUID
    stream_id: str
    session: str
    track_id: int
    detector: str | None
    pts_us: int
    captured_at_ns: int
    last_ns: int
    labels: list[LabelSpan]
    confidence: float | None = None
    person: str | None = None
    ended_at_ns: int | None = None
    duration_s: float | None = None
    reason: str | None = None
    events: int = 1
    zones: list[ZoneVisits] = field(default_factory=list)
    lines: list[LineCrossing] = field(default_factory=list)
    alerts: list[TrackAlert] = field(default_factory=list)
    people: list[PersonSpan] = field(default_factory=list)

    @classmethod
    def begun(cls, event: Event) -> TrackRecord:
        """Of a `track_began` event."""
        assert event.kind == "track_began" and event.track_id is not None
        return cls(
            id=event.id,
            stream_id=event.stream_id,
            session=event.session,
            track_id=event.track_id,
            detector=event.detector,
            pts_us=event.pts_us,
            captured_at_ns=event.captured_at_ns,
            last_ns=event.captured_at_ns,
            labels=[] if event.label is None else [LabelSpan(event.label, event.pts_us, event.captured_at_ns)],
            confidence=event.confidence,
            person=event.person,
        )

    def add(self, event: Event) -> bool:
        """Take an event of this track, but for the first. Returns whether that changed anything."""
        takes = {
            "label_changed": self._relabel,
            "identified": self._identify,
            "zone_entered": self._visit,
            "zone_stayed": self._visit,
            "zone_left": self._visit,
            "line_crossed": self._cross,
            "alert": self._alert,
            "track_ended": self._end,
        }
        take = takes.get(event.kind)
        if take is None or not take(event):
            return False
        self.events += 1
        self.last_ns = max(self.last_ns, event.captured_at_ns)
        self._recognise(event)
        if event.confidence is not None:
            self.confidence = max(self.confidence or 0.0, event.confidence)
        return True

    def remove(self, event: Event, of_zone: Sequence[Event]) -> None:
        """Take back an event, but for the first. of_zone: the others of its zone that are stored, in order.

        That it ended, and how sure the detector was of it, stays.
        """
        self.events = max(1, self.events - 1)
        at_frame = event.pts_us
        if event.kind == "label_changed":
            self.labels = [one for one in self.labels if (one.label, one.pts_us) != (event.label, at_frame)]
        elif event.kind == "identified":
            self._unidentify(event)
        elif event.kind == "line_crossed":
            self.lines = [one for one in self.lines if (one.line, one.pts_us) != (event.line, at_frame)]
        elif event.kind == "alert":
            self.alerts = [one for one in self.alerts if one.id != event.id]
        elif event.kind in _STEPS and event.zone is not None:
            retold = [ZoneVisits(event.zone, of_zone[0].captured_at_ns)] if of_zone else []
            for visits in retold:
                for other in of_zone:
                    visits.add(other)
            at = next((number for number, one in enumerate(self.zones) if one.zone == event.zone), len(self.zones))
            self.zones[at : at + 1] = retold

    def lose(self) -> None:
        """It ended, and nobody said when: at its newest event."""
        self.ended_at_ns, self.reason = self.last_ns, LOST
        self.duration_s = round((self.last_ns - self.captured_at_ns) / 1e9, 3)
        for visits in self.zones:
            if visits.since_ns is not None:
                visits.duration_s += round((self.last_ns - visits.since_ns) / 1e9, 3)
                visits.since_ns = None

    @property
    def tags(self) -> set[Tag]:
        """What it is found by."""
        found = {("label", span.label) for span in self.labels}
        found |= {("zone", visits.zone) for visits in self.zones}
        for crossing in self.lines:
            found.add(("line", crossing.line))
            if crossing.direction is not None:
                found |= {("direction", crossing.direction), crossing_tag(crossing.line, crossing.direction)}
        for alert in self.alerts:
            found |= {("alert", "true"), ("rule", alert.rule or ""), ("severity", alert.severity or "")}
        found |= {("person", one.person) for one in self.people}
        if self.person is not None:
            found.add(("person", self.person))
        return found

    def to_json(self) -> str:
        """As it is stored."""
        return _ADAPTER.dump_json(self).decode()

    def _relabel(self, event: Event) -> bool:
        if event.label is None or any((one.label, one.pts_us) == (event.label, event.pts_us) for one in self.labels):
            return False
        return _append(self.labels, LabelSpan(event.label, event.pts_us, event.captured_at_ns))

    def _identify(self, event: Event) -> bool:
        """From this frame on it is somebody else's, or nobody's."""
        last = self.people[-1] if self.people and self.people[-1].until_ns is None else None
        known = event.person is None and last is None
        if known or any((one.person, one.pts_us) == (event.person, event.pts_us) for one in self.people):
            return False
        if last is not None:
            last.until_ns = event.captured_at_ns
        self.person = event.person
        if event.person is None:
            return True
        return _append(self.people, PersonSpan(event.person, event.pts_us, event.captured_at_ns))

    def _unidentify(self, event: Event) -> None:
        """Take back that it was recognised."""
        gone = [one for one in self.people if (one.person, one.pts_us) == (event.person, event.pts_us)]
        self.people = [one for one in self.people if one not in gone]
        if gone and gone[0].until_ns is None and self.person == event.person:
            self.person = None

    def _recognise(self, event: Event) -> None:
        """What any of its events says of whose it is then."""
        self.person = event.person or self.person
        if event.identity is None or not self.people or self.people[-1].person != event.identity.person:
            return
        similarity = round(event.identity.similarity, 4)
        self.people[-1].similarity = max(self.people[-1].similarity or -1.0, similarity)

    def _visit(self, event: Event) -> bool:
        if event.zone is None:
            return False
        visits = next((one for one in self.zones if one.zone == event.zone), None)
        if visits is None:
            visits = ZoneVisits(event.zone, event.captured_at_ns)
            self.zones.append(visits)
        return visits.add(event)

    def _cross(self, event: Event) -> bool:
        if event.line is None or any((one.line, one.pts_us) == (event.line, event.pts_us) for one in self.lines):
            return False
        return _append(self.lines, LineCrossing(event.line, event.direction, event.pts_us, event.captured_at_ns))

    def _alert(self, event: Event) -> bool:
        if any(one.id == event.id for one in self.alerts):
            return False
        return _append(self.alerts, TrackAlert(event.id, event.rule, event.severity, event.captured_at_ns))

    def _end(self, event: Event) -> bool:
        if self.ended_at_ns is not None and self.reason != LOST:
            return False
        self.ended_at_ns, self.duration_s, self.reason = event.captured_at_ns, event.duration_s, event.reason
        return True


def crossing_tag(line: str, direction: str) -> Tag:
    """Across that line in that direction, both at once."""
    return "crossing", f"{direction} {line}"


def read_record(body: str) -> TrackRecord:
    """What `to_json` gave."""
    return _ADAPTER.validate_json(body)


def _append(kept: list[Item], item: Item) -> bool:
    """The first stays; of the others the oldest goes when there are too many."""
    kept.append(item)
    if len(kept) > _MOST:
        del kept[1]
    return True


_ADAPTER = TypeAdapter(TrackRecord)
