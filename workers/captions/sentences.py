"""Fills templates with measured facts: who, how many, where, how long. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workers.captions.caption import FieldValue, Phrase, person_mark
from workers.captions.templates import SLOT, PlaceName, Templates, templates_of
from workers.label_words import LabelWords, WordSource, name_of, plain_words, usual_words

MOST_LISTED = 4
"""Labels that a sentence counts one by one; the rest are "other objects"."""

Part = Phrase | Sequence[Phrase]


class Mentioned(NamedTuple):
    """What is told of one object: whose label it is, and who it is where that is known."""

    label: str | None
    detector: str | None = None
    person: str | None = None


class Group(NamedTuple):
    """Phrases for some objects together, and how many they are."""

    phrases: tuple[Phrase, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Sentences:
    """Writes phrases in the words of a language and of the models' cards. versions: of the models, by name."""

    templates: Templates = field(default_factory=templates_of)
    source: WordSource = usual_words
    versions: Mapping[str, int] = field(default_factory=dict)

    def sentence(self, name: str, facts: Mapping[str, FieldValue] | None = None, **parts: Part) -> list[Phrase]:
        """A template with its slots filled. facts: what the words of the template itself came from."""
        written: list[Phrase] = []
        for number, piece in enumerate(SLOT.split(self.templates.sentences[name])):
            if number % 2:
                part = parts[piece]
                written += [part] if isinstance(part, Phrase) else part
            elif piece:
                written.append(Phrase(text=piece, fields=dict(facts or {})))
        return written

    def one(self, subject: Mentioned) -> Phrase:
        """One object: "somebody with a mask", "{person:ID} (with mask)"."""
        about: dict[str, FieldValue] = {}
        if subject.label is not None:
            about["label"] = subject.label
        if subject.detector is not None:
            about["detector"] = subject.detector
        if subject.person is None:
            if subject.label is None:
                return Phrase(text=self.templates.words["anything"], fields=about)
            return Phrase(text=self._words(subject).one, fields=about)
        about["person"] = subject.person
        text = person_mark(subject.person)
        if subject.label is not None:
            label = name_of(subject.label, self._known(subject))
            text = self.templates.words["named"].replace("{person}", text).replace("{label}", label)
        return Phrase(text=text, fields=about)

    def group(self, subjects: Iterable[Mentioned]) -> Group:
        """Several objects: those with a name first, of the others how many of each label, the most frequent first."""
        known: dict[str, Phrase] = {}
        others: Counter[tuple[LabelWords, str, str]] = Counter()
        total = 0
        for subject in subjects:
            total += 1
            if subject.person is not None:
                known[subject.person] = self.one(subject)
            elif subject.label is not None:
                others[self._words(subject), subject.label, subject.detector or ""] += 1
        items = [known[person] for person in sorted(known)]
        ranked = sorted(others.items(), key=lambda one: (-one[1], one[0][1:]))
        items += [self._several(*which, count) for which, count in ranked[:MOST_LISTED]]
        rest = sum(count for _, count in ranked[MOST_LISTED:])
        if rest:
            word = self.templates.words["other" if rest == 1 else "others"]
            items.append(Phrase(text=word.format(count=self.templates.number(rest)), fields={"count": rest}))
        return Group(tuple(self.listed(items)), total)

    def listed(self, items: Sequence[Part]) -> list[Phrase]:
        """ "a, b and c"."""
        written: list[Phrase] = []
        for number, item in enumerate(items):
            if number:
                last = number == len(items) - 1
                written.append(Phrase(text=self.templates.words["last" if last else "between"]))
            written += [item] if isinstance(item, Phrase) else item
        return written

    def number(self, name: str, count: int) -> Phrase:
        """A count in words, from the field `name`."""
        return Phrase(text=self.templates.number(count), fields={name: count})

    def duration(self, name: str, seconds: float) -> Phrase:
        """How long, from the field `name`."""
        return Phrase(text=self.templates.duration(seconds), fields={name: round(seconds, 3)})

    def place(self, xyxy: Sequence[float] | None, size_wh: Sequence[int] | None) -> Phrase:
        """Where in the image the middle of a box is; nothing where that is not known."""
        if xyxy is None or size_wh is None:
            return Phrase(text="")
        box, size = tuple(float(one) for one in xyxy), tuple(float(one) for one in size_wh)
        return Phrase(text=self.templates.places[place_of(box, size)], fields={"xyxy": box, "size_wh": size})

    def _words(self, subject: Mentioned) -> LabelWords:
        return self._known(subject) or plain_words(subject.label or "")

    def _known(self, subject: Mentioned) -> LabelWords | None:
        version = None if subject.detector is None else self.versions.get(subject.detector)
        return self.source(subject.label or "", subject.detector, version)

    def _several(self, words: LabelWords, label: str, detector: str, count: int) -> Phrase:
        about: dict[str, FieldValue] = {"label": label, "detector": detector, "count": count}
        return Phrase(text=words.one if count == 1 else f"{self.templates.number(count)} {words.many}", fields=about)


_PLACES: tuple[tuple[PlaceName, PlaceName, PlaceName], ...] = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)


def place_of(xyxy: Sequence[float], size_wh: Sequence[float]) -> PlaceName:
    """The ninth of the image that holds a box's middle."""
    x1, y1, x2, y2 = xyxy
    column, row = (
        min(2, max(0, int(3 * middle / side)))
        for middle, side in zip(((x1 + x2) / 2, (y1 + y2) / 2), size_wh, strict=True)
    )
    return _PLACES[row][column]
