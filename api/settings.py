"""Settings of the HTTP server: address, allowed origins, limits. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _from_text(value: object) -> object:
    """Accept `a,b`, as in an environment variable, as a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_from_text)]


class ApiSettings(BaseModel):
    """Times in seconds, sizes in bytes. StreamSettings limits pushed images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_origins: Texts = Field(
        default=(),
        description="Origins of pages on other hosts that may use this API, such as https://example.org; * allows any.",
    )
    allowed_hosts: Texts = Field(
        default=(),
        description="Host names this service answers to (Host header, without port); * allows any. Empty: those of "
        "allowed_origins and localhost when host is a loopback address, else all.",
    )
    viewers: int = Field(default=2000, ge=1, description="Maximum viewers at a time.")
    viewer_queue: int = Field(default=64, ge=1, description="Results that may wait for a viewer before it skips.")
    viewer_timeout_s: float = Field(default=10.0, gt=0, description="A viewer that reads nothing this long is cut off.")
    video_queue_bytes: int = Field(
        default=4 * 2**20, ge=2**16, description="Bytes of video that may wait for a viewer before it skips."
    )
    video_lag_s: float = Field(default=2.0, gt=0, le=60, description="A viewer that lags more skips to a key frame.")
    pushes: int = Field(default=128, ge=1, description="Maximum WebSockets that push frames at a time.")
    answer_timeout_s: float = Field(
        default=10.0, gt=0, description="A pushed frame unanswered for this long is dropped."
    )
    mjpeg_fps: float = Field(default=15.0, gt=0, le=60, description="Maximum images a second of an MJPEG stream.")
    jpeg_quality: int = Field(default=80, ge=1, le=100)
    predict_images: int = Field(default=10, ge=1, le=100, description="Maximum images of one batch.")
    predict_at_once: int = Field(default=2, ge=1, le=64, description="Predictions that run at a time.")
    predict_waiting: int = Field(default=32, ge=0, description="Predictions that may wait before more are refused.")
    body_bytes: int = Field(default=2**18, ge=2**10, description="Maximum bytes of a request without images.")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK_HOSTS or self.host.startswith("127.")
