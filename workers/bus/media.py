"""Snapshots and clips as they travel: what lies beside a JPEG on `livesight.snapshots`, and a video clip. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from workers.bus.identifiers import Nanoseconds, NodeName, Number, SessionId, ShortText

SNAPSHOT_SCHEMA: Final = "livesight.snapshot/1"
MOST_BOXES = 64
_NUMBERS = r"^-?[0-9]{1,9}(\.[0-9]{1,9})?(,-?[0-9]{1,9}(\.[0-9]{1,9})?){%d}$"


class SeenBox(BaseModel):
    """One detection of the frame that a snapshot was made of. `xyxy` in pixels, as `box`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="ignore")

    track_id: Number | None = None
    label: ShortText
    confidence: float = Field(ge=0, le=1)
    xyxy: tuple[float, float, float, float]


SEEN_BOXES: Final = TypeAdapter(Annotated[tuple[SeenBox, ...], Field(max_length=MOST_BOXES)])
"""`boxes` as JSON."""


class Snapshot(BaseModel):
    """Headers of one snapshot, each as text. The value of the message is the JPEG.

    Of a track come a crop and the whole frame that it was cut from, first soon after the track was confirmed, again
    when its label changed or a clearly better crop was seen, the last at its end; three at most by default.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="ignore", populate_by_name=True)

    schema_: Literal["livesight.snapshot/1"] = Field(default=SNAPSHOT_SCHEMA, alias="schema")
    content_type: Literal["image/jpeg"] = Field(default="image/jpeg", alias="content-type")
    view: Literal["crop", "picture"]
    session: SessionId = Field(min_length=1)
    track: Number
    pts_us: Number = Field(description="Of the frame, as in its result.")
    captured_at_ns: Nanoseconds
    detector: ShortText
    label: ShortText
    confidence: float = Field(ge=0, le=1)
    quality: float = Field(ge=0, description="Sharpness × area in pixels × confidence: comparable within a track.")
    box: str = Field(pattern=_NUMBERS % 3, description="x1,y1,x2,y2: the object, in pixels of the coded frame.")
    region: str = Field(pattern=_NUMBERS % 3, description="x1,y1,x2,y2: what the JPEG shows of the coded frame.")
    size: str = Field(pattern=_NUMBERS % 1, description="Width,height of the coded frame.")
    node: NodeName
    boxes: str = Field(
        default="[]",
        max_length=65_536,
        description="JSON: track_id, label, confidence and xyxy of what was found in this very frame, the track itself "
        f"first, {MOST_BOXES} at most; empty from nodes of earlier versions.",
    )

    def seen(self) -> tuple[SeenBox, ...]:
        """`boxes`, read. Raises ValidationError."""
        return SEEN_BOXES.validate_json(self.boxes)

    def numbers(self, name: Literal["box", "region", "size"]) -> tuple[float, ...]:
        """A field of numbers, read."""
        return tuple(float(number) for number in getattr(self, name).split(","))

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As they go over the bus."""
        return tuple((name, str(value).encode()) for name, value in self.model_dump(by_alias=True).items())


def joined(numbers: tuple[float, ...]) -> str:
    """Numbers as `box`, `region` and `size` have them."""
    return ",".join(f"{number:g}" for number in numbers)


SESSION_HEADER: Final = "x-livesight-session"
FROM_HEADER: Final = "x-livesight-from-us"
TO_HEADER: Final = "x-livesight-to-us"
"""What a clip covers, and what its results are of, as HTTP says it: a frame is shown at its `pts_us` less the first."""

RESULT_LINES: Final = "application/jsonl"


@dataclass(frozen=True, slots=True)
class Clip:
    """A file in memory, `video/mp4` or `video/webm`, that shows its session's frames from `from_us` to `to_us`.

    results: those of these frames, as far as they were known when it was cut: JSON lines; None from nodes of earlier
    versions.
    """

    data: bytes
    media_type: str
    from_us: int
    to_us: int
    results: bytes | None = None
