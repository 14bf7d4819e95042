"""Whether a condition holds on a stream now. Pure; the texts of alerts are put into words by wording.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from monitoring.events.track_state import Track
from monitoring.rules.alert_lifecycle import RuleEvaluation
from monitoring.rules.drift_signals import DriftSignals
from monitoring.rules.rule import (
    AbsentCondition,
    CameraFaultCondition,
    CountCondition,
    DriftCondition,
    EventCondition,
    SeenCondition,
)
from monitoring.rules.state import RuleState, StreamRules
from monitoring.rules.whom import Whom
from monitoring.rules.wording import Counts, Wording, seconds
from workers.bus.event import Event
from workers.bus.stream_down import DISABLED, INTERRUPTED, REMOVED
from workers.label_words import WordSource

_COPIED = (
    "track_id", "detector", "label", "confidence", "xyxy", "size_wh", "person", "identity", "zone", "line",
    "direction", "count", "duration_s", "reason", "before",
)  # fmt: skip
"""Fields that an alert takes from the event that it is about."""

_NO_NEWS = frozenset({*INTERRUPTED, REMOVED, DISABLED})
"""Why a stream may be down that whoever runs Livesight knows, having done it."""


def evaluate_seen(
    when: SeenCondition, tracks: Iterable[Track], wording: Wording, whom: Whom
) -> Iterator[RuleEvaluation]:
    """About the track that has matched the longest, if for long enough; where it matters who it is, one of each."""
    longest: dict[str, tuple[int, Track]] = {}
    for track in tracks:
        since_us = _matches_since(track, when, whom)
        if since_us is None:
            continue
        subject = track.person or "" if when.by_person else ""
        held_us = track.last.pts_us - since_us
        if subject not in longest or held_us > longest[subject][0]:
            longest[subject] = held_us, track
    for subject, (held_us, track) in sorted(longest.items()):
        if held_us >= when.for_s * 1e6:
            yield _seen(when, track, wording, subject, track.last.captured_at_ns - held_us * 1000)


def _seen(when: SeenCondition, track: Track, wording: Wording, subject: str, since_ns: int) -> RuleEvaluation:
    seen, person = (track.label, track.detector), track.person
    said = None if when.attribute is None else (track.attributes[when.attribute].label, when.attribute)
    who = wording.one(person, *seen) if said is None else wording.classified(person, seen, said)
    where = f"in zone {when.zone}" if when.zone else "in view"
    verb = f"has been {where} for {seconds(when.for_s)}" if when.for_s else f"is {where}"
    about = _about_track(track) | {"zone": when.zone}
    return RuleEvaluation(
        f"{who} {verb}", subject, about, since_ns=since_ns, who=who, called=wording.name(*(said or seen))
    )


def _matches_since(track: Track, when: SeenCondition, whom: Whom) -> int | None:
    """Since when (pts_us) a track has matched a condition; None when it does not."""
    if not whom.has(track.person):
        return None
    moments = [track.first.pts_us]
    if whom.ids is not None or whom.named:
        moments.append(track.who.since_us)
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


def evaluate_absent(
    when: AbsentCondition, tracks: Iterable[Track], state: StreamRules, rule: RuleState, whom: Whom
) -> bool:
    """Whether nobody has been there for long enough. tracks: those that are present. Notes since when."""
    there = any(
        whom.has(track.person)
        and (not when.labels or track.label in when.labels)
        and (when.zone is None or (when.zone in track.visits and track.visits[when.zone].inside))
        for track in tracks
    )
    now_ns, counting = state.watched_ns, when.model_dump_json()
    if there:
        rule.absent_since_ns = None
        return False
    if rule.absent_since_ns is None or rule.counting != counting:
        rule.counting, rule.absent_since_ns = counting, now_ns
    rule.absent_since_ns = max(rule.absent_since_ns, state.watched_since_ns)
    return now_ns - rule.absent_since_ns >= when.for_s * 1e9


def absent(when: AbsentCondition, wording: Wording) -> RuleEvaluation:
    """Nobody has been there for long enough."""
    return RuleEvaluation(wording.absent(when), about={"zone": when.zone})


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
    when: EventCondition, events: Sequence[Event], words: WordSource, whom: Whom, waits: bool
) -> Iterator[tuple[Event, RuleEvaluation]]:
    """The events that match. waits: or may, once it is known whom they are about."""
    for event in events:
        if (
            event.kind in when.kinds
            and not (event.kind == "stream_down" and event.reason in _NO_NEWS)
            and (not when.labels or event.label in when.labels)
            and (when.place is None or when.place in (event.zone, event.line))
            and (when.direction is None or event.direction == when.direction)
            and (whom.has(event.person) or (waits and event.person is None and event.track_id is not None))
        ):
            about = {name: getattr(event, name) for name in _COPIED}
            wording = Wording(words, event.models)
            who = wording.one(event.person, event.label, event.detector)
            called = "" if event.label is None else wording.name(event.label, event.detector)
            text, about = wording.event(event), about | {"cause": event.id}
            yield event, RuleEvaluation(text, str(event.id), about, who=who, called=called)


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
        "identity": track.identity,
    }
