"""How a node runs: models, inference, snapshots. How results reach Kafka is in workers/kafka/settings.py. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stream.config import ModelName, StreamSettings
from workers.secrets.keys import NO_KEYS, SecretKeys

Backend = Literal["auto", "openvino", "torch"]


class ClassifySettings(BaseModel):
    """When tracks are classified again, and how many crops at a time. Times in seconds of the stream."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    gain: float = Field(
        default=1.5, gt=1, description="A track is classified again when sharpness × area × confidence grew so much."
    )
    again_s: float = Field(default=0.5, ge=0, description="Least time between two classifications of a track.")
    image_s: float = Field(default=1.0, ge=0, description="How often classifiers of whole frames run on a stream.")
    batch: int = Field(default=8, ge=1, le=256, description="Most crops in one inference.")
    crops: int = Field(default=16, ge=1, le=256, description="Most crops of a live frame; the best ones.")


class SnapshotSettings(BaseModel):
    """Snapshots: the best crop of each track, and the frame it was cut from."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="False: no crops and frames leave the node.")
    gain: float = Field(default=1.5, gt=1, description="Sent again when sharpness × area × confidence grew so much.")
    again_s: float = Field(default=2.0, ge=0, description="Least time between two snapshots of a track.")
    per_track: int = Field(
        default=3, ge=1, le=100, description="Most snapshots of a track, whatever its labels; the last at its end."
    )
    margin: float = Field(default=0.25, ge=0, le=2, description="Share of the box's width (height) added on each side.")
    crop_px: int = Field(default=400, ge=16, le=4096, description="Longest side of a crop, in pixels.")
    picture_px: int = Field(default=960, ge=64, le=4096, description="Longest side of a whole frame, in pixels.")
    most_bytes: int = Field(default=50_000, ge=2000, description="Largest JPEG, in bytes.")


class IdentitySettings(BaseModel):
    """Which faces are looked at by those who want to know who it is; in pixels of the picture.

    And when a track is looked at; times in seconds of the stream.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    model: ModelName = Field(default="face-id", description="The embedder of faces; another's vectors do not compare.")
    least_eyes_px: float = Field(default=16, ge=4, le=1000, description="How far the eyes must be apart.")
    name_px: float = Field(
        default=40, ge=16, le=4096, description="Least side of a square as large as a face to be named."
    )
    enrol_px: float = Field(default=64, ge=16, le=4096, description="The same of a face to be enrolled.")
    labels: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=("face", "with_mask", "without_mask", "mask_weared_incorrect"),
        max_length=100,
        description="Labels of detectors whose boxes are faces.",
    )
    gain: float = Field(
        default=1.5, gt=1, description="A track is looked at again when sharpness × area × confidence grew so much."
    )
    again_s: float = Field(
        default=0.5,
        ge=0.05,
        description="Least time between two looks at a track without a name; it doubles with each.",
    )
    longest_s: float = Field(default=8.0, ge=0.05, description="Longest time between two looks at such a track.")
    verify_s: float = Field(default=2.0, ge=0.05, description="How often a track with a name is looked at.")
    faces: int = Field(default=4, ge=1, le=64, description="Most faces of a live frame; the best ones.")


class TagSettings(BaseModel):
    """From where on an image has a tag. Figures are those of results' `image`, 0 to 1."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    crowded: int = Field(default=10, ge=1, le=10_000, description="crowded: so many detections in one frame, or more.")
    night_brightness: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="night: brightness below this. Of the daylight images of the shared data the darkest has 0.17.",
    )
    blurred_focus: float = Field(
        default=0.35,
        ge=0,
        le=1,
        description="blurred: focus (Crete et al. 2007, see image_figures) below this. Crisp images have 0.51 to 0.68, "
        "the same blurred by 3 pixels of 480 lines 0.19 to 0.41, half of them below 0.32.",
    )


class WorkerSettings(BaseModel):
    """How models are found and run. None: chosen by what the machine has."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    backend: Backend = "auto"
    precision: Literal["auto", "full", "int8"] = Field(
        default="auto", description="auto: int8 where the model has it and the CPU computes it fast, and has no AMX."
    )
    device: str | None = Field(default=None, description="OpenVINO's (CPU, GPU) or PyTorch's (cpu, cuda:0) name.")
    threads: int | None = Field(default=None, ge=1, le=256, description="Inference workers.")
    inference_nice: int = Field(
        default=10,
        ge=0,
        le=19,
        description="Niceness of inference on the CPU; Linux only.",
    )
    max_batch: int = Field(default=1, ge=1, le=256)
    max_wait_ms: float = Field(
        default=0.0, ge=0, le=1000, description="How long a batch waits for more frames; for GPUs."
    )
    models_dir: Path | None = Field(default=None, description="Its models go before those that ship.")
    models_poll_s: float = Field(default=1.0, gt=0, le=60, description="How often promotions by others are read.")
    classify: ClassifySettings = ClassifySettings()
    identity: IdentitySettings = IdentitySettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    tags: TagSettings = TagSettings()


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a node is given. name: unique among nodes. state_dir: where streams added over HTTP are stored, if any.

    keys: encrypt the addresses among them. tags_dir: where tags that were taught are stored; None: in state_dir.
    """

    name: str
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)
    state_dir: Path | None = None
    keys: SecretKeys = NO_KEYS
    tags_dir: Path | None = None
