"""Where the boxes of one camera's tracks are likely to be: Kalman filters for all of them at once. Pure; one thread.

Everything is told in seconds and in sizes of the box itself, so that neither the rate of the pictures nor their
resolution changes what is expected: two steps of 100 ms leave the same state as one of 200 ms. Each of a box's four
numbers (centre, width, height) moves on its own, with a velocity that fades (Singer 1970): who is not seen is not
expected to walk on for ever. As the four are independent, a filter is three variances and no matrix, and one operation
of NumPy moves every track.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MEASURED = 0.05
"""Standard deviation of a detector's box, in sizes."""
FIRST_VELOCITY = np.array([1.5, 1.5, 0.3, 0.3])
"""Standard deviation of the velocity of what was seen once: sizes a second, of centre x, y, width, height."""
RESTLESSNESS = np.array([1.0, 1.0, 0.3, 0.3])
"""How far velocities wander: standard deviation after a second, sizes a second."""
MEMORY_S = 1.0
"""A velocity has faded to 1/e after it."""


_STATE, _VELOCITY, _VARIANCE, _COVARIANCE, _VELOCITY_VARIANCE = range(5)


class BoxMotion:
    """The filters of n boxes, in the order in which they were added. Pixels and seconds."""

    def __init__(self) -> None:
        self._filters: F64 = np.zeros((0, 5, 4))

    def __len__(self) -> int:
        return len(self._filters)

    @property
    def state(self) -> F64:
        """Where each box is expected (n, 4): centre x, y, width, height. A view."""
        return self._filters[:, _STATE]

    def doubt_xy(self) -> F64:
        """Standard deviation of each expected centre (n, 2)."""
        return np.sqrt(self._filters[:, _VARIANCE, :2])

    def advance(self, elapsed_s: float) -> None:
        """Let all boxes move on for `elapsed_s`, above 0."""
        fade = np.exp(-elapsed_s / MEMORY_S)
        reach = MEMORY_S * (1 - fade)
        faded = MEMORY_S * (1 - fade**2) / 2
        state, velocity, variance, covariance, velocity_variance = self._filters.swapaxes(0, 1)
        wander = (sizes(state) * RESTLESSNESS) ** 2
        carried = covariance + reach * velocity_variance
        state += reach * velocity
        np.maximum(state[:, 2:], 1.0, out=state[:, 2:])
        velocity *= fade
        variance += reach * (covariance + carried) + wander * (MEMORY_S**2 * (elapsed_s - 2 * reach + faded))
        covariance[:] = fade * carried + wander * (reach**2 / 2)
        velocity_variance *= fade**2
        velocity_variance += wander * faded

    def correct(self, rows: I64, xyxy: F64) -> None:
        """The boxes `rows` (k, each once) were seen at `xyxy` (k, 4)."""
        filters = self._filters[rows]
        state, velocity, variance, covariance, velocity_variance = filters.swapaxes(0, 1)
        total = variance + (MEASURED * sizes(state)) ** 2
        gain, velocity_gain = variance / total, covariance / total
        surprise = centred(xyxy) - state
        state += gain * surprise
        velocity += velocity_gain * surprise
        velocity_variance -= velocity_gain * covariance
        variance *= 1 - gain
        covariance *= 1 - gain
        self._filters[rows] = filters

    def add(self, xyxy: F64) -> None:
        """Boxes (k, 4) seen for the first time, after those that are there."""
        filters = np.zeros((len(xyxy), 5, 4))
        filters[:, _STATE] = state = centred(xyxy)
        filters[:, _VARIANCE] = (MEASURED * sizes(state)) ** 2
        filters[:, _VELOCITY_VARIANCE] = (FIRST_VELOCITY * sizes(state)) ** 2
        self._filters = np.concatenate([self._filters, filters])

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Forget the boxes where `mask` (n) is False."""
        self._filters = self._filters[mask]


def centred(xyxy: F64) -> F64:
    """Boxes (n, 4) as centre x, y, width and height, of a pixel at least."""
    wh = xyxy[:, 2:] - xyxy[:, :2]
    return np.concatenate([xyxy[:, :2] + wh / 2, np.maximum(wh, 1.0)], axis=1)


def sizes(state: F64) -> F64:
    """The size of each box (n, 1): the side of a square as large, pixels."""
    return np.sqrt(state[:, 2:3] * state[:, 3:4])
