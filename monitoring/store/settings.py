"""How the monitor gathers and stores, and how long events and their files are kept. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """What is deleted when: rows and files together. Events go by whole hours, the oldest first.

    By age nothing is deleted while the clock cannot be trusted (monitoring/store/retention_clock.py).
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    days: float = Field(default=30.0, gt=0, description="Events, alerts, snapshots and clips older than this go.")
    events: int = Field(default=10_000_000, ge=1000, description="Most events kept.")
    media_bytes: int = Field(default=10 * 2**30, ge=2**20, description="Most bytes of snapshots and clips.")
    every_s: float = Field(default=300.0, gt=0, description="How often the database is checked for what is due.")


class IngestSettings(BaseModel):
    """The monitor's own; they stand directly under `monitoring`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

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
