"""How the HTTP side listens and how much it grants. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _from_text(value: object) -> object:
    """`a,b`, as an environment variable has it, is a list too."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_from_text)]


class ApiSettings(BaseModel):
    """Times in seconds, sizes in bytes. Limits of pushed pictures are those of StreamSettings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_origins: Texts = Field(
        default=(), description="Pages of other hosts that may use this API, such as https://example.org; * is any."
    )
    allowed_hosts: Texts = Field(
        default=(),
        description="Names this service answers to (Host header, without port); * is any. Empty: those of "
        "allowed_origins and, bound to a loopback address, localhost only; bound to any other address, all.",
    )
    viewers: int = Field(default=2000, ge=1, description="Most viewers at a time.")
    viewer_queue: int = Field(default=64, ge=1, description="Results a viewer may lag behind before it skips.")
    viewer_timeout_s: float = Field(default=10.0, gt=0, description="A viewer that accepts nothing this long is cut.")
    video_queue_bytes: int = Field(
        default=4 * 2**20, ge=2**16, description="Encoded pictures that may wait for a viewer before it skips."
    )
    video_lag_s: float = Field(default=2.0, gt=0, le=60, description="A viewer further behind skips to a key frame.")
    pushes: int = Field(default=128, ge=1, description="Most WebSockets that push frames at a time.")
    answer_timeout_s: float = Field(default=10.0, gt=0, description="A pushed frame unanswered this long is dropped.")
    mjpeg_fps: float = Field(default=15.0, gt=0, le=60, description="Most pictures a second of an MJPEG stream.")
    jpeg_quality: int = Field(default=80, ge=1, le=100)
    predict_images: int = Field(default=10, ge=1, le=100, description="Most pictures of one batch.")
    predict_at_once: int = Field(default=2, ge=1, le=64)
    predict_waiting: int = Field(default=32, ge=0, description="Predictions that may wait before more are refused.")
    body_bytes: int = Field(default=2**18, ge=2**10, description="Most bytes of a request that carries no picture.")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK_HOSTS or self.host.startswith("127.")
