"""Settings of the HTTP server: address, allowed origins, limits. Pure."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _from_text(value: object) -> object:
    """Accept `a,b`, as in an environment variable, as a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_from_text)]


class ApiSettings(BaseModel):
    """Times in seconds, sizes in bytes. StreamSettings limits pushed images."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_origins: Texts = Field(
        default=(),
        description="Origins of pages on other hosts that may use this API, such as https://example.org; * allows any.",
    )
    allowed_hosts: Texts = Field(
        default=(),
        description="Further host names this service answers to (Host header, without port); * allows any. This "
        "machine's names, those of allowed_origins, localhost and all addresses are allowed anyway.",
    )
    connections: int = Field(
        default=4096, ge=16, description="Maximum connections at a time, fewer where descriptors are short."
    )
    connections_per_address: int = Field(
        default=512, ge=1, description="Maximum connections of one address, or of one /64 network of IPv6."
    )
    shared_addresses: Texts = Field(
        default=(),
        description="Addresses and networks that many clients share, such as a reverse proxy's: "
        "connections_per_address is not for them, nor for this machine itself.",
    )
    request_header_s: float = Field(default=10.0, gt=0, description="A request whose header takes longer is ended.")
    request_body_s: float = Field(
        default=20.0, gt=0, description="A body may take this long, and longer as it keeps to request_bytes_per_s."
    )
    request_bytes_per_s: int = Field(default=4096, ge=1, description="The slowest that a long body may arrive.")
    keep_alive_s: float = Field(default=15.0, gt=0, description="A connection without a request is kept this long.")
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

    @field_validator("shared_addresses")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(f"{network} is neither an address nor a network, such as 10.0.0.0/8") from None
        return networks

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK_HOSTS or self.host.startswith("127.")
