"""Whether a condition holds on a stream now. Pure; the texts of alerts are put into words by wording.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitoring.events.track_state import Track
from monitoring.rules.drift_signals import DriftSignals
from monitoring.rules.rule import CameraFaultCondition, CountCondition, DriftCondition, EventCondition, SeenCondition
from monitoring.rules.wording import Counts, Wording, seconds
from workers.bus.event import Event
from workers.bus.stream_down import DISABLED, INTERRUPTED, REMOVED
from workers.label_words import WordSource

_COPIED = (
    "track_id", "detector", "label", "confidence", "xyxy", "size_wh", "person", "zone", "line",
    "direction", "count", "duration_s", "reason", "before",
)  # fmt: skip
"""Fields that an alert takes from the event that it is about."""

_NO_NEWS = frozenset({*INTERRUPTED, REMOVED, DISABLED})
"""Why a stream may be down that whoever runs Livesight knows, having done it."""


@dataclass(frozen=True, slots=True)
class RuleEvaluation:
    """A condition that holds. `subject`: what its alert is about, where a rule has several (each fault, each drifted
    model), else ''. `about`: fields of the alert's event. `at_ns`: when it began to hold, where that is not now.
    """

    text: str
    subject: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    at_ns: int | None = None


def evaluate_seen(when: SeenCondition, tracks: Iterable[Track], wording: Wording) -> RuleEvaluation | None:
    """About the track that has matched the longest, if for long enough."""
    longest, longest_us = None, -1
    for track in tracks:
        since_us = _matches_since(track, when)
        if since_us is not None and track.last.pts_us - since_us > longest_us:
            longest, longest_us = track, track.last.pts_us - since_us
    if longest is None or longest_us < when.for_s * 1e6:
        return None
    seen = longest.label, longest.detector
    if when.attribute is None:
        who = wording.one(longest.person, *seen)
    else:
        who = wording.classified(longest.person, seen, (longest.attributes[when.attribute].label, when.attribute))
    where = f"in zone {when.zone}" if when.zone else "in view"
    verb = f"has been {where} for {seconds(when.for_s)}" if when.for_s else f"is {where}"
    return RuleEvaluation(f"{who} {verb}", about=_about_track(longest) | {"zone": when.zone})


def _matches_since(track: Track, when: SeenCondition) -> int | None:
    """Since when (pts_us) a track has matched a condition; None when it does not."""
    moments = [track.first.pts_us]
    if when.attribute is not None:
        attribute = track.attributes.get(when.attribute)
        if attribute is None or (when.labels and attribute.label not in when.labels):
            return None
        moments.append(attribute.since_us)
    elif when.labels:
        if track.label not in when.labels:
            return None
        moments.append(track.smoothed.since_us)
    if when.zone is not None:
        visit = track.visits.get(when.zone)
        if visit is None or not visit.inside or visit.since is None:
            return None
        moments.append(visit.since.pts_us)
    return max(moments)


def count_matching(when: CountCondition, tracks: Iterable[Track]) -> Counts:
    """How many tracks match now."""
    return Counter(
        (track.detector, track.label)
        for track in tracks
        if (not when.labels or track.label in when.labels)
        and (when.zone is None or (when.zone in track.visits and track.visits[when.zone].inside))
    )


def evaluate_count(when: CountCondition, counts: Counts, wording: Wording) -> RuleEvaluation:
    """For a count that has been above the limit for long enough."""
    where = f" in zone {when.zone}" if when.zone else ""
    how_long = f" for {seconds(when.for_s)}" if when.for_s else ""
    text = f"{wording.several(counts)}{where or ' in view'}, more than {when.above}{how_long}"
    label = when.labels[0] if len(when.labels) == 1 else None
    return RuleEvaluation(text, about={"count": counts.total(), "zone": when.zone, "label": label})


def evaluate_events(
    when: EventCondition, events: Sequence[Event], words: WordSource
) -> Iterator[tuple[Event, RuleEvaluation]]:
    """The events that match."""
    for event in events:
        if (
            event.kind in when.kinds
            and not (event.kind == "stream_down" and event.reason in _NO_NEWS)
            and (not when.labels or event.label in when.labels)
            and (when.place is None or when.place in (event.zone, event.line))
            and (when.direction is None or event.direction == when.direction)
        ):
            about = {name: getattr(event, name) for name in _COPIED}
            text = Wording(words, event.models).event(event)
            yield event, RuleEvaluation(text, str(event.id), about | {"cause": event.id})


def evaluate_faults(when: CameraFaultCondition, signals: DriftSignals, stream_id: str) -> Iterator[RuleEvaluation]:
    """Each fault of the camera by itself."""
    for kind, fault in sorted(signals.faults(stream_id).items()):
        if kind in when.faults:
            yield RuleEvaluation(fault.text, kind, {"reason": kind})


def evaluate_drift(when: DriftCondition, signals: DriftSignals, stream_id: str) -> Iterator[RuleEvaluation]:
    """Each drift alarm by itself, by model and cause."""
    for alarm in signals.drifts(stream_id):
        if alarm.cause in when.causes:
            yield RuleEvaluation(
                alarm.text, f"{alarm.model}/{alarm.cause}", {"reason": alarm.cause, "detector": alarm.model}
            )


def _about_track(track: Track) -> dict[str, Any]:
    """Event fields of an alert about a track."""
    return {
        "track_id": track.id,
        "detector": track.detector,
        "label": track.label,
        "confidence": track.last.confidence,
        "xyxy": track.last.xyxy,
        "size_wh": track.last.size_wh,
        "person": track.person,
    }
