"""A camera with numbered frames and two boxes that go to and fro, each where its frame's number says. Pure."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import NumberEngine, NumberRequest
from tests.peers.numbers import NumberError, numbered_image, read_number
from workers.engines.engine import F32

SIZE_WH = (320, 180)
FPS = 10  # few, so that a busy machine analyses each
FRAMES = 480  # after so many both boxes are where they began: a looped clip goes on without a leap
ROWS_PX = ((8, 48), (64, 104))
"""Top and bottom of the two boxes in the frame."""
STEPS_PX = (3, 2)
"""How far each goes from one frame to the next."""
WIDTH_PX = 90
_HALF_WAYS = (60, 80)
_BANDS_PX = 6  # above the frame in the engine's 320×192


def left_of(number: int, row: int) -> int:
    """The left edge of a row's box in the frame of that number; the two begin at opposite sides."""
    half = _HALF_WAYS[row]
    at = number % (2 * half)
    way = STEPS_PX[row] * min(at, 2 * half - at)
    return 10 + way if row == 0 else 190 - way


def box_of(number: int, row: int) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 in the frame."""
    left = left_of(number, row)
    return left, ROWS_PX[row][0], left + WIDTH_PX, ROWS_PX[row][1]


def row_of(xyxy: tuple[float, float, float, float]) -> int:
    """Which of the two a box is."""
    return 0 if xyxy[1] < (ROWS_PX[0][1] + ROWS_PX[1][0]) / 2 else 1


class TwoBoxesRequest(NumberRequest):
    """Both boxes in each frame that `seen` lets through."""

    def run(self, count: int) -> F32:
        """As the base class."""
        out = np.zeros((count, 2, 6), np.float32)
        for slot in range(count):
            try:
                number = read_number(self.tensor[slot])
            except NumberError:
                continue
            for row in range(2):
                x1, y1, x2, y2 = box_of(number, row)
                if self._engine.seen(number):  # type: ignore[attr-defined]
                    out[slot, row] = (x1, y1 + _BANDS_PX, x2, y2 + _BANDS_PX, 0.9, 0)
        return out


class TwoBoxesEngine(NumberEngine):
    """`period`: of so many frames the boxes are seen in the first `shown`, so that tracks end; 0: in all."""

    request_type = TwoBoxesRequest

    def __init__(self, period: int = 0, shown: int = 0) -> None:
        super().__init__()
        self._period, self._shown = period, shown

    def seen(self, number: int) -> bool:
        """Whether the boxes are there in the frame of that number."""
        return not self._period or number % self._period < self._shown


def make_clip(path: Path, b_frames: int = 2) -> Path:
    """The camera's video: dark, so that boxes show in it, and not flat, so that crops have some sharpness."""
    dark = np.random.default_rng(0).integers(10, 50, (SIZE_WH[1] // 4, SIZE_WH[0] // 4, 3), np.uint8)
    background = dark.repeat(4, 0).repeat(4, 1)
    spec = ClipSpec(FRAMES, FPS, SIZE_WH, b_frames=b_frames, gop=FPS)
    return make_numbered(path, spec, lambda number: numbered_image(number, SIZE_WH, background))
