"""Whether a rule's condition holds on a stream, and what to say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitoring.events.track_state import Track
from monitoring.rules.drift_signals import DriftSignals
from monitoring.rules.rule import CameraFaultCondition, CountCondition, DriftCondition, EventCondition, SeenCondition
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class RuleEvaluation:
    """A condition that holds. `subject`: each has alerts of its own (each fault, each drifted model); '' where there
    is but one. `about`: fields of the alert's event. `at_ns`: since when, where that is not the picture looked at.
    """

    text: str
    subject: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    at_ns: int | None = None


def seen(when: SeenCondition, tracks: Iterable[Track]) -> RuleEvaluation | None:
    """The one who fits longest, if for long enough."""
    longest, longest_us = None, -1
    for track in tracks:
        since_us = _fits_since(track, when)
        if since_us is not None and track.last.pts_us - since_us > longest_us:
            longest, longest_us = track, track.last.pts_us - since_us
    if longest is None or longest_us < when.for_s * 1e6:
        return None
    label = longest.label if when.attribute is None else longest.attributes[when.attribute].label
    where = f"in zone {when.zone}" if when.zone else "there"
    verb = f"has been {where} for {seconds(when.for_s)}" if when.for_s else f"is {where}"
    return RuleEvaluation(f"{_who(longest.person, label)} {verb}", about=about_track(longest) | {"zone": when.zone})


def _fits_since(track: Track, when: SeenCondition) -> int | None:
    """Since when (pts_us) a track has been what a condition asks for; None when it is not."""
    moments = [track.first.pts_us]
    if when.attribute is not None:
        said = track.attributes.get(when.attribute)
        if said is None or (when.labels and said.label not in when.labels):
            return None
        moments.append(said.since_us)
    elif when.labels:
        if track.label not in when.labels:
            return None
        moments.append(track.labels.since_us)
    if when.zone is not None:
        visit = track.visits.get(when.zone)
        if visit is None or not visit.inside or visit.since is None:
            return None
        moments.append(visit.since.pts_us)
    return max(moments)


def count(when: CountCondition, tracks: Iterable[Track]) -> int:
    """How many fit now."""
    return sum(
        1
        for track in tracks
        if (not when.labels or track.label in when.labels)
        and (when.zone is None or (when.zone in track.visits and track.visits[when.zone].inside))
    )


def counted(when: CountCondition, number: int) -> RuleEvaluation:
    """So many are too many."""
    what = " or ".join(when.labels) if when.labels else "objects"
    where = f" in zone {when.zone}" if when.zone else ""
    how_long = f" for {seconds(when.for_s)}" if when.for_s else ""
    text = f"{number} {what}{where}, more than {when.above}{how_long}"
    label = when.labels[0] if len(when.labels) == 1 else None
    return RuleEvaluation(text, about={"count": number, "zone": when.zone, "label": label})


def happened(when: EventCondition, events: Sequence[Event]) -> Iterator[tuple[Event, RuleEvaluation]]:
    """Those of the events that fit."""
    for event in events:
        places = (event.zone, event.line)
        if (
            event.kind in when.kinds
            and (not when.labels or event.label in when.labels)
            and (when.place is None or when.place in places)
            and (when.direction is None or event.direction == when.direction)
        ):
            shared = ("track_id", "detector", "label", "confidence", "xyxy", "size_wh", "person", "zone", "line")
            more = ("direction", "count", "duration_s", "reason", "before")
            about = {name: getattr(event, name) for name in (*shared, *more)}
            yield event, RuleEvaluation(_words(event), str(event.id), about | {"cause": event.id})


def faults(when: CameraFaultCondition, conditions: DriftSignals, stream_id: str) -> Iterator[RuleEvaluation]:
    """The camera's faults, each by itself."""
    for kind, fault in sorted(conditions.faults(stream_id).items()):
        if kind in when.faults:
            yield RuleEvaluation(fault.text, kind, {"reason": kind})


def drifts(when: DriftCondition, conditions: DriftSignals, stream_id: str) -> Iterator[RuleEvaluation]:
    """Drift alarms, by model and cause."""
    for alarm in conditions.drifts(stream_id):
        if alarm.cause in when.causes:
            yield RuleEvaluation(
                alarm.text, f"{alarm.model}/{alarm.cause}", {"reason": alarm.cause, "detector": alarm.model}
            )


def about_track(track: Track) -> dict[str, Any]:
    """Fields of an event that an alert about a track has."""
    return {
        "track_id": track.id,
        "detector": track.detector,
        "label": track.label,
        "confidence": track.last.confidence,
        "xyxy": track.last.xyxy,
        "size_wh": track.last.size_wh,
        "person": track.person,
    }


def _who(person: str | None, label: str | None) -> str:
    return (person or "Somebody") + (f" ({label})" if label else "")


def _words(event: Event) -> str:
    who = _who(event.person, event.label)
    lasted = "" if event.duration_s is None else f" after {seconds(event.duration_s)}"
    why = f": {event.reason}" if event.reason else ""
    many = f"{event.count} in zone {event.zone}" if event.zone else f"{event.count} in the picture"
    return {
        "track_began": f"{who} has come",
        "label_changed": f"{who} was {event.before} until now",
        "track_ended": f"{who} has gone{lasted}",
        "zone_entered": f"{who} has entered zone {event.zone}",
        "zone_left": f"{who} has left zone {event.zone}{lasted}",
        "zone_stayed": f"{who} has stayed in zone {event.zone} for {seconds(event.duration_s or 0)}",
        "line_crossed": f"{who} has crossed line {event.line} ({event.direction})",
        "count_changed": f"{many}, {event.before} before",
        "stream_up": "The stream is up",
        "stream_down": f"The stream is down{why}",
    }.get(event.kind, event.kind)


def seconds(duration_s: float) -> str:
    """A time in words: 2 s, 1.5 s, 3 min."""
    if duration_s >= 120:
        return f"{round(duration_s / 60)} min"
    return f"{round(duration_s, 1):g} s"
