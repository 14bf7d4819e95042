"""Rules: what is an alert, as configuration and API have them. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitoring.events.zone import Name
from stream.config import StreamId
from workers.bus.event import Kind, Severity

_KINDS = tuple(kind for kind in get_args(Kind) if not kind.startswith("alert"))


class _When(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeenCondition(_When):
    """Somebody with one of `labels` is there (in `zone`, if named) without a break for `for_s`."""

    type: Literal["seen"] = "seen"
    labels: tuple[str, ...] = Field(default=(), description="Empty: all.")
    zone: Name | None = None
    for_s: float = Field(default=0.0, ge=0)
    attribute: str | None = Field(
        default=None, description="A classifier, whose label is meant instead of the detector's."
    )


class CountCondition(_When):
    """More than `above` (with one of `labels`, in `zone`) are there at once for `for_s`."""

    type: Literal["count"] = "count"
    above: int = Field(ge=0)
    labels: tuple[str, ...] = ()
    zone: Name | None = None
    for_s: float = Field(default=0.0, ge=0)


class EventCondition(_When):
    """An event of one of these kinds, of the zone or line named."""

    type: Literal["event"] = "event"
    kinds: tuple[str, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    place: Name | None = None
    direction: Literal["in", "out"] | None = None

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in _KINDS]
        if unknown:
            raise ValueError(
                f"{unknown[0]} is no kind of event that a rule may be about; there are {', '.join(_KINDS)}"
            )
        return kinds


class DownCondition(_When):
    """The stream has been down, or silent, for `for_s`."""

    type: Literal["stream_down"] = "stream_down"
    for_s: float = Field(default=30.0, ge=0)


class CameraFaultCondition(_When):
    """The camera's picture is frozen, black, covered or moved; the times are those of monitoring.drift.camera."""

    type: Literal["camera"] = "camera"
    faults: tuple[Literal["frozen", "black", "covered", "moved"], ...] = ("frozen", "black", "covered", "moved")


class DriftCondition(_When):
    """The drift detector says that what is seen is no longer what the model was made for."""

    type: Literal["drift"] = "drift"
    causes: tuple[Literal["picture", "population", "model", "unknown"], ...] = (
        "picture",
        "population",
        "model",
        "unknown",
    )


Condition = Annotated[
    SeenCondition | CountCondition | EventCondition | DownCondition | CameraFaultCondition | DriftCondition,
    Field(discriminator="type"),
]


class Rule(BaseModel):
    """When `when` holds on one of `streams` an alert is raised, and no other for `cooldown_s` (by stream)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    when: Condition
    streams: tuple[StreamId, ...] = Field(default=(), description="Empty: all.")
    severity: Severity = "warning"
    cooldown_s: float = Field(default=60.0, ge=0)
    targets: tuple[str, ...] | None = Field(default=None, description="Whom to tell; null: every target.")
    clip: bool = Field(default=True, description="Keep a clip around the alert.")
    enabled: bool = True
