"""A test engine whose boxes say the number painted into the picture, so that both can be read off one canvas. Pure."""

from __future__ import annotations

import numpy as np

from tests.peers.number_engine import SHAPE_WH, NumberEngine, NumberRequest
from tests.peers.numbers import NumberError, read_number
from workers.engines.engine import F32

STEP_PX = 2
MARGIN_PX = 10
WIDTH_PX = 100
ROWS_PX = ((14, 54), (70, 110))
"""Top and bottom of the two boxes in the engine's 320×192: of six bits of the number each, by their left edges."""
MOST = 2**12


class BoxedNumberRequest(NumberRequest):
    """Two boxes a readable picture: left edges at 10 + 2 × (six bits), the lower bits' box above."""

    def run(self, count: int) -> F32:
        """As the base class."""
        out = np.zeros((count, 2, 6), np.float32)
        numbers = []
        for slot in range(count):
            try:
                number = read_number(self.tensor[slot])
            except NumberError:
                number = -1
            numbers.append(number)
            for row, (top, bottom) in enumerate(ROWS_PX):
                if number >= 0:
                    left = MARGIN_PX + STEP_PX * (number >> 6 * row & 63)
                    out[slot, row] = (left, top, left + WIDTH_PX, bottom, 0.9, 0)
        self._engine.before(numbers)
        return out


class BoxedNumberEngine(NumberEngine):
    """`NumberEngine` with these boxes."""

    request_type = BoxedNumberRequest


assert SHAPE_WH == (320, 192)
