"""When what is seen counts as having happened. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EventSettings(BaseModel):
    """Times in seconds of the stream (by `pts_us`), so that a busy or a late machine makes the same events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    began_s: float = Field(default=0.5, ge=0, le=10, description="How long a track is seen before it has begun.")
    missed_s: float = Field(default=1.0, ge=0, le=60, description="How long who is unseen is counted all the same.")
    gone_s: float = Field(default=2.0, ge=0, le=60, description="How long it is unseen before it has ended.")
    label_s: float = Field(default=1.0, gt=0, le=60, description="After how long another label is a track's own.")
    settle_s: float = Field(default=0.5, ge=0, le=60, description="How long in (or out of) a zone is in (or out).")
    line_margin: float = Field(
        default=0.01, ge=0, le=0.5, description="How far behind a line is across, in heights of the picture."
    )
    count_s: float = Field(default=1.0, gt=0, le=60, description="How long a count stays before it has changed.")
    silent_s: float = Field(default=30.0, gt=0, description="Silence after which a stream's tracks are lost with it.")
