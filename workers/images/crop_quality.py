"""How good a crop is, and how sharp an image: by its Laplacian, and by what a further blur takes from it. Pure."""

from __future__ import annotations

import math
from typing import cast

import av
import cv2
import numpy as np

from workers.engines.engine import F32, U8
from workers.images.planes import halved, luma

_SIDE = 64
_HALF = 200.0
_EVERY = 4
_LARGE = 480  # images of more lines have enough of them when every eighth is read
_FULL_HD = 1080
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


def focus(grey: U8) -> float:
    """0 (blurred) to 1 (crisp), of luma u8 (height, width): how much a further blur takes from its small differences.

    At the image's own resolution, since a thumbnail hides a blur of three pixels: every fourth row and column is read
    at full length, of large images every eighth, and about as many of still larger ones.

    The measure of Crete, Dolmiere, Ladret, Nicolas, "The blur effect: perception and estimation with a new no-reference
    perceptual blur metric" (SPIE 2007), upside down, the less sharp of the two directions. 0.5 where nothing varies.
    """
    every = _EVERY if grey.shape[0] <= _LARGE else 2 * _EVERY * sparser(grey)
    return min(_lost_by_blur(grey[::every], 1), _lost_by_blur(grey[:, ::every], 0))


def sparser(grey: U8) -> int:
    """Of images above 1080 lines so many times fewer lines are read: they have enough, and it bounds the time."""
    return max(1, math.ceil(int(grey.shape[0]) / _FULL_HD))


def _lost_by_blur(lines: U8, axis: int) -> float:
    """`axis`: 1 along rows, 0 along columns. OpenCV, several times as fast as NumPy."""
    if lines.shape[axis] < 2 * _TAPS:
        return 0.5
    signal = np.ascontiguousarray(lines, np.float32)
    blurred = cv2.blur(signal, (_TAPS, 1) if axis else (1, _TAPS), borderType=cv2.BORDER_REPLICATE)
    steps, left = _differences(signal, axis), _differences(blurred, axis)
    lost = cv2.sumElems(cv2.threshold(cv2.subtract(steps, left), 0, 0, cv2.THRESH_TOZERO)[1])[0]
    whole = cv2.sumElems(steps)[0]
    return float(lost / whole) if whole > 0 else 0.5


def _differences(signal: cv2.typing.MatLike, axis: int) -> cv2.typing.MatLike:
    ahead, behind = (signal[:, 1:], signal[:, :-1]) if axis else (signal[1:], signal[:-1])
    return cv2.absdiff(ahead, behind)


def crop_quality(image: av.VideoFrame, region: tuple[int, int, int, int], confidence: float) -> float:
    """How good a crop is to classify by: sharpness × area in pixels × the detector's confidence."""
    left, top, right, bottom = region
    return sharpness(image, region) * (right - left) * (bottom - top) * confidence
