"""How Kafka is reached. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from workers.kafka.topic_settings import TopicsSettings
from workers.spool.settings import SpoolSettings

Compression = Literal["none", "gzip", "lz4", "zstd"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class KafkaSettings(BaseModel):
    """How results reach Kafka. Present means: used. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    bootstrap_servers: tuple[str, ...] = Field(min_length=1)
    client_id: str = Field(default="livesight", min_length=1, max_length=200)
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_cafile: Path | None = Field(default=None, description="PEM. None: what the system trusts.")
    ssl_certfile: Path | None = Field(default=None, description="PEM: who we are, when the broker asks.")
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr | None = Field(default=None, description="Of ssl_keyfile.")
    ssl_check_hostname: bool = True
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    compression: Compression | None = Field(default=None, description="None: the best installed of lz4, zstd, gzip.")
    linger_ms: float = Field(default=20.0, ge=0, le=1000, description="How long messages gather; saves CPU.")
    buffer_bytes: int = Field(default=64 * 2**20, ge=2**10, description="Most bytes waiting in memory.")
    buffer_messages: int = Field(default=100_000, ge=1, description="Most messages waiting in memory.")
    in_flight_messages: int = Field(default=1000, ge=1, description="Most messages handed to the client, unconfirmed.")
    message_bytes: int = Field(default=1_000_000, ge=2**10, description="A larger message is dropped and counted.")
    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    request_timeout_s: float = Field(default=10.0, gt=0, le=120)
    retry_s: float = Field(default=1.0, gt=0, le=60, description="Pause before a lost broker is tried again.")
    topics: TopicsSettings = TopicsSettings()
    spool: SpoolSettings = SpoolSettings()

    @field_validator("bootstrap_servers", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """`host:port,host:port`, as an environment variable has it, is a list too."""
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("bootstrap_servers")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            host, colon, port = address.rpartition(":")
            if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
                raise ValueError(f"{address!r} is not host:port")
        return value

    @field_validator("ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @model_validator(mode="after")
    def _security(self) -> Self:
        if self.security_protocol.startswith("SASL_"):
            needed = ("sasl_mechanism", "sasl_username", "sasl_password")
            missing = [name for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"security_protocol {self.security_protocol} needs {', '.join(missing)}")
        elif self.sasl_mechanism is not None:
            raise ValueError(
                f"sasl_mechanism needs security_protocol SASL_SSL or SASL_PLAINTEXT, not {self.security_protocol}"
            )
        if not self.security_protocol.endswith("SSL") and (self.ssl_cafile or self.ssl_certfile):
            raise ValueError(f"ssl_cafile and ssl_certfile have no effect with {self.security_protocol}")
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("ssl_certfile and ssl_keyfile go together")
        return self
