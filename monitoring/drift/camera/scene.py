"""What a camera looks at, by the difference hashes of its frames: which bits are steady, and their values.

Each of the 256 bits says whether a spot is darker than its neighbour. People and noise change some of them all the
time; walls, doors and furniture do not. Only steady bits are compared, so that a busy scene is not another scene. Each
hour of the day is remembered on its own, as a scene looks different at night. Pure; one object a stream.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Bits = npt.NDArray[np.float32]

_BITS = 256
_STEADY = 0.1
_MIN_STEADY = 24


def bits(digits: str) -> Bits:
    """The 256 bits of a hash of 64 hexadecimal digits, as 0 and 1."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8)).astype(np.float32)


class SceneMemory:
    """The share of frames in which each bit was 1, one row per hour. A row goes back `max_frames` frames."""

    def __init__(self, rows: int, max_frames: float) -> None:
        self._max_frames = max_frames
        self._ones: F32 = np.zeros((rows, _BITS), np.float32)
        self.seen: F32 = np.zeros(rows, np.float32)

    def learn(self, row: int, now: Bits) -> None:
        """Add a frame."""
        self.seen[row] = min(self.seen[row] + 1, self._max_frames)
        self._ones[row] += (now - self._ones[row]) / self.seen[row]

    def distances(self, now: Bits, min_seen: float, rows: Sequence[int] | slice = slice(None)) -> F32:
        """The share of each row's steady bits that differ now, (rows,); infinite where too little is known."""
        ones = self._ones[rows]
        steady = np.abs(ones - 0.5) > 0.5 - _STEADY
        count = steady.sum(axis=1)
        differing = (np.abs(ones - now) > 0.5) & steady
        known = (self.seen[rows] >= min_seen) & (count >= _MIN_STEADY)
        shares = differing.sum(axis=1) / np.maximum(1, count)
        return np.where(known, shares, np.inf).astype(np.float32)

    def dump(self) -> dict[str, Any]:
        """JSON-able; the shares rounded to 1/255."""
        packed = np.round(self._ones * 255).astype(np.uint8).tobytes()
        return {"ones": base64.b85encode(packed).decode(), "seen": [round(float(seen), 1) for seen in self.seen]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `dump` returned for a memory with as many rows."""
        packed = np.frombuffer(base64.b85decode(state["ones"]), np.uint8)
        self._ones = (packed.reshape(self._ones.shape) / np.float32(255)).astype(np.float32)
        self.seen = np.asarray(state["seen"], np.float32)
