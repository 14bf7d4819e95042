"""How the monitor reads, gathers and commits. Times in seconds. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class IngestSettings(BaseModel):
    """The monitor's own; they stand directly under `monitoring`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gather_s: float = Field(default=0.25, gt=0, le=10, description="How long results gather for one transaction.")
    batch: int = Field(default=2000, ge=1, le=100_000, description="Most messages of one transaction.")
    queue_messages: int = Field(
        default=20_000, ge=10, description="In process: messages that may wait; beyond that the oldest go, counted."
    )
    begin: Literal["newest", "oldest"] = Field(
        default="newest", description="Where reading from Kafka begins when nothing has been read yet."
    )
    keep_s: float = Field(
        default=2.0, gt=0, le=60, description="How often states and offsets are stored while nothing happens."
    )
    tick_s: float = Field(default=1.0, gt=0, le=60, description="How often rules look at the clock.")
    states_s: float = Field(default=30.0, gt=0, description="How often states that may be lost are stored.")
