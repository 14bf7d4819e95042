"""How good a crop is, and how sharp an image: by its Laplacian, and by what a further blur takes from it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import av
import cv2
import numpy as np

from workers.engines.engine import F32, U8
from workers.images.planes import halved, luma

_SIDE = 64
_HALF = 200.0
_EVERY = 4
_LARGE = 480  # images of more lines have enough of them when every second is read
_FULL_HD = 1920 * 1080
_TAPS = 9


def sharpness(image: av.VideoFrame, region: tuple[int, int, int, int] | None = None) -> float:
    """0 (a blank wall, a blur) to 1: v / (v + 200), v the variance of the Laplacian of the luma at 64×64 pixels.

    The fixed size makes crops of different sizes comparable.
    """
    grey = luma(image)
    if region is not None:
        left, top, right, bottom = region
        grey = grey[top:bottom, left:right]
    return sharpness_of(laplacian(grey))


def laplacian(grey: U8) -> F32:
    """The Laplacian of u8 luma (height, width) at 64×64 pixels; that averages noise away."""
    small = cv2.resize(halved(grey), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return cast("F32", cv2.Laplacian(small, cv2.CV_32F))


def sharpness_of(edges: F32) -> float:
    """The sharpness of an image whose `laplacian` is `edges`."""
    variance = float(edges.var())
    return variance / (variance + _HALF)


@dataclass(frozen=True, slots=True)
class SparseLines:
    """Some rows and columns of an image's luma at full length and resolution, u8 (rows, width), (height, columns)."""

    rows: U8
    columns: U8


def sparse_lines(grey: U8) -> SparseLines:
    """Every fourth row and column, copies; of images above 1920×1080 pixels fewer, so that it takes no longer."""
    every = sparser(grey)
    return SparseLines(np.ascontiguousarray(grey[::every]), np.ascontiguousarray(grey[:, ::every]))


def sparser(grey: U8) -> int:
    """4, and so many times more as an image has more than 1920×1080 pixels."""
    return _EVERY * max(1, math.ceil(grey.size / _FULL_HD))


def focus(lines: SparseLines) -> float:
    """0 (blurred) to 1 (crisp): how much a further blur takes from the small differences of luma.

    At the image's own resolution, since a thumbnail hides a blur of three pixels. Of large images every second of the
    lines is enough.

    The measure of Crete, Dolmiere, Ladret, Nicolas, "The blur effect: perception and estimation with a new no-reference
    perceptual blur metric" (SPIE 2007), upside down, the less sharp of the two directions. 0.5 where nothing varies.
    """
    rows, columns = lines.rows, lines.columns
    if columns.shape[0] > _LARGE:
        rows, columns = rows[::2], np.ascontiguousarray(columns[:, ::2])
    return min(_lost_by_blur(rows, 1), _lost_by_blur(columns, 0))


def _lost_by_blur(lines: U8, axis: int) -> float:
    """`axis`: 1 along rows, 0 along columns. In bytes and whole numbers: floats take several times as long.

    Two neighbouring means of nine pixels differ by a ninth of the difference between the pixels that only one has.
    """
    if lines.shape[axis] < 2 * _TAPS:
        return 0.5
    steps = _differences(lines, axis, 1)
    half = _TAPS // 2
    across, down = (half, 0) if axis else (0, half)
    left = _differences(cv2.copyMakeBorder(lines, down, down, across, across, cv2.BORDER_REPLICATE), axis, _TAPS)
    lost = cv2.subtract(np.multiply(steps, _TAPS, dtype=np.uint16), left, dtype=cv2.CV_16U)  # never below 0
    whole = cv2.sumElems(steps)[0]
    return float(cv2.sumElems(lost)[0] / (_TAPS * whole)) if whole > 0 else 0.5


def _differences(lines: cv2.typing.MatLike, axis: int, apart: int) -> cv2.typing.MatLike:
    """Between pixels so far apart."""
    ahead, behind = (lines[:, apart:], lines[:, :-apart]) if axis else (lines[apart:], lines[:-apart])
    return cv2.absdiff(ahead, behind)


def crop_quality(image: av.VideoFrame, region: tuple[int, int, int, int], confidence: float) -> float:
    """How good a crop is to classify by: sharpness × area in pixels × the detector's confidence."""
    left, top, right, bottom = region
    return sharpness(image, region) * (right - left) * (bottom - top) * confidence
