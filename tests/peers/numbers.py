"""A number drawn into a picture, so that a test can tell which picture a result belongs to. Pure.

The strip at the bottom of the picture holds three rows of twelve black and white blocks: 24 bits of the number, most
significant first, and 12 bits of its CRC. Blocks scale with the picture, and their means survive VP8, H.264 and JPEG
from 160×90 upwards. What lies above the strip stays as it was.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

ROWS = 3
COLUMNS = 12
STRIP_SHARE = 0.3
MOST = 2**24 - 1

Image = npt.NDArray[np.uint8]


class NumberError(Exception):
    """There is no readable number in the picture."""


def number_boxes(size_wh: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The pixel boxes (x0, y0, x1, y1) of the blocks, row by row, in a picture of this size."""
    width, height = size_wh
    top = height - round(height * STRIP_SHARE)
    ys = [top + round(row * (height - top) / ROWS) for row in range(ROWS + 1)]
    xs = [round(column * width / COLUMNS) for column in range(COLUMNS + 1)]
    return [(xs[c], ys[r], xs[c + 1], ys[r + 1]) for r in range(ROWS) for c in range(COLUMNS)]


def _bits(number: int) -> list[bool]:
    check = zlib.crc32(number.to_bytes(3, "big")) & 0xFFF
    word = number << 12 | check
    return [bool(word >> shift & 1) for shift in range(ROWS * COLUMNS - 1, -1, -1)]


def draw_number(image: Image, number: int) -> Image:
    """Draw 0 ≤ number < 2**24 into a u8 picture (height, width[, channels]), in place; returns the same picture."""
    if not 0 <= number <= MOST:
        raise ValueError(f"{number} does not fit into 24 bits")
    height, width = image.shape[:2]
    for (x0, y0, x1, y1), bit in zip(number_boxes((width, height)), _bits(number), strict=True):
        image[y0:y1, x0:x1] = 255 if bit else 0
    return image


def read_number(image: Image) -> int:
    """The number in a u8 picture, in any channel order. Raises NumberError when the blocks or their CRC are wrong."""
    height, width = image.shape[:2]
    means = []
    for x0, y0, x1, y1 in number_boxes((width, height)):
        margin_x, margin_y = (x1 - x0) // 4, (y1 - y0) // 4
        block = image[y0 + margin_y : y1 - margin_y, x0 + margin_x : x1 - margin_x]
        if not block.size:
            raise NumberError(f"a picture of {width}×{height} is too small for a number")
        means.append(float(block.mean()))
    low, high = min(means), max(means)
    if high - low < 60:
        raise NumberError("no black and white blocks in the picture")
    word = 0
    for mean in means:
        word = word << 1 | (mean > (low + high) / 2)
    number = word >> 12
    if zlib.crc32(number.to_bytes(3, "big")) & 0xFFF != word & 0xFFF:
        raise NumberError("the blocks' checksum is wrong")
    return number


def numbered_image(number: int, size_wh: tuple[int, int], background: Image | None = None) -> Image:
    """A new u8 BGR picture (height, width, 3) with the number in it, on a moving ramp or a copy of `background`."""
    width, height = size_wh
    if background is None:
        ramp = (np.arange(width) * 160 // max(width, 1) + 40 + number * 3) % 256
        image = np.repeat(np.broadcast_to(ramp.astype(np.uint8), (height, width))[..., None], 3, axis=2).copy()
    else:
        image = background.copy()
    return draw_number(image, number)
