"""How good a picture is in itself, at its own resolution: focus, block edges, how much of it changed. Pure.

Thumbnails hide exactly these: a blur of three pixels, the blocks of strong compression, and the noise that tells a live
sensor from a frozen picture are gone once 64 pixels are left. So every fourth row and column is looked at, at full
length: a quarter of a millisecond to two, once a second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]

_EVERY = 4
_BLOCK = 8
_TAPS = 9


def focus(grey: U8) -> float:
    """0 (blurred) to 1 (crisp), of luma u8 (height, width): how much a further blur takes from the small differences.

    The measure of Crete, Dolmiere, Ladret, Nicolas, "The blur effect: perception and estimation with a new no-reference
    perceptual blur metric" (SPIE 2007), upside down, the less sharp of the two directions. 0.5 where nothing varies.
    """
    return min(_kept(grey[::_EVERY]), _kept(grey.T[::_EVERY]))


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


def _kept(lines: U8) -> float:
    if lines.shape[1] < 2 * _TAPS:
        return 0.5
    signal = np.ascontiguousarray(lines, np.float32)
    total = np.cumsum(np.pad(signal, ((0, 0), (_TAPS // 2 + 1, _TAPS // 2)), mode="edge"), axis=1)
    blurred = (total[:, _TAPS:] - total[:, :-_TAPS]) / _TAPS
    steps = np.abs(np.diff(signal, axis=1))
    lost = np.maximum(0, steps - np.abs(np.diff(blurred, axis=1)))
    whole = float(steps.sum())
    return float(lost.sum()) / whole if whole > 0 else 0.5


def _steps(lines: U8) -> float:
    if lines.shape[1] < 2 * _BLOCK:
        return 0.0
    steps = np.abs(np.diff(np.ascontiguousarray(lines, np.int16), axis=1))
    at_edges = np.arange(steps.shape[1]) % _BLOCK == _BLOCK - 1
    edges, inside = float(steps[:, at_edges].mean()), float(steps[:, ~at_edges].mean())
    return max(0.0, (edges - inside) / (edges + inside)) if edges + inside > 0 else 0.0
