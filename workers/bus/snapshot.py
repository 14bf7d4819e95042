"""What lies beside a JPEG on `livesight.snapshots`: whose it is, as headers. Pure."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SNAPSHOT_SCHEMA: Final = "livesight.snapshot/1"
_NUMBERS = r"^-?\d+(\.\d+)?(,-?\d+(\.\d+)?){%d}$"


class Snapshot(BaseModel):
    """Headers of one snapshot, each as text. The value of the message is the JPEG.

    Of a track come a crop and the whole picture that it was cut from, first soon after the track was confirmed, again
    when a clearly better crop was seen, and at the track's end when the best one was not sent yet: the last is best.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: Literal["livesight.snapshot/1"] = Field(default=SNAPSHOT_SCHEMA, alias="schema")
    content_type: Literal["image/jpeg"] = Field(default="image/jpeg", alias="content-type")
    view: Literal["crop", "picture"]
    session: str
    track: int
    pts_us: int = Field(description="Of the picture, as in its result.")
    captured_at_ns: int
    detector: str
    label: str
    confidence: float = Field(ge=0, le=1)
    quality: float = Field(ge=0, description="Sharpness × area in pixels × confidence: comparable within a track.")
    box: str = Field(pattern=_NUMBERS % 3, description="x1,y1,x2,y2: the object, in pixels of the coded picture.")
    region: str = Field(pattern=_NUMBERS % 3, description="x1,y1,x2,y2: what the JPEG shows of the coded picture.")
    size: str = Field(pattern=_NUMBERS % 1, description="Width,height of the coded picture.")
    node: str

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As they go over the bus."""
        return tuple((name, str(value).encode()) for name, value in self.model_dump(by_alias=True).items())


def joined(numbers: tuple[float, ...]) -> str:
    """Numbers as `box`, `region` and `size` have them."""
    return ",".join(f"{number:g}" for number in numbers)
