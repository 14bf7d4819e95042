"""The text of a question while it is read: what was understood is replaced by marks, what is left was not. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MARK = re.compile(r"<[^<>]*>")

NUMBERS = {
    word: number
    for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
} | {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "a": 1, "an": 1, "half": 0}
NUMBER = r"(?:\d{1,6}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|sixty)"

HARMLESS = frozenset(
    "the a an of at in on for please i we us me our my your tell know say want like hi hello hey "
    "ok thanks thank there here is are was were be been being am do does did done has have had it this that these "
    "those any so view".split()
)
"""Words that change no meaning. No adverb, negation or comparison is among them: those must be understood."""

_CONTRACTED = {
    r"\bwon't\b": "will not",
    r"\bcan't\b": "can not",
    r"n't\b": " not",
    r"\b(what|who|where|when|how|that|there|it|he|she)'s\b": r"\1 is",
    r"'re\b": " are",
    r"'ve\b": " have",
    r"'s\b": "",
}


@lru_cache(maxsize=8192)
def normal(text: str) -> str:
    """In lower case, without accents and punctuation but for what times are written with; words one blank apart."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'").replace("–", "-").replace("—", " "))
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    plain = re.sub(r"(?<=[\d ])([ap])\.\s?m\b\.?", r"\1m", plain)
    for pattern, word in _CONTRACTED.items():
        plain = re.sub(pattern, word, plain)
    plain = re.sub(r"(?<=[^\W\d])[-_](?=\w)|(?<=\w)[-_](?=[^\W\d])", " ", plain)
    plain = re.sub(r"(?<=\d)[.](?=\d)", "·", plain)
    plain = re.sub(r"(?<!\d):(?!\d)|:(?!\d)|(?<!\d):", " ", plain)
    plain = re.sub(r"[^\w\s:%·,/-]|_", " ", plain).replace("·", ".")
    plain = re.sub(r",", " , ", plain)
    return " ".join(plain.split())


def joined(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    every = list(names)
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} and {every[-1]}" if every else ""


class Question:
    """What is left of a question. `take` finds a phrase and puts a mark in its place."""

    def __init__(self, text: str) -> None:
        self.text = normal(text)
        self.left = f" {self.text} "
        self.joined_by: dict[str, str] = {}

    def take(self, pattern: str, mark: str = "<>") -> re.Match[str] | None:
        """The first place where the pattern stands as whole words; None where it does not."""
        found = re.search(rf"(?<![\w<:]){pattern}(?![\w>:])", self.left)
        if found is not None:
            self.left = " ".join(f"{self.left[: found.start()]} {mark} {self.left[found.end() :]}".split())
            self.left = f" {self.left} "
        return found

    def takes(self, pattern: str, mark: str = "<>") -> bool:
        """Whether it was there, once or more."""
        found = False
        while self.take(pattern, mark) is not None:
            found = True
        return found

    def has(self, pattern: str) -> bool:
        """Whether it stands there; nothing is taken."""
        return re.search(rf"(?<![\w<]){pattern}(?![\w>])", self.left) is not None

    def unused(self) -> list[str]:
        """The words that nobody took and that could mean something, in order."""
        words = MARK.sub(" ", self.left).replace(",", " ").split()
        return [word for word in words if word not in HARMLESS]


def number_of(word: str) -> float:
    """Of digits or a word."""
    return float(NUMBERS[word]) if word in NUMBERS else float(word)


def distance(one: str, other: str, most: int) -> int:
    """How many letters to change, add, leave out or swap with the next (Damerau, restricted); `most` + 1 for more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        above, row = row, [number]
        for at, its in enumerate(other, 1):
            cost = min(above[at] + 1, row[-1] + 1, above[at - 1] + (letter != its))
            if before and at > 1 and letter == other[at - 2] and one[number - 2] == its:
                cost = min(cost, before[at - 2] + 1)
            row.append(cost)
        before = above
    return min(row[-1], most + 1)
