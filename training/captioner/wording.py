"""Captions of tags: in the order and the sentences in which the captions that were learnt from have them. Pure.

A sentence is one of theirs with its tags cut out ("a {} {} dragon"), and only one whose other words are grammar: a word
that no classifier answers for is never said. Tags that never stand in one caption, and stand at the same place, exclude
each other (red, blue): of those the likelier one is said.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.captioner.captions_file import words_of
from training.captioner.word_tags import GRAMMAR

_SAME_PLACE = 0.25
_SLOT = re.compile(r"\{(\d+)\}")
_ARTICLE = re.compile(r"\b(an?) (?=([^\W\d_]))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slot:
    """Tags of which an image has one at most; `place`: where they stand in captions, 0 to 1."""

    tags: tuple[str, ...]
    place: float


@dataclass(frozen=True, slots=True)
class CaptionWords:
    """How the captions that were learnt from speak. sentences: filled slots → the sentence, with `{n}` for slot n."""

    slots: tuple[Slot, ...]
    sentences: Mapping[frozenset[int], str]

    def tags(self, scores: Mapping[str, float]) -> tuple[str, ...]:
        """Of each slot the likeliest tag that fits (score above 0), in the order in which they are said."""
        found = []
        for slot in self.slots:
            best = max(slot.tags, key=lambda tag: scores.get(tag, -1.0))
            if scores.get(best, -1.0) > 0:
                found.append(best)
        return tuple(found)

    def text(self, tags: Sequence[str]) -> str:
        """A sentence of these tags; one after the other where no caption had such a sentence; empty for none."""
        filled = {number: tag for number, slot in enumerate(self.slots) for tag in slot.tags if tag in tags}
        sentence = self.sentences.get(frozenset(filled))
        if sentence is None:
            return " ".join(filled[number] for number in sorted(filled, key=lambda one: self.slots[one].place))
        return _ARTICLE.sub(_article, _SLOT.sub(lambda found: filled[int(found[1])], sentence))


def caption_words(texts: Sequence[str], tags: Sequence[str]) -> CaptionWords:
    """Learn how these captions speak of these tags."""
    slots = _slots(texts, tags)
    slot_of = {tag: number for number, slot in enumerate(slots) for tag in slot.tags}
    counted: defaultdict[frozenset[int], Counter[str]] = defaultdict(Counter)
    for text in texts:
        said = [slot_of[word] for word in words_of(text) if word in slot_of]
        others = {word for word in words_of(text) if word not in slot_of}
        if said and len(set(said)) == len(said) and others <= GRAMMAR and "{" not in text and "}" not in text:
            counted[frozenset(said)][_cut(text, slot_of)] += 1
    sentences = {which: max(found.items(), key=lambda one: (one[1], one[0]))[0] for which, found in counted.items()}
    return CaptionWords(slots, sentences)


def _slots(texts: Sequence[str], tags: Sequence[str]) -> tuple[Slot, ...]:
    places: defaultdict[str, list[float]] = defaultdict(list)
    together: set[frozenset[str]] = set()
    for text in texts:
        words = words_of(text)
        own = [tag for tag in tags if tag in words]
        together |= {frozenset((one, other)) for one in own for other in own if one != other}
        for tag in own:
            places[tag].append((words.index(tag) + 0.5) / len(words))
    middle = {tag: float(np.mean(found)) for tag, found in places.items()}
    groups: list[list[str]] = []
    for tag in sorted(middle, key=lambda one: (middle[one], one)):
        group = next((group for group in groups if _belongs(tag, group, middle, together)), None)
        if group is None:
            groups.append([tag])
        else:
            group.append(tag)
    return tuple(Slot(tuple(group), float(np.mean([middle[tag] for tag in group]))) for group in groups)


def _belongs(tag: str, group: Sequence[str], middle: Mapping[str, float], together: set[frozenset[str]]) -> bool:
    return all(
        frozenset((tag, other)) not in together and abs(middle[tag] - middle[other]) < _SAME_PLACE for other in group
    )


def _cut(text: str, slot_of: Mapping[str, int]) -> str:
    cut = re.sub(
        r"[^\W\d_]+(?:['’-][^\W\d_]+)*",
        lambda found: f"{{{slot_of[found[0].lower()]}}}" if found[0].lower() in slot_of else found[0].lower(),
        text.strip(),
    )
    return cut.rstrip(".")


def _article(found: re.Match[str]) -> str:
    article = "an" if found[2].lower() in "aeiou" else "a"
    return f"{article.capitalize() if found[1][0].isupper() else article} "
