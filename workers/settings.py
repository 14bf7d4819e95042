"""How inference runs; where results go is in kafka_settings. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.kafka_settings import KafkaSettings

__all__ = ["Backend", "KafkaSettings", "WorkerSettings"]

Backend = Literal["auto", "openvino", "torch"]


class ClassifySettings(BaseModel):
    """When classifiers look at a track again, and how much at a time. Times in seconds of the stream."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gain: float = Field(
        default=1.5, gt=1, description="A track is classified again when sharpness × area × confidence grew so much."
    )
    again_s: float = Field(default=0.5, ge=0, description="How long a track is left alone after it was looked at.")
    image_s: float = Field(default=1.0, ge=0, description="How often classifiers of whole pictures look at a stream.")
    batch: int = Field(default=8, ge=1, le=256, description="Most crops an inference.")
    crops: int = Field(default=16, ge=1, le=256, description="Most crops of a live picture; the best first.")


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
    models_poll_s: float = Field(default=1.0, gt=0, le=60, description="How often promotions from outside are seen.")
    classify: ClassifySettings = ClassifySettings()
