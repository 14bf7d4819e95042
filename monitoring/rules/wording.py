"""Texts of alerts, in the words that a model's card has for its labels. Pure.

`Wording` is made for what a rule looks at: the words are those of the models, and versions, that saw it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitoring.core.known_people import mention
from monitoring.rules.rule import AbsentCondition
from workers.bus.event import Event
from workers.label_words import LabelWords, WordSource, at_start, name_of, plain_words, spoken, usual_words

MOST_LISTED = 3
"""Labels that a text counts one by one; of more it says how many objects."""

Counts = Counter[tuple[str, str]]
"""How many there are: by model and label."""


@dataclass(frozen=True, slots=True)
class Wording:
    """versions: of the models that saw it, by name; of others the version in service speaks."""

    source: WordSource = usual_words
    versions: Mapping[str, int] = field(default_factory=dict)

    def of(self, label: str, model: str | None) -> LabelWords:
        """The words of a label of a model; plain ones where it has none."""
        return self.known(label, model) or plain_words(label)

    def known(self, label: str, model: str | None) -> LabelWords | None:
        """The words of a label of a model; None where it has none."""
        return self.source(label, model, None if model is None else self.versions.get(model))

    def name(self, label: str, model: str | None) -> str:
        """What a label is called behind somebody's name."""
        return name_of(label, self.known(label, model))

    def one(self, person: str | None, label: str | None, model: str | None) -> str:
        """One track, as the beginning of a sentence: "A triangle", "Somebody without a mask", "{person:7} (mask)".

        person: an id, for which the name is put in when the text is told.
        """
        if label is None:
            return "An object" if person is None else mention(person)
        if person is None:
            return at_start(self.of(label, model).one)
        return f"{mention(person)} ({self.name(label, model)})"

    def classified(self, person: str | None, seen: tuple[str, str], said: tuple[str, str]) -> str:
        """One track and what a classifier said of it, as `one`: "Somebody with a mask", "A car (red)".

        seen, said: label and model of the detector and of the classifier.
        """
        if person is not None or self.known(*said) is not None:
            return self.one(person, *said)
        return f"{self.one(None, *seen)} ({spoken(said[0])})"

    def several(self, counts: Counts) -> str:
        """Several tracks, as the beginning of a sentence: "3 triangles", "2 triangles and a car", "9 objects"."""
        of_words: dict[LabelWords, int] = {}
        for (model, label), number in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            words = self.of(label, model)
            of_words[words] = of_words.get(words, 0) + number
        if not of_words or len(of_words) > MOST_LISTED:
            return objects(counts.total())
        *others, last = (words.one if number == 1 else f"{number} {words.many}" for words, number in of_words.items())
        return at_start(f"{', '.join(others)} and {last}" if others else last)

    def absent(self, when: AbsentCondition) -> str:
        """ "Nobody of group staff has been in view for 10 min", of whom `when` asks for."""
        where = f"{f'in zone {when.zone}' if when.zone else 'in view'} for {seconds(when.for_s)}"
        wanted = [*map(mention, when.people), *(f"group {name}" for name in when.groups)]
        if not wanted and when.labels:
            return f"No {' or '.join(self.of(label, None).many for label in when.labels)} have been {where}"
        if len(when.people) == len(wanted) == 1:
            return f"{wanted[0]} has not been {where}"
        *others, last = wanted or [""]
        who = f"Nobody of {', '.join(others)} and {last}" if others else f"Nobody of {last}" if last else "Nobody"
        called = " or ".join(self.name(label, None) for label in when.labels)
        return f"{who}{f' ({called})' if called else ''} has been {where}"

    def event(self, event: Event) -> str:
        """What happened, in a sentence without its full stop."""
        who = self.one(event.person, event.label, event.detector)
        after = "" if event.duration_s is None else f" after {seconds(event.duration_s)}"
        why = f": {event.reason}" if event.reason else ""
        where = f"zone {event.zone}" if event.zone else "view"
        texts = {
            "track_began": f"{who} has come into view",
            "label_changed": self._changed(event),
            "identified": self._identified(event),
            "track_ended": f"{who} has left{after}",
            "zone_entered": f"{who} has entered zone {event.zone}",
            "zone_left": f"{who} has left zone {event.zone}{after}",
            "zone_stayed": f"{who} has stayed in zone {event.zone} for {seconds(event.duration_s or 0)}",
            "line_crossed": f"{who} has crossed line {event.line} ({event.direction})",
            "count_changed": f"{objects(event.count or 0)} in {where}, {event.before} before",
            "stream_up": "The stream is up",
            "stream_down": f"The stream is down{why}",
        }
        return texts.get(event.kind, event.kind)

    def _identified(self, event: Event) -> str:
        """ "Ada (without mask) has been recognised"."""
        before = None if event.before is None else mention(event.before)
        if event.person is None:
            return f"{self.one(None, event.label, event.detector)} is taken for {before or 'somebody'} no longer"
        instead = "" if before is None else f", who was taken for {before}"
        return f"{self.one(event.person, event.label, event.detector)} has been recognised{instead}"

    def _changed(self, event: Event) -> str:
        """ "Somebody without a mask is now somebody with a mask"."""
        if event.label is None or event.before is None:
            return f"{self.one(event.person, event.label, event.detector)} has changed its label"
        label, model = event.label, event.detector
        now = self.of(label, model).one if event.person is None else self.name(label, model)
        return f"{self.one(event.person, event.before, model)} is now {now}"


def objects(number: int) -> str:
    """Tracks whose labels are not told: "No objects", "1 object", "9 objects"."""
    return "No objects" if number == 0 else f"{number} object" if number == 1 else f"{number} objects"


def seconds(duration_s: float) -> str:
    """A duration as text: 2 s, 1.5 s, 3 min."""
    if duration_s >= 120:
        return f"{round(duration_s / 60)} min"
    return f"{round(duration_s, 1):g} s"
