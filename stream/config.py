"""The configuration of one stream, and the settings of all sources. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

STREAM_ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
StreamId = Annotated[str, Field(pattern=STREAM_ID_PATTERN)]
MaxFps = Annotated[float, Field(gt=0, le=240, description="Analyse at most this many frames a second; null: no limit.")]

DEFAULT_MODELS = ("mask",)
"""What analyses a stream, or an image, where nobody names models."""


class StreamConfig(BaseModel):
    """One stream as its user configured it. `url` is None for pushed streams (WHIP, WebSocket frames)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: StreamId
    url: str | None = Field(default=None, max_length=2048)
    models: tuple[str, ...] = Field(default=DEFAULT_MODELS, min_length=1, max_length=8)
    enabled: bool = True
    blur: bool = Field(default=False, description="Blur what the models find, before any frame leaves the server.")
    max_fps: MaxFps | None = None


def _unlike(streams: tuple[StreamConfig, ...]) -> tuple[StreamConfig, ...]:
    ids = [config.id for config in streams]
    for config in streams:
        if config.url is None:
            raise ValueError(f"stream {config.id} has no url")
        if ids.count(config.id) > 1:
            raise ValueError(f"there are two streams {config.id}")
    return streams


ConfiguredStreams = Annotated[tuple[StreamConfig, ...], AfterValidator(_unlike)]
"""The streams of the configuration: each with a URL and an id of its own."""


class StreamSettings(BaseModel):
    """How sources connect, wait and give up, and what they may take. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    stall_timeout_s: float = Field(default=10.0, gt=0, le=120, description="Silence after which a source reconnects.")
    stalled_after_s: float = Field(default=2.0, gt=0, description="Silence after which a source is shown as stalled.")
    late_s: float = Field(
        default=1.0, gt=0, description="A camera that is read this late, for this long, skips to a newer key frame."
    )
    backoff_min_s: float = Field(default=0.5, gt=0)
    backoff_max_s: float = Field(default=30.0, gt=0)
    rtsp_transport: str = Field(default="tcp", pattern="^(tcp|udp)$")
    ring_bytes: int = Field(default=32 * 2**20, ge=2**20, description="Most bytes of encoded packets a stream stores.")
    ring_s: float = Field(
        default=20.0,
        gt=0,
        description="Encoded packets older than this, and than the newest key frame, are dropped. Clips of "
        "alerts, from 5 s before to 5 s after, need 10 s and the time until they are requested.",
    )
    image_bytes: int = Field(default=16 * 2**20, description="Largest image that is uploaded or pushed, in bytes.")
    image_pixels: int = Field(
        default=12 * 2**20,
        gt=0,
        le=2**28,
        description="Largest image that is uploaded for a prediction or an explanation, in pixels; 4096 × 3072.",
    )
    frame_pixels: int = Field(
        default=36_000_000,
        gt=0,
        le=2**28,
        description="Largest frame of a stream, in pixels, however it comes: pulled, pushed or by WebRTC; 8192 × 4320.",
    )
    image_fps: float = Field(default=5.0, gt=0, description="Images a second of a folder that plays as a live stream.")
    ephemeral_s: float = Field(default=30.0, ge=0, description="How long a pushed stream outlives its push.")
    whip_sessions: int = Field(default=64, ge=1)
    whip_timeout_s: float = Field(default=10.0, gt=0, description="Silence after which a WHIP peer counts as gone.")
    ice_servers: tuple[str, ...] = ()
    nat_1to1_address: str | None = None
