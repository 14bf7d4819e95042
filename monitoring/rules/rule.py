"""Rules and their conditions, as in the configuration and the API. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitoring.events.zone import LONGEST_S, Label, Labels, Name
from stream.config import ModelName, StreamId
from workers.bus.event import Kind, Severity

MOST_COUNTED = 10_000
MOST_NAMED = 1000
"""Streams, and targets, that one rule names."""

LONGEST_NAME_WAIT_S = 60.0
_STRANGER_WAIT_S = 3.0
"""How long somebody may be unknown before they are a stranger, where a rule does not say: two looks at a face."""

People = Annotated[tuple[Label, ...], Field(max_length=64, description="Ids of people; empty: whoever it is.")]
Groups = Annotated[tuple[Label, ...], Field(max_length=64, description="Groups of people, besides.")]

_KINDS = tuple(kind for kind in get_args(Kind) if not kind.startswith("alert"))


class _Condition(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")


class SeenCondition(_Condition):
    """Somebody with one of `labels` is in view (in `zone`, if given) for `for_s` without a break.

    With `people` or `groups` it must be one of these; with `strangers` somebody who is not known will do as well.
    Each of them then has an alert of their own, as with `first_today`.
    """

    type: Literal["seen"] = "seen"
    labels: Labels = Field(default=(), description="Empty: all.")
    zone: Name | None = None
    for_s: float = Field(default=0.0, ge=0, le=LONGEST_S)
    attribute: ModelName | None = Field(
        default=None, description="A classifier, whose label counts instead of the detector's."
    )
    people: People = ()
    groups: Groups = ()
    strangers: bool = Field(
        default=False, description="Somebody whom nobody knows, once there was time to recognise them."
    )
    first_today: bool = Field(
        default=False,
        description="Only the first time on a day that somebody who is known is seen, on any of the streams.",
    )
    tz: str = Field(default="UTC", max_length=64, description="Whose days, for `first_today`, as Europe/Berlin.")

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"there is no time zone {name}")
        return name

    @model_validator(mode="after")
    def _strangers_have_no_first_time(self) -> SeenCondition:
        if self.strangers and self.first_today:
            raise ValueError("first_today is of people who are known: leave out strangers, or make two rules")
        return self

    @property
    def by_person(self) -> bool:
        """Whether it matters who it is."""
        return bool(self.people or self.groups or self.first_today)


class AbsentCondition(_Condition):
    """Nobody of `people` and `groups` (nobody at all, where none are named) is in view, in `zone`, for `for_s`.

    Time during which the stream was not watched does not count.
    """

    type: Literal["absent"] = "absent"
    people: People = ()
    groups: Groups = ()
    labels: Labels = Field(default=(), description="Nobody with one of these; empty: all.")
    zone: Name | None = None
    for_s: float = Field(default=600.0, ge=1, le=LONGEST_S)


class CountCondition(_Condition):
    """More than `above` (with one of `labels`, in `zone`) are in view at once for `for_s`."""

    type: Literal["count"] = "count"
    above: int = Field(ge=0, le=MOST_COUNTED)
    labels: Labels = ()
    zone: Name | None = None
    for_s: float = Field(default=0.0, ge=0, le=LONGEST_S)


class EventCondition(_Condition):
    """An event of one of these kinds, in the given zone or across the given line."""

    type: Literal["event"] = "event"
    kinds: tuple[str, ...] = Field(
        min_length=1,
        max_length=len(_KINDS),
        json_schema_extra={"items": {"type": "string", "enum": list(_KINDS)}},
    )
    labels: Labels = ()
    place: Name | None = None
    direction: Literal["in", "out"] | None = None
    people: People = ()
    groups: Groups = ()

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in _KINDS]
        if unknown:
            raise ValueError(f"unknown event kind {unknown[0]!r}; there are: {', '.join(_KINDS)}")
        return kinds


class DownCondition(_Condition):
    """The stream has been down, or silent, for `for_s`."""

    type: Literal["stream_down"] = "stream_down"
    for_s: float = Field(default=30.0, ge=0, le=LONGEST_S)


class CameraFaultCondition(_Condition):
    """The camera's image is frozen, black, covered or moved; monitoring.drift.camera sets the times."""

    type: Literal["camera"] = "camera"
    faults: tuple[Literal["frozen", "black", "covered", "moved"], ...] = Field(
        default=("frozen", "black", "covered", "moved"), max_length=4
    )


class DriftCondition(_Condition):
    """The drift detector reports that what a model sees no longer matches its reference."""

    type: Literal["drift"] = "drift"
    causes: tuple[Literal["picture", "population", "model", "unknown"], ...] = Field(
        default=("picture", "population", "model", "unknown"), max_length=4
    )


Condition = Annotated[
    SeenCondition
    | AbsentCondition
    | CountCondition
    | EventCondition
    | DownCondition
    | CameraFaultCondition
    | DriftCondition,
    Field(discriminator="type"),
]


class Rule(BaseModel):
    """While `when` holds on one of `streams` an alert is open. No other is raised on that stream for `cooldown_s`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    name: Name
    when: Condition
    streams: tuple[StreamId, ...] = Field(default=(), max_length=MOST_NAMED, description="Empty: all.")
    severity: Severity = "warning"
    cooldown_s: float = Field(default=60.0, ge=0, le=LONGEST_S)
    targets: tuple[Label, ...] | None = Field(
        default=None, max_length=MOST_NAMED, description="Where to send alerts; null: to every target."
    )
    clip: bool = Field(default=True, description="Store a clip around the alert.")
    enabled: bool = True
    name_wait_s: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_NAME_WAIT_S,
        description="How long an alert waits until it is known whom it is about; then it says unknown. "
        "null: 3 s where strangers are looked for, else not at all.",
    )

    @property
    def waits_s(self) -> float:
        """For a name, in seconds."""
        if self.name_wait_s is not None:
            return self.name_wait_s
        return _STRANGER_WAIT_S if isinstance(self.when, SeenCondition) and self.when.strangers else 0.0
