"""How long events and their files are kept. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """What is deleted when: rows and files together. Events go by whole hours, the oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: float = Field(default=30.0, gt=0, description="Events, alerts, snapshots and clips older than this go.")
    events: int = Field(default=10_000_000, ge=1000, description="Most events kept.")
    media_bytes: int = Field(default=10 * 2**30, ge=2**20, description="Most bytes of snapshots and clips.")
    every_s: float = Field(default=300.0, gt=0, description="How often the database is checked for what is due.")
