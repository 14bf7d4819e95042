"""A face whose place in the picture tells the picture's number, so that a box says which picture it belongs to. Pure.

The face is the portrait of the demo camera (Grace Hopper, public domain), over the number strip of `numbers`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from stream.sources.demo_people import load_portrait
from tests.peers.numbers import STRIP_SHARE, Image, draw_number

PLACES = 6


@functools.cache
def _face(height: int) -> Image:
    """The face, cut close, as a u8 BGR picture of this height."""
    cut = load_portrait()[40:400, 100:420]
    width = round(cut.shape[1] * height / cut.shape[0])
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def face_picture(number: int, size_wh: tuple[int, int]) -> Image:
    """A new u8 BGR picture with the number in its strip and the face at place `number % PLACES`."""
    width, height = size_wh
    image = np.full((height, width, 3), (120, 110, 100), np.uint8)
    face = _face(height - round(height * STRIP_SHARE))
    left = round((width - face.shape[1]) * (number % PLACES) / (PLACES - 1))
    image[: face.shape[0], left : left + face.shape[1]] = face
    return draw_number(image, number)


def place_of(xyxy: Sequence[float], size_wh: tuple[int, int]) -> int:
    """The place at which a box around the face lies. Raises ValueError for a box that is at none."""
    width, height = size_wh
    face_width = _face(height - round(height * STRIP_SHARE)).shape[1]
    place: float = ((xyxy[0] + xyxy[2] - face_width) / 2) / ((width - face_width) / (PLACES - 1))
    if abs(place - round(place)) > 0.35 or not 0 <= round(place) < PLACES:
        raise ValueError(f"no face stands at {list(xyxy)}: place {place:.2f}")
    return round(place)
