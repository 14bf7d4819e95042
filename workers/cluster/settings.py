"""How nodes share the cameras. Pure."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from workers.access.cluster_keys import check_secret


class ClusterSettings(BaseModel):
    """Used when there is Kafka; without it one process runs everything. Times in seconds."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    lease: bool = Field(
        default=True, description="Streams added over HTTP are shared by all nodes; false: each node keeps its own."
    )
    group: str = Field(default="livesight-nodes", min_length=1, max_length=200, description="The nodes' Kafka group.")
    address: str | None = Field(
        default=None, description="Where other processes reach this one, as http://host:port. None: where it listens."
    )
    session_timeout_s: float = Field(
        default=6.0,
        ge=1,
        le=300,
        description="A node silent for so long loses its cameras. Brokers set a minimum.",
    )
    heartbeat_s: float | None = Field(default=None, gt=0, le=60, description="None: a sixth of the session, 1 at most.")
    stop_timeout_s: float = Field(default=2.0, gt=0, le=30, description="For stopping cameras before letting them go.")
    handover_s: float = Field(
        default=6.0,
        ge=0,
        le=60,
        description="At its end a node runs cameras on until others have them, so long at most.",
    )
    status_s: float = Field(default=2.0, gt=0, le=60, description="How often a node publishes what it runs.")
    away_s: float = Field(default=8.0, gt=0, le=600, description="A node silent for so long is unreachable.")
    max_streams: int = Field(
        default=1000, ge=1, le=100_000, description="Most streams that all nodes share; one more is not accepted."
    )
    reread_s: float = Field(default=60.0, ge=1, description="How often all specs are read again, should one be lost.")
    secret: SecretStr | None = Field(
        default=None,
        description="The same in all processes, at least 32 bytes: what they prove with that they are of this cluster.",
    )
    accepted_secret: SecretStr | None = Field(
        default=None, description="Accepted beside `secret`: the next one, or the last one, while it is exchanged."
    )
    secret_file: Path | None = Field(
        default=None, description="A file of secrets instead, one a line: the first signs, all are accepted."
    )
    networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="Where other processes may be. Empty: private addresses and this machine's own; loopback too when "
        "listening there.",
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("is not http://host:port")
        return value.rstrip("/")

    @field_validator("secret", "accepted_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_secret(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _fit(self) -> ClusterSettings:
        if self.accepted_secret is not None and self.secret is None:
            raise ValueError("accepted_secret needs a secret to sign with")
        if self.secret_file is not None and self.secret is not None:
            raise ValueError("secret and secret_file: set one of the two")
        if self.heartbeat_interval_s > self.session_timeout_s / 3:
            raise ValueError("heartbeat_s must be at most a third of session_timeout_s")
        if self.away_s < 2 * self.status_s:
            raise ValueError("away_s must be at least twice status_s")
        return self

    @property
    def heartbeat_interval_s(self) -> float:
        """How often a node says that it lives. Also how soon it notices that another left."""
        return self.heartbeat_s if self.heartbeat_s is not None else min(1.0, self.session_timeout_s / 6)
