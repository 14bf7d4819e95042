"""How drift is looked for, and when a camera's picture counts as useless. Pure. Times in seconds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from monitoring.drift.features import Group


class CameraSettings(BaseModel):
    """How long a fault lasts until it is told, and what counts as one. Figures are those of results' `image`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    frozen_s: float = Field(default=7.0, gt=0, description="Nothing in the picture has changed for so long.")
    black_s: float = Field(default=7.0, gt=0)
    covered_s: float = Field(default=20.0, gt=0)
    moved_s: float = Field(default=40.0, gt=0)
    well_s: float = Field(default=5.0, gt=0, description="How long a fault must be away until it is over.")
    frozen_changed: float = Field(
        default=0.002, ge=0, le=1, description="A picture with fewer changed pixels does not live."
    )
    black_brightness: float = Field(default=0.09, ge=0, le=1, description="Video's own black is 16 of 255.")
    black_contrast: float = Field(default=0.05, ge=0, le=1)
    covered_detail: float = Field(default=0.12, ge=0, le=1, description="Less texture than that hides what was there.")
    covered_share: float = Field(default=0.35, gt=0, lt=1, description="… and less than this share of the usual.")
    moved_bits: float = Field(
        default=0.3, gt=0, lt=1, description="Share of the scene's steady marks that are other than they were."
    )
    learn_s: float = Field(default=120.0, gt=0, description="How long a scene is watched until moving is told.")


class EffectSettings(BaseModel):
    """Distributions nearer than this are alike, however sure it is that they are not the same; 0 to 1.

    Of pictures half must be other: what goes by in front of the lens for a minute or two is no drift.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    picture: float = Field(default=0.5, ge=0, le=1)
    population: float = Field(default=0.15, ge=0, le=1)
    model: float = Field(default=0.2, ge=0, le=1)
    recent_labels: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Of the labels of the last tracks: a hundred scatter by 0.05 by themselves.",
    )

    def by_group(self) -> dict[Group, float]:
        """The same, by what features speak of."""
        return {"picture": self.picture, "population": self.population, "model": self.model}


class DriftSettings(BaseModel):
    """Against what, over which windows and how surely. `fdr` and the effects decide what is an alarm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    camera: CameraSettings = CameraSettings()
    commission_s: float = Field(
        default=7 * 86400.0, gt=0, description="How long a camera is watched until its own reference holds."
    )
    picture_every_s: float = Field(default=10.0, gt=0, description="How far sampled pictures lie apart.")
    picture_window_s: float = Field(default=300.0, gt=0)
    track_window_s: float = Field(default=540.0, gt=0, description="At least so long, and `recent_tracks`.")
    recent_tracks: int = Field(default=100, ge=20, le=10_000)
    window_tracks: int = Field(default=1000, ge=100, le=10_000, description="The long window, for small changes.")
    window_s: float = Field(default=86400.0, gt=0, description="The long window goes no further back.")
    track_after_s: float = Field(default=30.0, gt=0, description="A track that lasts longer counts when so old.")
    every_s: float = Field(default=15.0, gt=0, description="How often the windows of the last tracks are compared.")
    picture_compared_s: float = Field(default=60.0, gt=0, description="… those of pictures.")
    long_every_s: float = Field(default=600.0, gt=0, description="… the long one, which changes slowly.")
    fdr: float = Field(default=2e-3, gt=0, lt=0.5, description="False discoveries allowed a comparison.")
    confirmations: int = Field(default=1, ge=1, le=100, description="Comparisons in a row that must agree.")
    keep_firing_s: float = Field(
        default=3600.0,
        ge=0,
        description="An alarm ends when its cause was away so long: what comes and goes is one.",
    )
    effects: EffectSettings = EffectSettings()
    least_tracks: int = Field(default=40, ge=5, description="Fewer tracks in a window say nothing.")
    least_pictures: int = Field(default=15, ge=5, description="Fewer pictures in a window say nothing.")
    alarm_on_card: bool = Field(
        default=False, description="Alarm also when an uncommissioned camera is unlike the model's card."
    )
