"""The caption of a scene: who is there and where, light, the camera's state, and what changed since the last. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from monitoring.events.track_state import Track
from workers.bus.event import Event
from workers.bus.result import FrameResult
from workers.captions.caption import FieldValue, Phrase
from workers.captions.image_caption import light_sentences
from workers.captions.sentences import Group, Mentioned, Sentences

_MOST_CLAUSES = 6
"""Kinds of change that a sentence lists, the most frequent first."""
_CLAUSES = {"track_began": "came", "track_ended": "gone", "zone_entered": "entered", "line_crossed": "crossed"}


class SceneChange(NamedTuple):
    """What happened: the clause that says it, the zone or line, and which way."""

    clause: str
    place: str = ""
    direction: str = ""


@dataclass(slots=True)
class SceneChanges:
    """What happened since `since_us`, by kind of change: of whom."""

    since_us: int = 0
    found: defaultdict[SceneChange, list[Mentioned]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> None:
        """Take an event; kinds that no clause tells are left out."""
        clause = _CLAUSES.get(event.kind)
        if clause is None or event.label is None or (event.kind == "track_ended" and event.reason != "gone"):
            return
        change = SceneChange(clause, event.zone or event.line or "", event.direction or "")
        self.found[change].append(Mentioned(event.label, event.detector, event.person))


def scene_sentences(
    words: Sentences, result: FrameResult, present: Sequence[Track], faults: Collection[str]
) -> list[list[Phrase]]:
    """How it is now. present: the tracks in view; faults: the camera's (`FaultKind`).

    Of a camera that is black, covered or frozen, who is in view is not told: it is not known.
    """
    told = [words.sentence(kind, {"faults": kind}) for kind in sorted(faults)]
    if {"black", "covered", "frozen"} & set(faults):
        return told
    told.append(_in_view(words, result, present))
    zones = sorted({name for track in present for name, visit in track.visits.items() if visit.inside})
    for zone in zones:
        inside = [track for track in present if zone in track.visits and track.visits[zone].inside]
        about = Phrase(text=zone, fields={"zone": zone})
        name = "in_zone" if len(inside) == 1 else "in_zone.many"
        told.append(words.sentence(name, {"tracks": len(inside)}, who=_group(words, inside).phrases, zone=about))
    return [*told, *light_sentences(result, words)]


def change_sentence(words: Sentences, changes: SceneChanges, until_us: int) -> list[Phrase]:
    """What changed; nothing where nothing did."""
    ranked = sorted(changes.found.items(), key=lambda one: (-len(one[1]), one[0]))[:_MOST_CLAUSES]
    if not ranked:
        return []
    clauses = [_clause(words, change, subjects) for change, subjects in ranked]
    duration = words.duration("pts_us", (until_us - changes.since_us) / 1e6)
    facts: dict[str, FieldValue] = {"changes": len(changes.found)}
    return words.sentence("changes", facts, duration=duration, changes=words.listed(clauses))


def _clause(words: Sentences, change: SceneChange, subjects: Sequence[Mentioned]) -> list[Phrase]:
    who = words.group(subjects)
    parts = {"who": who.phrases, "direction": [Phrase(text="")]}
    name = "gone.many" if change.clause == "gone" and who.total > 1 else change.clause
    place = "line" if change.clause == "crossed" else "zone"
    if change.place:
        parts[place] = (Phrase(text=change.place, fields={place: change.place}),)
    if change.direction:
        text = words.templates.words[change.direction]
        parts["direction"] = [Phrase(text=text, fields={"direction": change.direction})]
    return words.sentence(name, {"events": len(subjects)}, **parts)


def _in_view(words: Sentences, result: FrameResult, present: Sequence[Track]) -> list[Phrase]:
    if not present:
        models = [Phrase(text=name, fields={"models": name}) for name in sorted(result.models)]
        name = "nothing" if len(models) == 1 else "nothing.many"
        return words.sentence(name, {"tracks": 0}, models=words.listed(models)) if models else []
    place = Phrase(text="")
    if len(present) == 1:
        place = words.place(present[0].last.xyxy, present[0].last.size_wh)
    name = "in_view" if len(present) == 1 else "in_view.many"
    return words.sentence(name, {"tracks": len(present)}, who=_group(words, present).phrases, place=place)


def _group(words: Sentences, tracks: Sequence[Track]) -> Group:
    return words.group(Mentioned(track.label, track.detector, track.person) for track in tracks)
