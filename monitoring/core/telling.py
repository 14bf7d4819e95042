"""How something is told to whoever asks: in which words, and of which streams with people's names. Any thread.

Captions are made when somebody asks, and stored ones have `{person:ID}`; so what a label is called, a name that was
changed, and a person who was erased are as they are now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitoring.core.known_people import ERASED, NOBODY, UNTOLD, KnownPeople, ToldNames
from workers.access.principal import Principal, StreamScope
from workers.bus.event import Event
from workers.captions.caption import Caption
from workers.captions.event_caption import event_caption
from workers.captions.sentences import Sentences
from workers.captions.templates import templates_of
from workers.errors import SettingsError
from workers.label_words import WordSource, usual_words

_NO_STREAMS = StreamScope(())


class CaptionSettings(BaseModel):
    """Captions of scenes, and the language of all captions."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    scenes: bool = Field(default=True, description="Whether a camera's scene is told and stored, where it changed.")
    every_s: float = Field(default=60.0, ge=1, le=86400, description="How often, in seconds of the stream.")
    language: str = Field(
        default="en", pattern="^[a-z]{2,8}$", description="Of the templates; a file of workers/captions."
    )

    @field_validator("language")
    @classmethod
    def _has_templates(cls, language: str) -> str:
        try:
            return templates_of(language).language
        except SettingsError as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Telling:
    """words: of labels. people: those who are enrolled. named: the streams whose people are told by name.

    language: of the templates (workers/captions).
    """

    words: WordSource = usual_words
    people: KnownPeople = field(default=NOBODY)
    language: str = "en"
    named: StreamScope = _NO_STREAMS

    def to(self, principal: Principal) -> Telling:
        """The same, with the names that the principal may see."""
        return replace(self, named=principal.scope("people"))

    @property
    def names(self) -> ToldNames:
        """The names that are told."""
        return ToldNames(self.people, self.named)

    def event(self, event: Event) -> Caption | None:
        """What happened, in a sentence; None for an event that has none."""
        caption = event_caption(event, self.words, self.language)
        return None if caption is None else self.caption(caption, event.stream_id)

    def caption(self, stored: Caption, stream_id: str) -> Caption:
        """A caption of something on a stream, with names in place of ids, or with nobody's."""
        if stream_id in self.named:
            return stored.named(self.people.name_of, ERASED)
        return stored.named(_unknown, UNTOLD)

    def sentences(self, models: Mapping[str, int] | None = None) -> Sentences:
        """For captions of other things. models: the versions whose words are wanted, by name."""
        return Sentences(templates_of(self.language), self.words, models or {})


def _unknown(person: str) -> str | None:
    return None
