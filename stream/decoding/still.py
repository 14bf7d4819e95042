"""A decoded still. Pure; the process that decodes costly stills loads it, so it imports little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

SMALL_LINES = 1024
"""More than models look at."""


@dataclass(frozen=True, slots=True)
class Still:
    """bgr: u8 (height, width, 3). small: the same, `halved` below SMALL_LINES, where its decoder made that, too."""

    bgr: Image
    small: Image | None = None


def halved(pixels: Image, below: int) -> Image:
    """Half the size, as often as both sides have so many pixels. Each is the mean of four; odd ones are left out.

    u8 (height, width) or with channels (height, width, n).
    """
    while min(pixels.shape[:2]) >= below:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        pixels = cast(
            "Image", cv2.resize(pixels[: height * 2, : width * 2], (width, height), interpolation=cv2.INTER_AREA)
        )
    return pixels


def small_shape(height: int, width: int) -> tuple[int, int, int] | None:
    """Of what is `halved` below SMALL_LINES; None where that is the image itself."""
    if min(height, width) < SMALL_LINES:
        return None
    while min(height, width) >= SMALL_LINES:
        height, width = height // 2, width // 2
    return height, width, 3
