"""How good a picture is in itself, at its own resolution: focus, block edges, how much of it changed. Pure.

Thumbnails hide exactly these: a blur of three pixels, the blocks of strong compression, and the noise that tells a live
sensor from a frozen picture are gone once 64 pixels are left. So every fourth row and column is looked at, at full
length, for `focus` every eighth of large pictures: half a millisecond to three, once a second.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]

_EVERY = 4
_LARGE = 480  # pictures of more lines have enough of them when every eighth is looked at
_BLOCK = 8
_TAPS = 9


def focus(grey: U8) -> float:
    """0 (blurred) to 1 (crisp), of luma u8 (height, width): how much a further blur takes from the small differences.

    The measure of Crete, Dolmiere, Ladret, Nicolas, "The blur effect: perception and estimation with a new no-reference
    perceptual blur metric" (SPIE 2007), upside down, the less sharp of the two directions. 0.5 where nothing varies.
    """
    every = _EVERY if grey.shape[0] <= _LARGE else 2 * _EVERY
    return min(_kept(grey[::every], 1), _kept(grey[:, ::every], 0))


def blockiness(grey: U8) -> float:
    """0 (none) to 1: how much larger steps between 8×8 blocks are than steps within them, b - a over b + a.

    Coders cut a picture from its upper left corner; a picture that was scaled afterwards shows nothing here.
    """
    return max(_steps(grey[::_EVERY]), _steps(grey.T[::_EVERY]))


def sampled(grey: U8) -> U8:
    """What `changed` compares: every fourth pixel of every fourth row, a copy."""
    return np.ascontiguousarray(grey[::_EVERY, ::_EVERY])


def changed(before: U8, now: U8) -> float:
    """The share of pixels that differ at all, 0 to 1; 1 when the size changed. A live sensor makes some by noise."""
    if before.shape != now.shape:
        return 1.0
    return float(np.count_nonzero(before != now)) / max(1, now.size)


def _kept(lines: U8, axis: int) -> float:
    """`axis`: along which is looked, 1 for rows; OpenCV does it in place, several times as fast as NumPy."""
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


def _steps(lines: U8) -> float:
    if lines.shape[1] < 2 * _BLOCK:
        return 0.0
    steps = np.abs(np.diff(np.ascontiguousarray(lines, np.int16), axis=1))
    at_edges = np.arange(steps.shape[1]) % _BLOCK == _BLOCK - 1
    edges, inside = float(steps[:, at_edges].mean()), float(steps[:, ~at_edges].mean())
    return max(0.0, (edges - inside) / (edges + inside)) if edges + inside > 0 else 0.0
