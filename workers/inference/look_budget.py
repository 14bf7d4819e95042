"""How much of a busy machine looks may take that can wait. Any thread.

A look takes as long as a frame or two. Where the CPUs have time to spare that costs nobody anything; where they have
not, each look is a frame that is not analysed. So looks that can wait (at strangers again, at who is known already) get
a share of the time that frames are computed for; those that cannot (at who is new, or may be somebody else) are
charged, but never wait.
"""

from __future__ import annotations

import threading

from stream.decoding.shedding import BUSY_SHARE, CpuGauge

SHARE = 0.015
"""Of the seconds that engines computed. Those are longer than their CPU time on a busy machine, some twofold."""
_MOST_S = 0.25
"""Saved up at most: some twenty looks."""


class LookBudget:
    """One for all streams of a node. Without a `gauge` nothing ever has to wait."""

    def __init__(self, gauge: CpuGauge | None = None) -> None:
        self._gauge = gauge
        self._lock = threading.Lock()
        self._left_s = _MOST_S

    def earn(self, inference_s: float) -> None:
        """A frame was computed for so long."""
        with self._lock:
            self._left_s = min(_MOST_S, self._left_s + SHARE * inference_s)

    def spend(self, look_s: float) -> None:
        """A look took so long."""
        with self._lock:
            self._left_s = max(-_MOST_S, self._left_s - look_s)

    def allows(self) -> bool:
        """Whether a look that can wait may be made now."""
        return self._left_s > 0 or self._gauge is None or self._gauge.busy() <= BUSY_SHARE
