"""Means of blocks of time, by hour of the day, and how much they vary. Pure.

Samples are gathered in blocks of time as long as the window that will be compared. The variance of blocks' means holds
everything that makes samples alike: the same people again and again, clouds, a lamp, one day and the next. So nothing
need be assumed about autocorrelation; it is measured where it acts (batch means; Flegal and Jones 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.drift.features import HOURS, hour_of
from monitoring.drift.statistics import F64


@dataclass(slots=True)
class _Block:
    """The current block: its number since the epoch, and the sums of its samples."""

    number: int = -1
    n: int = 0
    total: float = 0.0
    squares: float = 0.0


class BlockMeans:
    """Sums over the block means of one value, by hour: `sums` (ROWS, hours), as in JSON."""

    ROWS = 6  # blocks, sum of means, of their squares, sum of squares within, its degrees of freedom, sum of 1/n

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self._block = _Block()
        self.sums: F64 = np.zeros((self.ROWS, HOURS))

    def add(self, at_s: float, value: float) -> None:
        """Add a sample, in order of time."""
        number = int(at_s // self._block_s)
        if number != self._block.number:
            self.flush()
            self._block.number = number
        block = self._block
        block.n += 1
        block.total += value
        block.squares += value * value

    def flush(self) -> None:
        """End the current block."""
        block = self._block
        if block.n:
            mean = block.total / block.n
            within = max(0.0, block.squares - block.total * mean)
            hour = hour_of(block.number * self._block_s)
            self.sums[:, hour] += (1, mean, mean * mean, within, block.n - 1, 1 / block.n)
        self._block = _Block()

    def variances(self, weights: F64) -> tuple[F64, F64]:
        """Variances between and within blocks, each (hours,); `weights` (hours, hours): whose blocks an hour uses."""
        blocks, means, squares, within, free, inverse = self.sums
        own_mean = np.divide(means, blocks, out=np.zeros(HOURS), where=blocks > 0)
        around = np.maximum(0.0, squares - blocks * own_mean**2)  # of each hour around its own mean
        hours = (blocks > 0).astype(float)
        pooled_within = ratio(weights @ within, weights @ free, within.sum() / max(1.0, free.sum()))
        of_means = ratio(weights @ around, weights @ np.maximum(0.0, blocks - hours), 0.0)
        mean_inverse = ratio(weights @ inverse, weights @ blocks, 1.0)
        between: F64 = np.maximum(0.0, of_means - pooled_within * mean_inverse)
        return between, pooled_within


def ratio(above: F64, below: F64, otherwise: float) -> F64:
    """Element by element; `otherwise` where `below` is 0."""
    divided: F64 = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return divided
