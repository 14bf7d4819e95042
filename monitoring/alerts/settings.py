"""Settings of alerts: targets, links, clips. Pure."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitoring.alerts.targets.settings import TargetSettings
from stream.network.networks import NetworkSettings


class AlertSettings(BaseModel):
    """Where alerts are delivered, and how much video is kept around each."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    targets: tuple[TargetSettings, ...] = ()
    networks: NetworkSettings = Field(default=NetworkSettings(), description="Where webhooks may be.")
    public_url: str | None = Field(
        default=None, description="Where people reach Livesight, for links in messages: https://…"
    )
    clip_before_s: float = Field(default=5.0, ge=0, le=60)
    clip_after_s: float = Field(default=5.0, ge=0, le=60)

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http://… or https://…")
        return url.rstrip("/")

    @field_validator("targets")
    @classmethod
    def _unique(cls, targets: tuple[TargetSettings, ...]) -> tuple[TargetSettings, ...]:
        duplicates = [name for name, count in Counter(target.name for target in targets).items() if count > 1]
        if duplicates:
            raise ValueError(f"two targets are called {duplicates[0]}")
        return targets
