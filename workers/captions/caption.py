"""A caption: a text, and for each phrase of it the fields that it came from. Pure.

People stand in it as `{person:ID}`; `named` fills in their names when somebody is answered who may know them, so a
stored caption has nobody's name, and erasing a person is erasing their row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pydantic import BaseModel, ConfigDict, Field

FieldValue = str | int | float | tuple[float, ...]
NameOf = Callable[[str], str | None]
"""A person's id → their name; None for somebody whose name is not known, or not for whoever is answered."""

_PERSON = re.compile(r"\{person:([^{}]{1,100})\}")


class Phrase(BaseModel):
    """A part of a caption. Without fields it is grammar alone: “, ”, “ and ”."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    text: str = Field(max_length=2000)
    fields: dict[str, FieldValue] = Field(
        default_factory=dict, description="What it was made of: names of fields of the result, event or track → values."
    )


class Caption(BaseModel):
    """Sentences built from measured facts. `text` is its phrases, one after the other."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    language: str = Field(default="en", max_length=10, description="Of the templates.")
    text: str = Field(max_length=20_000, examples=["Somebody with a mask entered zone desk."])
    phrases: tuple[Phrase, ...] = ()

    def named(self, name_of: NameOf, otherwise: str) -> Caption:
        """With names in place of `{person:ID}`; otherwise: for whom there is none, as for somebody erased."""
        if "{person:" not in self.text:
            return self
        phrases: list[Phrase] = []
        for phrase in self.phrases:
            begins = not phrases or phrases[-1].text.endswith(". ")
            first = _PERSON.match(phrase.text)
            text = named(phrase.text, name_of, otherwise)
            if begins and first is not None and name_of(first[1]) is None:  # a name is written as it is
                text = _at_start(text)
            phrases.append(Phrase(text=text, fields=phrase.fields))
        text = "".join(phrase.text for phrase in phrases)
        return Caption(language=self.language, text=text, phrases=tuple(phrases))


def person_mark(person: str) -> str:
    """What stands for a person in a text that is stored."""
    return f"{{person:{person}}}"


def people_in(text: str) -> set[str]:
    """The ids of the people in a stored text."""
    return set(_PERSON.findall(text))


def named(text: str, name_of: NameOf, otherwise: str) -> str:
    """A stored text with names in place of its marks."""
    return _PERSON.sub(lambda found: name_of(found[1]) or otherwise, text)


def caption_of(language: str, phrases: Iterable[Phrase]) -> Caption:
    """A caption of phrases in order; the first letter of each sentence is a capital."""
    written: list[Phrase] = []
    begins = True
    for phrase in phrases:
        if not phrase.text:
            continue
        written.append(Phrase(text=_at_start(phrase.text), fields=phrase.fields) if begins else phrase)
        begins = phrase.text.endswith(". ")
    if written and written[-1].text.endswith(" "):
        written[-1] = Phrase(text=written[-1].text.rstrip(), fields=written[-1].fields)
    return Caption(language=language, text="".join(one.text for one in written), phrases=tuple(written))


def _at_start(text: str) -> str:
    """A mark stays as it is: the name that comes in its place has its own capitals."""
    return text[:1].upper() + text[1:]
