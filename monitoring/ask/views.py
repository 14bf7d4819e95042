"""Questions and answers as HTTP carries them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitoring.ask.plan import AskPlan
from monitoring.store.event_views import StoredEvent
from monitoring.tracks.views import TrackView

MOST_CHARACTERS = 300


class AskRequest(BaseModel):
    """A question in words, or a plan: that of an answer, as it was or edited."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    question: str = Field(
        default="", max_length=MOST_CHARACTERS, description="In English. Left out where `plan` is sent."
    )
    tz: str = Field(default="UTC", max_length=64, description="Whose days and hours are meant, as Europe/Berlin.")
    context: AskPlan | None = Field(
        default=None, description="The `plan` of the answer before, for questions that go on: “and yesterday?”"
    )
    plan: AskPlan | None = Field(default=None, description="Run this in place of a question.")

    @field_validator("tz")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"there is no time zone {name}")
        return name

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.question.strip()) == (self.plan is not None):
            raise ValueError("question: send a question or a plan, one of both")
        return self


class FigureRow(BaseModel):
    """A line: so many of something; or when something was."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str | None = Field(description="A camera, zone, label, rule, person; where an hour or a day begins.")
    person: str | None = Field(default=None, description="The id, where the name is a person's.")
    value: float | None
    at: datetime | None = None
    until: datetime | None = None


class AskFigures(BaseModel):
    """What the sentence says, as numbers. Which of them say something depends on the plan's intent."""

    model_config = ConfigDict(allow_inf_nan=False)

    counted: str = Field(description="What was counted: tracks, entries, leavings, crossings, alerts, outages, events.")
    unit: Literal["count", "s"]
    value: float | None
    yes: bool | None = Field(description="Of a question that is answered by yes or no.")
    at: datetime | None
    rows: list[FigureRow]
    since: datetime
    until: datetime
    tz: str


class CoverageGap(BaseModel):
    """A camera was away in the time that was asked for. until: null where it still is."""

    stream_id: str
    why: Literal["offline", "not watched"]
    since: datetime
    until: datetime | None


class AskAnswer(BaseModel):
    """status: answered; abstained, and `answer` says why; which, where a word may mean more than one of `choices`."""

    model_config = ConfigDict(allow_inf_nan=False)

    status: Literal["answered", "abstained", "which"]
    answer: str
    plan: AskPlan | None = Field(description="What the question was taken to mean; send it back, edited, as `plan`.")
    figures: AskFigures | None
    tracks: list[TrackView] = Field(description="The newest that the answer rests on, 20 at most.")
    events: list[StoredEvent] = Field(description="The same of events.")
    snapshots: list[str] = Field(description="Paths of their images.")
    coverage: list[str] = Field(description="What nobody can know of that time, in sentences.")
    gaps: list[CoverageGap]
    not_used: list[str] = Field(description="Words that were not understood.")
    read_as: dict[str, str] = Field(description="Misspelt words, and what they were read as.")
    choices: list[str] = Field(description="Questions, one of which may be meant.")
    follow_ups: list[str] = Field(description="Questions that would be answered; they go on from this plan.")


def untold(status: str, why: str, **fields: Any) -> dict[str, Any]:
    """An AskAnswer without figures."""
    empty: dict[str, Any] = {
        **{
            name: []
            for name in ("tracks", "events", "snapshots", "coverage", "gaps", "not_used", "choices", "follow_ups")
        },
        "plan": None,
        "figures": None,
        "read_as": {},
    }
    return {**empty, "status": status, "answer": why, **fields}
