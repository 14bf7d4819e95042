"""Finds the installation's own names in a question: cameras, zones, lines, labels, rules, people, groups. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from monitoring.ask.installation import Installation
from monitoring.ask.language.dates import DAY_NAMES, MONTH_NAMES
from monitoring.ask.language.words import HARMLESS, Question, distance, normal
from workers.label_words import spoken

_KIND_WORDS = {
    "camera": "(?:camera|stream|cam)",
    "zone": "(?:zone|area)",
    "line": "line",
    "label": "(?:label|class|labelled|labeled)",
    "rule": "rule",
    "person": "person",
    "group": "group",
}
_MASKS: dict[str, tuple[str, ...]] = {
    "without_mask": (
        r"(?:without|(?:wearing |wore |with |wear |had )?no|not wearing|did not wear) (?:a |any )?(?:face )?masks?",
        "(?:unmasked|maskless)",
    ),
    "mask_weared_incorrect": (
        r"(?:with |wearing |wore )?(?:a |their )?masks? (?:worn |weared )?(?:wrongly|incorrect(?:ly)?|badly)",
        r"(?:with |wearing |wore )?(?:an |a )?(?:incorrect|wrong|badly worn|wrongly worn|incorrectly worn) masks?",
    ),
    "with_mask": (r"(?:with|wearing|wore|wear|in|had) (?:a |any )?(?:face )?masks?", "masked"),
}
"""What people say for labels that many models of masks share; the order is that of looking."""

_SAID_TOO: dict[str, tuple[str, ...]] = {
    "bicycle": ("bike", "cycle"),
    "truck": ("lorry",),
    "motorcycle": ("motorbike",),
    "cell phone": ("phone", "mobile phone"),
    "tv": ("television",),
}
"""Other words for labels that many data sets share."""

_NOUNS_TOO = ("till",)
"""Words of the grammar that may be a part of a name as well."""

RESERVED = frozenset((*DAY_NAMES, *MONTH_NAMES, *HARMLESS)) | frozenset(
    "mar will mark people person persons alert alerts camera cameras zone zones line lines now today yesterday "
    "morning afternoon evening night week month year hour day minute first last most more less who when where "
    "what which how many long often count list show all and or not no in out came left seen track tracks event "
    "events offline down up till until since before after between from to busy".split()
)
"""Words of the grammar: a name that is one of them counts only with its kind before it (camera today)."""


@dataclass
class FoundNames:
    """What was found, by kind, in order. choices: what an ambiguous `word` may mean, as phrases to put in its place."""

    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    word: str = ""
    choices: list[str] = field(default_factory=list)
    _at: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, kind: str, value: str, at: int) -> None:
        """Once each. at: where it stands."""
        if value not in self.values[kind]:
            self.values[kind].append(value)
            self._at[kind, value] = at

    def sort(self) -> None:
        """In the order in which they were said."""
        for kind, values in self.values.items():
            values.sort(key=lambda value: self._at[kind, value])


class Lexicon:
    """The names of an installation as they are said."""

    def __init__(self, installation: Installation) -> None:
        self._meant: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for kind, value, phrase in _phrases(installation):
            if phrase and (kind, value) not in self._meant[phrase]:
                self._meant[phrase].append((kind, value))
        self._called = {person.id: person.name for person in installation.people}
        self._in_order = sorted(self._meant, key=lambda phrase: (-len(phrase.split()), -len(phrase), phrase))
        self._masks = [
            (label, said) for label, every in _MASKS.items() if label in installation.labels for said in every
        ]

    def take(self, question: Question) -> FoundNames:
        """Replaces names by marks such as <camera>; stops at one that is ambiguous."""
        names = FoundNames()
        said = [phrase for phrase in self._in_order if phrase in question.text]
        for phrase in said:
            for kind in dict.fromkeys(kind for kind, _ in self._meant[phrase]):
                self._take_explicit(question, names, phrase, (kind, _KIND_WORDS[kind]))
        for noun in _NOUNS_TOO:  # at the till, which is no "until"
            if not question.has(rf"(?:the|at|a) {noun}(?! \d)"):
                continue
            if len(self._meant.get(noun, ())) == 1:
                kind, value = self._meant[noun][0]
                question.takes(rf"(?:the|at|a) {noun}(?! \d)", f"<{kind}>")
                names.add(kind, value, question.text.find(noun))
            elif (partly := self.partly([noun])).choices:
                return partly
        for label, pattern in self._masks:
            if found := question.take(pattern, "<label>"):
                question.takes(pattern, "<label>")
                names.add("label", label, question.text.find(found[0].strip()))
        for phrase in said:
            self._take_bare(question, names, phrase)
            if names.choices:
                break
        names.sort()
        return names

    def _take_bare(self, question: Question, names: FoundNames, phrase: str) -> None:
        """A name without its kind; rules are not called by their name alone."""
        meant = [one for one in self._meant[phrase] if one[0] != "rule"]
        if not meant or phrase in RESERVED:
            return
        pattern = re.escape(phrase) + ("" if meant[0][0] == "person" else "s?")
        if not question.has(pattern):
            return
        if len(meant) > 1:
            names.word, names.choices = phrase, [self._explicit(*one) for one in meant]
            return
        kind, value = meant[0]
        question.takes(pattern, f"<{kind}>")
        names.add(kind, value, question.text.find(phrase))

    def partly(self, words: list[str]) -> FoundNames:
        """Of words that nobody took: the first that is a part of names, and which."""
        for word in words:
            stem = word[:-1] if word.endswith("s") and len(word) > 4 else word
            found = [
                self._explicit(kind, value)
                for phrase in self._in_order
                for kind, value in self._meant[phrase]
                if kind in ("camera", "zone", "line") and len(phrase.split()) > 1 and {word, stem} & set(phrase.split())
            ]
            if found and len(stem) > 2:
                return FoundNames(word=word, choices=list(dict.fromkeys(found)))
        return FoundNames()

    def nearest(self, word: str, others: frozenset[str]) -> list[str]:
        """Words of names, or `others`, that the word may be a slip of. None of short words, but for names of people."""
        most = 2 if len(word) >= 8 else 1
        if len(word) < 4:
            return []
        candidates = set(others) if len(word) > 5 else set()
        for phrase, meant in self._meant.items():
            for kind, _ in meant:
                if kind not in ("label", "rule") or len(word) > 5:
                    candidates |= {one for one in phrase.split() if len(one) > 3 and one not in RESERVED}
        by_distance = {one: distance(word, one, most) for one in candidates}
        least = min(by_distance.values(), default=9)
        return sorted(one for one, far in by_distance.items() if far == least <= most)

    def _take_explicit(self, question: Question, names: FoundNames, phrase: str, kind: tuple[str, str]) -> None:
        values = [value for its, value in self._meant[phrase] if its == kind[0]]
        if len(values) != 1:
            return
        name, word = re.escape(phrase), kind[1]
        before = rf"(?:with |of |by |in |on |at |from )?(?:the )?{word}s? (?:called |named )?{name}"
        after = rf"{name} {word}" if kind[0] in ("camera", "zone", "line", "rule") else before
        if kind[0] == "rule":
            taken = question.takes(before, "<rule>") or question.takes(after, "<rule>")
            taken |= question.takes(rf"{name} (alerts?|alarms?)", "<rule> <alert>")
            taken |= question.takes(
                rf"(?:alerts?|alarms?) (?:of|from|by|for|about|called) (?:the )?{name}", "<alert> <rule>"
            )
        else:
            taken = question.takes(before, f"<{kind[0]}>") or question.takes(after, f"<{kind[0]}>")
        if taken:
            names.add(kind[0], values[0], question.text.find(phrase))

    def _explicit(self, kind: str, value: str) -> str:
        """Said so that nothing else can be meant."""
        return self._called[value] if kind == "person" else f"{kind} {value}"


def _phrases(installation: Installation) -> Iterator[tuple[str, str, str]]:
    """(kind, value, how it is said)."""
    for kind, values in (
        ("camera", installation.cameras),
        ("zone", installation.zones),
        ("line", installation.lines),
        ("rule", installation.rules),
        ("group", installation.groups()),
    ):
        yield from ((kind, value, normal(value)) for value in values)
    for label in installation.labels:
        words = installation.label_words(label)
        said = [
            spoken(label),
            *_SAID_TOO.get(label.casefold(), ()),
            *((words.name, words.one, words.many) if words else ()),
        ]
        for text in said:
            plain = re.sub(r"^(?:a|an|somebody|people|a pair of|pairs of) ", "", normal(text or ""))
            if plain not in ("object", ""):
                yield "label", label, plain
                yield "label", label, _several(plain)
    for person in installation.people:
        whole = normal(person.name)
        parts = {part for part in whole.split() if len(part) > 1 and part.isalpha()}
        yield from (("person", person.id, part) for part in sorted({whole, *parts}))


def _several(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", word) else f"{word}s"
