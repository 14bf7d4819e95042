"""The result of a frame, as Kafka, WebSockets and `analyze --json` carry it. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.bus.identifiers import Count, Nanoseconds, NodeName, Number, SessionId, ShortText, StreamId, Versions

FRAME_SCHEMA = "livesight.frame/1"
MOST_DETECTIONS = 10_000
_LONGEST_PATH = 4096
Side = Annotated[int, Field(ge=0, le=2**20)]


class _Result(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")


class Attribute(_Result):
    """What a classifier says of one track."""

    label: ShortText
    confidence: float = Field(ge=0, le=1)


class Identity(_Result):
    """Whose face it is. `person`: an opaque id; the name is told when answering only."""

    person: ShortText
    similarity: float = Field(ge=-1, le=1, description="Of the track's face to those that were enrolled.")
    threshold: float = Field(ge=-1, le=1, description="From which similarity on this person is named.")


class Detection(_Result):
    """One object in one frame. `xyxy` in pixels of the coded frame; `track_id` null until confirmed."""

    detector: ShortText
    track_id: Number | None
    label: ShortText
    confidence: float = Field(ge=0, le=1)
    xyxy: tuple[float, float, float, float]
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    identity: Identity | None = None


class ImageFigures(_Result):
    """Figures of the whole image, 0 to 1; ARCHITECTURE.md defines them.

    They are made once a second; results in between carry the last, which `pts_us` tells apart.
    """

    brightness: float = Field(ge=0, le=1)
    contrast: float = Field(ge=0, le=1)
    sharpness: float = Field(ge=0, le=1)
    frozen_s: float = Field(ge=0)
    saturation: float | None = Field(default=None, ge=0, le=1)
    detail: float | None = Field(default=None, ge=0, le=1, description="Share of an 8×8 grid's cells with texture.")
    hash: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", description="Difference hash of 17×16 luma.")
    focus: float | None = Field(default=None, ge=0, le=1, description="How crisp it is at its own resolution.")
    blockiness: float | None = Field(default=None, ge=0, le=1, description="Steps between a coder's 8×8 blocks.")
    changed: float | None = Field(default=None, ge=0, le=1, description="Share of pixels unlike the figures' last.")
    pts_us: int | None = Field(default=None, description="Of the frame that they were made of.")
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    tags: tuple[str, ...] = Field(
        default=(),
        description="Of this very frame: `label:…`, `person:…`, empty, crowded; of the figures: night, blurred.",
    )
    caption: str | None = Field(default=None, description="In a sentence; only where it was asked for.")


class Latency(_Result):
    """Milliseconds by stage; `total` from the frame's arrival to its result."""

    decode: float
    wait: float
    inference: float
    total: float


class FrameResult(_Result):
    """What was seen in one frame. `(session, pts_us)` identifies it."""

    schema_: Literal["livesight.frame/1"] = Field(default="livesight.frame/1", alias="schema")
    stream_id: StreamId
    session: SessionId
    frame: Count
    skipped: Count
    pts_us: Number
    captured_at_ns: Nanoseconds
    size_wh: tuple[Side, Side]
    node: NodeName
    detections: tuple[Detection, ...] = Field(max_length=MOST_DETECTIONS)
    image: ImageFigures | None = None
    models: Versions
    latency_ms: Latency
    source: str | None = Field(
        default=None,
        max_length=_LONGEST_PATH,
        exclude_if=lambda source: source is None,
        description="The image's file; only in the lines of `analyze` of a folder, a pattern or an image.",
    )

    def to_json(self) -> bytes:
        """The wire form, UTF-8."""
        return self.model_dump_json(by_alias=True).encode()


def frame_json_schema() -> dict[str, Any]:
    """The published JSON Schema of a frame result."""
    schema = FrameResult.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": FRAME_SCHEMA, **schema}
