"""What a stream is asked to be, and how sources behave. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

STREAM_ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
StreamId = Annotated[str, Field(pattern=STREAM_ID_PATTERN)]


MaxFps = Annotated[
    float, Field(gt=0, le=240, description="Analyse at most so many pictures a second; null: as many as can be.")
]


class StreamConfig(BaseModel):
    """One stream as its user wishes it. `url` is None for pushed streams (WHIP, WebSocket frames)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: StreamId
    url: str | None = Field(default=None, max_length=2048)
    models: tuple[str, ...] = Field(default=("mask",), min_length=1, max_length=8)
    enabled: bool = True
    blur: bool = Field(default=False, description="Blur what the models find, before any picture leaves the server.")
    max_fps: MaxFps | None = None


class StreamSettings(BaseModel):
    """How sources connect, wait and give up. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    stall_timeout_s: float = Field(default=10.0, gt=0, le=120, description="Silence after which a source reconnects.")
    stalled_after_s: float = Field(default=2.0, gt=0, description="Silence after which a source is shown as stalled.")
    late_s: float = Field(
        default=1.0, gt=0, description="A camera read later than this for as long goes on at a newer key frame."
    )
    backoff_min_s: float = Field(default=0.5, gt=0)
    backoff_max_s: float = Field(default=30.0, gt=0)
    rtsp_transport: str = Field(default="tcp", pattern="^(tcp|udp)$")
    ring_bytes: int = Field(default=32 * 2**20, ge=2**20, description="Most bytes of encoded packets kept a stream.")
    ring_s: float = Field(
        default=20.0,
        gt=0,
        description="Encoded packets older than this, and than the key frame, go. Clips of alerts, 5 s before and "
        "5 s after, need 10 s and what it takes to ask for them.",
    )
    image_bytes: int = Field(default=16 * 2**20, description="Most bytes of one pushed picture.")
    image_pixels: int = Field(default=40_000_000, description="Most pixels of one pushed picture.")
    image_fps: float = Field(default=5.0, gt=0, description="Rate at which a folder of pictures plays when live.")
    ephemeral_s: float = Field(default=30.0, ge=0, description="How long a pushed stream outlives its push.")
    whip_sessions: int = Field(default=64, ge=1)
    whip_timeout_s: float = Field(default=10.0, gt=0, description="Silence after which a WHIP peer counts as gone.")
    ice_servers: tuple[str, ...] = ()
    nat_1to1_address: str | None = None
