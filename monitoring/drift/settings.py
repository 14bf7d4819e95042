"""Settings of drift detection and of camera faults. Times in seconds. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from workers.bus.drift_report import Group


class CameraSettings(BaseModel):
    """How long a fault lasts until it is reported, and what counts as one. Figures are those of results' `image`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    enabled: bool = True
    frozen_s: float = Field(default=7.0, gt=0, description="Reported when the image has not changed for this long.")
    black_s: float = Field(default=7.0, gt=0)
    covered_s: float = Field(default=20.0, gt=0)
    moved_s: float = Field(default=40.0, gt=0)
    well_s: float = Field(default=5.0, gt=0, description="How long the signs must be absent before a fault ends.")
    frozen_changed: float = Field(
        default=0.002, ge=0, le=1, description="An image with a smaller share of changed pixels is frozen."
    )
    black_brightness: float = Field(default=0.09, ge=0, le=1, description="Video's own black is 16 of 255.")
    black_contrast: float = Field(default=0.05, ge=0, le=1)
    covered_detail: float = Field(default=0.12, ge=0, le=1, description="Covered has less texture than this.")
    covered_share: float = Field(default=0.35, gt=0, lt=1, description="… and less than this share of the usual.")
    moved_bits: float = Field(
        default=0.3, gt=0, lt=1, description="Moved when a larger share of the scene's steady bits differs."
    )
    learn_s: float = Field(default=120.0, gt=0, description="How long a scene is learnt before a move is reported.")


class EffectSettings(BaseModel):
    """Smaller effects than these are no drift, however certain; 0 to 1.

    Half of the frames must differ: what passes in front of the lens for a minute or two is no drift.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    picture: float = Field(default=0.5, ge=0, le=1)
    population: float = Field(default=0.15, ge=0, le=1)
    model: float = Field(default=0.2, ge=0, le=1)
    recent_labels: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="For the labels of the last tracks: those of a hundred vary by 0.05 by chance.",
    )

    def by_group(self) -> dict[Group, float]:
        """The same, by group."""
        return {"picture": self.picture, "population": self.population, "model": self.model}


class DriftSettings(BaseModel):
    """References, windows and thresholds. `fdr` and `effects` decide what is an alarm."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    enabled: bool = True
    camera: CameraSettings = CameraSettings()
    commission_s: float = Field(default=7 * 86400.0, gt=0, description="How long a camera's own reference is learnt.")
    picture_every_s: float = Field(default=10.0, gt=0, description="Interval of sampled frames.")
    picture_window_s: float = Field(default=300.0, gt=0)
    track_window_s: float = Field(default=540.0, gt=0, description="At least this long, and `recent_tracks`.")
    recent_tracks: int = Field(default=100, ge=20, le=10_000)
    window_tracks: int = Field(default=1000, ge=100, le=10_000, description="The long window, for small changes.")
    window_s: float = Field(default=86400.0, gt=0, description="How far the long window goes back at most.")
    track_after_s: float = Field(default=30.0, gt=0, description="Longer tracks are sampled at this age.")
    every_s: float = Field(default=15.0, gt=0, description="How often the window of the last tracks is compared.")
    picture_compared_s: float = Field(default=60.0, gt=0, description="How often the window of frames is compared.")
    long_every_s: float = Field(default=600.0, gt=0, description="How often the long window is compared.")
    fdr: float = Field(default=2e-3, gt=0, lt=0.5, description="The false discovery rate of a comparison.")
    confirmations: int = Field(default=1, ge=1, le=100, description="Comparisons in a row that must agree.")
    keep_firing_s: float = Field(
        default=3600.0,
        ge=0,
        description="An alarm ends when its cause has been absent for this long: what comes and goes is one alarm.",
    )
    effects: EffectSettings = EffectSettings()
    least_tracks: int = Field(default=40, ge=5, description="Windows with fewer tracks are not compared.")
    least_pictures: int = Field(default=15, ge=5, description="Windows with fewer frames are not compared.")
    alarm_on_card: bool = Field(
        default=False, description="Alarm also when a camera in commissioning is unlike the model's card."
    )
