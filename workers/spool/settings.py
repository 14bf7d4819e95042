"""Where messages wait on disk while the broker is unreachable, and how many. Pure."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class SpoolSettings(BaseModel):
    """How much waits on disk while the broker is unreachable."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="False: in memory only, bounded by buffer_bytes.")
    dir: Path | None = Field(default=None, description="None: state_dir/spool. One process a folder.")
    max_bytes: int = Field(default=2**30, ge=2**16, description="Most bytes on disk; beyond that the oldest go.")
    segment_bytes: int = Field(default=16 * 2**20, ge=2**12, description="Size of a file; so much is dropped at once.")
    fsync_s: float = Field(default=1.0, ge=0, le=60, description="How much a crash may lose; 0: every write is synced.")
