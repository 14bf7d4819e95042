"""Rules and their conditions, as in the configuration and the API. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitoring.events.zone import LONGEST_S, Label, Labels, Name
from stream.config import ModelName, StreamId
from workers.bus.event import Kind, Severity

MOST_COUNTED = 10_000
MOST_NAMED = 1000
"""Streams, and targets, that one rule names."""

_KINDS = tuple(kind for kind in get_args(Kind) if not kind.startswith("alert"))


class _Condition(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")


class SeenCondition(_Condition):
    """Somebody with one of `labels` is in view (in `zone`, if given) for `for_s` without a break."""

    type: Literal["seen"] = "seen"
    labels: Labels = Field(default=(), description="Empty: all.")
    zone: Name | None = None
    for_s: float = Field(default=0.0, ge=0, le=LONGEST_S)
    attribute: ModelName | None = Field(
        default=None, description="A classifier, whose label counts instead of the detector's."
    )


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
    SeenCondition | CountCondition | EventCondition | DownCondition | CameraFaultCondition | DriftCondition,
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
