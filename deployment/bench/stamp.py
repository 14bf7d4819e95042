"""A picture number painted into a corner of a picture, readable after H.264 and in any colour order. Pure.

Twelve cells of 16×16 pixels in the upper left corner: white for a set bit, most significant first; the cells below
them hold the opposite, so that a picture without a number, or a smeared one, is recognised. Needs numpy only: it runs
in every environment that is measured.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BITS = 12
CELL = 16
MOST = 2**BITS
LEAST_CONTRAST = 60.0

U8 = npt.NDArray[np.uint8]


def paint(luma: U8, number: int) -> None:
    """Paint `number` (0 to MOST - 1) into a u8 plane (height, width) in place, in video range (16 to 235)."""
    bits = np.array([number >> shift & 1 for shift in range(BITS - 1, -1, -1)], bool)
    cells = np.where(np.stack([bits, ~bits]), 235, 16).astype(np.uint8)
    luma[: 2 * CELL, : BITS * CELL] = cells.repeat(CELL, 0).repeat(CELL, 1)


def read(image: U8) -> int | None:
    """The number in a u8 picture (height, width[, channels]) of the size it was painted in; None when there is none."""
    corner = image[: 2 * CELL, : BITS * CELL]
    if corner.ndim == 3:
        corner = corner[:, :, 1]
    if corner.shape != (2 * CELL, BITS * CELL):
        return None
    quarter = CELL // 4
    cells = corner.reshape(2, CELL, BITS, CELL)[:, quarter:-quarter, :, quarter:-quarter].mean(axis=(1, 3))
    contrast = cells[0] - cells[1]
    if np.abs(contrast).min() < LEAST_CONTRAST:
        return None
    return int("".join("1" if bright else "0" for bright in contrast > 0), 2)
