"""What is kept of a frame that somebody showed as an example: key points and coarse colours, no picture. Pure.

ORB and a bag of visual words are the family of `workers/engines/visual_words.py`; the coarse colours (means of 8 by 6
cells) see what has no texture, such as a lamp or a door that is open before a bright wall.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from workers.engines.engine import F32, U8
from workers.engines.visual_words import PointFinder

POINTS, PATCH, FAST = 300, 31, 5
WIDTH = 480
"""Frames are looked at in this width: points are found at the same scale, whatever the camera sends."""
_CELLS_WH = (8, 6)
_BYTES = 32
_LONGEST = 64 * POINTS
Encoded = Annotated[str, Field(max_length=_LONGEST, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


@dataclass(frozen=True, slots=True)
class TagExample:
    """One example. points: f32 (n, 2), x and y as shares; descriptors: u8 (n, 32); colours: f32 (144,), RGB 0 to 1.

    at_ns: wall clock of the frame. present: whether the frame shows what the tag says.
    """

    at_ns: int
    present: bool
    points: F32
    descriptors: U8
    colours: F32


class StoredExample(BaseModel):
    """An example in a file: arrays as base64."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    at_ns: int = Field(ge=0, lt=2**63)
    present: bool
    points: Encoded
    descriptors: Encoded
    colours: Encoded

    @classmethod
    def of(cls, example: TagExample) -> StoredExample:
        """For the file."""
        return cls(
            at_ns=example.at_ns,
            present=example.present,
            points=_text(np.round(example.points * 65535).astype("<u2").tobytes()),
            descriptors=_text(example.descriptors.tobytes()),
            colours=_text(np.round(example.colours * 255).astype(np.uint8).tobytes()),
        )

    def example(self) -> TagExample:
        """As it was. Raises ValueError where the arrays do not fit each other."""
        points = np.frombuffer(base64.b64decode(self.points), "<u2").reshape(-1, 2).astype(np.float32) / 65535
        descriptors = np.frombuffer(base64.b64decode(self.descriptors), np.uint8).reshape(-1, _BYTES)
        colours = np.frombuffer(base64.b64decode(self.colours), np.uint8).astype(np.float32) / 255
        if len(points) != len(descriptors) or len(colours) != 3 * _CELLS_WH[0] * _CELLS_WH[1]:
            raise ValueError("points, descriptors and colours are not of one frame")
        return TagExample(self.at_ns, self.present, points.astype(np.float32), descriptors, colours.astype(np.float32))


class Describer:
    """Frames into what is known of them. One thread at a time; about 6 ms for 1280×720."""

    def __init__(self) -> None:
        self._finder = PointFinder(POINTS, PATCH, FAST)

    def example(self, image_bgr: U8, at_ns: int, present: bool = False) -> TagExample:
        """What is kept of u8 HWC BGR; the image is not."""
        height, width = image_bgr.shape[:2]
        size = (WIDTH, max(PATCH + 1, round(height * WIDTH / width)))
        small = np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
        points, descriptors = self._finder.describe(np.ascontiguousarray(small[:, :, ::-1]))
        cells = cv2.resize(small, _CELLS_WH, interpolation=cv2.INTER_AREA)[:, :, ::-1]
        colours = np.asarray(cells, np.float32).ravel() / np.float32(255)
        return TagExample(at_ns, present, points, descriptors, colours.astype(np.float32))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
