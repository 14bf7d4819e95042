"""The drift report of a camera and a model, as `GET /v1/drift` and `livesight.drift` have it. Pure."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

DRIFT_SCHEMA: Final = "livesight.drift/1"
Against = Literal["own", "card"]
Cause = Literal["picture", "population", "model", "unknown"]
Group = Literal["picture", "population", "model"]
"""What a feature is about: the image, who is in view, or the model itself. Part of the settings too."""


class _Part(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")


class FeatureReport(_Part):
    """One feature of the newest samples against its reference; of several windows, the one that differs most."""

    feature: str
    group: Group
    reference: Against
    window: str = Field(description="recent or long; card: the recent one, against the model's card.")
    samples: int
    effective_samples: float = Field(description="How many independent samples they are worth.")
    score: float = Field(ge=0, le=1, description="Effect: Kolmogorov-Smirnov or total variation distance.")
    p_value: float = Field(ge=0, le=1)
    psi: float
    drifted: bool = Field(description="Significant after correction for all tests, large, and confirmed.")
    mean: float | None = None
    reference_mean: float | None = None
    edges: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None
    shares: tuple[float, ...] = Field(description="Of the window, one per bin or label.")
    reference_shares: tuple[float, ...]


class FaultReport(_Part):
    """A current camera fault."""

    kind: str
    since_ns: int
    known_ns: int
    text: str


class DriftReport(_Part):
    """A camera and a model: whether what is seen still matches the reference.

    state: waiting (too few samples), commissioning (the camera's own reference is being learnt, the card's is compared
    with), watching. commissioned_share: how much of the commissioning is done, 0 to 1.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.drift/1"] = Field(default=DRIFT_SCHEMA, alias="schema")
    stream_id: str
    model: str
    version: int
    captured_at_ns: int
    state: Literal["waiting", "commissioning", "watching"]
    commissioned_share: float = Field(ge=0, le=1)
    commissioned_at_ns: int | None = None
    drifted: bool
    cause: Cause | None = None
    kinds: tuple[str, ...] = Field(default=(), description="More precisely: dark, blurred, moved, label, …")
    text: str | None = None
    since_ns: int | None = None
    score: float = Field(ge=0, le=1, description="The largest of the features'.")
    unlike_card: bool | None = Field(default=None, description="Whether samples differ from the card's; no alarm.")
    features: tuple[FeatureReport, ...]
    faults: tuple[FaultReport, ...] = ()

    def to_json(self) -> bytes:
        """The wire form, UTF-8."""
        return self.model_dump_json(by_alias=True).encode()
