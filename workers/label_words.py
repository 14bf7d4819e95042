"""What people call the things that a model finds: "a triangle", "people with a mask". Pure.

A model's card says it for its labels (`words`). Where it does not, labels that many data sets share have their usual
words; any other is "an object" with its label behind it, which is right whatever it means.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from workers.well_known_labels import WELL_KNOWN

MOST_WORDS = 1000
"""Labels of a card that may have words: nodes repeat them in their status."""
_LONGEST = 80
_LABEL_SHOWN = 60


def _printable(text: str) -> str:
    """They end up in mails and on pages: no line breaks, and nothing that turns the direction of writing."""
    if not text.isprintable():
        raise ValueError("must have neither line breaks nor control characters")
    return text


Words = Annotated[
    str, StringConstraints(min_length=1, max_length=_LONGEST, strip_whitespace=True), AfterValidator(_printable)
]


class LabelWords(BaseModel):
    """What a label means, in words that go into a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    one: Words = Field(description="One of it, with its article.", examples=["a triangle", "somebody without a mask"])
    many: Words = Field(description="Several of it.", examples=["triangles", "people without a mask"])
    name: Words | None = Field(
        default=None,
        description="What the label is called beside a box and in lists; null: the label, its underscores as spaces.",
        examples=["mask worn wrongly"],
    )


class WordSource(Protocol):
    """Where words come from. Called for each alert, so it must not wait for anybody."""

    def __call__(self, label: str, model: str | None = None, version: int | None = None) -> LabelWords | None:
        """The words of a label; None where it has none. model, version: whose label it is, as far as that is known."""
        ...


def plain_words(label: str) -> LabelWords:
    """Of a label that has no words."""
    return LabelWords(one=f"an object ({spoken(label)})", many=f"objects ({spoken(label)})")


def usual_words(label: str, model: str | None = None, version: int | None = None) -> LabelWords | None:
    """A WordSource that knows no card."""
    found = WELL_KNOWN.get(spoken(label).lower())
    return None if found is None else LabelWords(**dict(zip(("one", "many", "name"), found, strict=False)))


def spoken(label: str) -> str:
    """A label as text for a line: underscores are spaces, and what is not printable is left out."""
    text = "".join(one if one.isprintable() else " " for one in label.replace("_", " "))
    return " ".join(text.split())[:_LABEL_SHOWN] or "?"


def name_of(label: str, words: LabelWords | None) -> str:
    """What the label is called beside a box and in lists. words: where it has any."""
    return (words and words.name) or spoken(label)


def at_start(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
