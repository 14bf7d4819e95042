"""How long something must be seen before it is an event. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EventSettings(BaseModel):
    """Times in seconds of the stream (by `pts_us`), so that a busy or late machine makes the same events."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    began_s: float = Field(default=0.5, ge=0, le=10, description="How long a track is seen before it begins.")
    missed_s: float = Field(default=1.0, ge=0, le=60, description="How long a track that is not seen still counts.")
    gone_s: float = Field(default=2.0, ge=0, le=60, description="How long a track is not seen before it ends.")
    label_s: float = Field(
        default=1.0, gt=0, le=60, description="How long another label must prevail to replace a track's."
    )
    person_s: float = Field(
        default=0.5, gt=0, le=60, description="How long a person, another, or nobody must prevail to be a track's."
    )
    settle_s: float = Field(
        default=0.5,
        ge=0,
        le=60,
        description="How long inside (or outside) a zone is entered (or left).",
    )
    line_margin: float = Field(
        default=0.01, ge=0, le=0.5, description="How far past a line a track has crossed it, in frame heights."
    )
    count_s: float = Field(default=1.0, gt=0, le=60, description="How long a new count must last to be reported.")
    silent_s: float = Field(default=30.0, gt=0, description="Silence after which a stream's tracks end.")
