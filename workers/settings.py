"""How inference runs and where results go. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Backend = Literal["auto", "openvino", "torch"]
Compression = Literal["none", "gzip", "lz4", "zstd"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class WorkerSettings(BaseModel):
    """How models are found and run. None means: chosen from what the machine has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Backend = "auto"
    precision: Literal["auto", "full", "int8"] = Field(
        default="auto", description="auto: int8 where the model has it and the CPU computes it, but not bfloat16, fast."
    )
    device: str | None = Field(default=None, description="OpenVINO's (CPU, GPU) or PyTorch's (cpu, cuda:0) name.")
    threads: int | None = Field(default=None, ge=1, le=256, description="Inference workers.")
    max_batch: int = Field(default=1, ge=1, le=256)
    max_wait_ms: float = Field(default=0.0, ge=0, le=1000, description="How long a batch waits for more; for GPUs.")
    models_dir: Path | None = Field(default=None, description="More models, before those that ship.")


class KafkaSettings(BaseModel):
    """How results reach Kafka. Present means: used. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: tuple[str, ...] = Field(min_length=1)
    client_id: str = Field(default="livesight", min_length=1, max_length=200)
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_cafile: Path | None = None
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    compression: Compression | None = Field(default=None, description="None: the best installed of lz4, zstd, gzip.")
    linger_ms: float = Field(default=20.0, ge=0, le=1000, description="How long messages gather; saves CPU.")
    buffer_bytes: int = Field(default=64 * 2**20, ge=2**10, description="Most bytes waiting for the broker.")
    buffer_messages: int = Field(default=100_000, ge=1, description="Most messages waiting for the broker.")
    in_flight_messages: int = Field(default=1000, ge=1, description="Most messages handed to the client, unconfirmed.")
    message_bytes: int = Field(default=1_000_000, ge=2**10, description="A larger message is dropped and counted.")
    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    request_timeout_s: float = Field(default=10.0, gt=0, le=120)
    retry_s: float = Field(default=1.0, gt=0, le=60, description="Pause before a lost broker is tried again.")

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
