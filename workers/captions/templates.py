"""The templates of captions: one JSON file a language, checked when it is read. Pure but for reading the file.

Another language is another file beside `en.json`, with the same sentences. What labels are called in it comes from the
cards of the models (`words`).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workers.errors import SettingsError
from workers.validation import first_reason

PlaceName = Literal[
    "upper left", "top", "upper right", "left", "centre", "right", "lower left", "bottom", "lower right"
]
SLOT: Final = re.compile(r"\{([a-z_]+)\}")

_SENTENCES: Final[dict[str, str]] = {
    "in_view": "who place",
    "in_view.many": "who place",
    "in_zone": "who zone",
    "in_zone.many": "who zone",
    "nothing": "models",
    "nothing.many": "models",
    "said": "model label count",
    **dict.fromkeys(("dark", "blurred", "frozen", "black", "covered", "moved", "stream_up", "stream_down"), ""),
    "changes": "duration changes",
    **dict.fromkeys(("came", "gone", "gone.many", "at_first"), "who"),
    "entered": "who zone",
    "crossed": "who line direction",
    "track_began": "who place",
    "label_changed": "before who",
    "track_ended": "who place duration",
    "track_ended.stream_lost": "who duration",
    "zone_entered": "who zone",
    **dict.fromkeys(
        ("zone_left", "zone_left.gone", "zone_left.stream_lost", "zone_left.zone_removed", "zone_stayed"),
        "who zone duration",
    ),
    "line_crossed": "who line direction",
    "identified": "who person",
    "identified.changed": "who person before",
    "identified.lost": "who before",
    "count_changed": "detector count before",
    "count_changed.zone": "detector count before zone",
    "stream_down.reason": "reason",
    "seen_for": "who duration",
    "seen_at_least": "who duration",
    "seen_now": "who",
    "seen_since": "who duration",
    "visited": "zone times duration",
    "still_inside": "zone times",
    "crossings": "line direction times",
    "alerts": "count",
    "alerts.many": "count",
}
_WORDS: Final[dict[str, str]] = {
    "many_times": "count",
    "seconds": "count",
    "minutes": "count",
    "named": "person label",
    "other": "count",
    "others": "count",
    **dict.fromkeys(("between", "last", "unknown_person", "anything", "in", "out"), ""),
}


class Templates(BaseModel):
    """What a language says. A template may leave out what it has no use for, but knows no other slots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str = Field(pattern="^[a-z]{2,8}$")
    numbers: tuple[str, ...] = Field(min_length=2, description="From none on; higher ones are written in digits.")
    times: tuple[str, ...] = Field(min_length=2, description="How often, from never on.")
    words: dict[str, str]
    places: dict[PlaceName, str]
    sentences: dict[str, str]

    @field_validator("words")
    @classmethod
    def _has_words(cls, words: dict[str, str]) -> dict[str, str]:
        return _checked(words, _WORDS)

    @field_validator("sentences")
    @classmethod
    def _has_sentences(cls, sentences: dict[str, str]) -> dict[str, str]:
        return _checked(sentences, _SENTENCES)

    def number(self, count: int) -> str:
        """A count in words, high ones in digits."""
        return self.numbers[count] if count < len(self.numbers) else str(count)

    def often(self, count: int) -> str:
        """How often, in words."""
        if count < len(self.times):
            return self.times[count]
        return self.words["many_times"].format(count=self.number(count))

    def duration(self, seconds: float) -> str:
        """A duration: 2 s, 1.5 s, 3 min."""
        if seconds >= 120:
            return self.words["minutes"].format(count=round(seconds / 60))
        return self.words["seconds"].format(count=f"{round(seconds, 1):g}")


def _checked(found: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    if found.keys() != known.keys():
        raise ValueError(f"must have exactly these: {', '.join(sorted(known))}")
    for name, text in found.items():
        unknown = set(SLOT.findall(text)) - set(known[name].split())
        if unknown:
            raise ValueError(f"{name}: nothing goes into {{{min(unknown)}}}; there are: {known[name] or 'none'}")
    return found


@cache
def templates_of(language: str = "en", folder: Path = Path(__file__).parent) -> Templates:
    """The templates of a language. Raises SettingsError naming the file, and what of it is wrong."""
    path = folder / f"{language}.json"
    try:
        return Templates.model_validate_json(path.read_bytes())
    except OSError as error:
        there = ", ".join(sorted(one.stem for one in folder.glob("*.json")))
        raise SettingsError(f"captions: no templates of the language {language}; there are: {there}") from error
    except ValidationError as error:
        raise SettingsError(f"{path}: {first_reason(error, 'file')}") from error
