"""How late a live stream's packets are taken out of the socket, and when to let the past go. Pure.

A reader that gets too little CPU falls behind in the buffers of sockets, its own and the camera's, where ages measured
from arrival on do not see it. What shows it is the delay: arrival by the monotonic clock, minus the packet's time.
Clocks begin anywhere, so it is compared with the least delay of the last minutes.
"""

from __future__ import annotations

import math
from collections import deque

_WINDOW_S = 600.0
"""Long, because a reader that falls behind slowly must not get used to it; a camera's clock that is wrong by 50 ppm
makes 30 ms of it."""
_BUCKET_S = 10.0
_CHECK_S = 1.0
_GAIN_S = 0.25
_MOST_STUCK = 3
_CAUGHT_UP_SHARE = 0.25


class LagMeter:
    """The lag of one session. One thread."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, float]] = deque()  # when it began, and its least delay
        self._delay_s = 0.0

    def note(self, arrived_s: float, time_us: int) -> float:
        """A packet of this time was read at `arrived_s` (time.monotonic()); returns by how many seconds it is late."""
        self._delay_s = arrived_s - time_us / 1e6
        buckets = self._buckets
        if not buckets or arrived_s - buckets[-1][0] >= _BUCKET_S:
            buckets.append((arrived_s, self._delay_s))
        elif self._delay_s < buckets[-1][1]:
            buckets[-1] = (buckets[-1][0], self._delay_s)
        while arrived_s - buckets[0][0] > _WINDOW_S:
            buckets.popleft()
        return self._delay_s - min(least_s for _, least_s in buckets)

    def accept(self) -> None:
        """The delay of the newest packet is the usual one from now on."""
        began_s = self._buckets[-1][0] if self._buckets else 0.0
        self._buckets.clear()
        self._buckets.append((began_s, self._delay_s))


class CatchUpPolicy:
    """Says when a stream should go on without decoding: late by more than `limit_s`, and for as long.

    A burst after a hiccup of the network is over by then. Caught up is who is late by a quarter of that. Who gets no
    nearer although nothing is decoded has read all there is: the way became longer, or the camera's times are wrong,
    and what was late is the usual delay now. Each such mistake doubles the limit for a while: there are cameras that
    count 25 frames a second and send 15 at night, and they must not go blind.
    """

    def __init__(self, limit_s: float) -> None:
        self._base_s = self._limit_s = limit_s
        self._meter = LagMeter()
        self._late_since_s: float | None = None
        self._checked = (0.0, 0.0)
        self._stuck = 0
        self._mistaken_s = -math.inf
        self.lag_s = 0.0
        self.skipping = False

    def note(self, arrived_s: float, time_us: int) -> bool:
        """A packet was read; whether it should be left out, as all before the next key frame then."""
        self.lag_s = self._meter.note(arrived_s, time_us)
        if arrived_s - self._mistaken_s > _WINDOW_S:
            self._limit_s = self._base_s
        if self.skipping:
            self._go_on(arrived_s)
        elif self.lag_s <= self._limit_s:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = arrived_s
        elif arrived_s - self._late_since_s >= self._limit_s:
            self.skipping, self._late_since_s, self._stuck = True, None, 0
            self._checked = (arrived_s, self.lag_s)
        return self.skipping

    def _go_on(self, arrived_s: float) -> None:
        began_s, lag_s = self._checked
        if self.lag_s <= self._limit_s * _CAUGHT_UP_SHARE:
            self.skipping = False
        elif arrived_s - began_s >= _CHECK_S:
            gained_s = lag_s - self.lag_s
            self._checked = (arrived_s, self.lag_s)
            self._stuck = 0 if gained_s > _GAIN_S else self._stuck + 1
            patience = 1 if gained_s > -_GAIN_S else _MOST_STUCK  # falling behind further may be want of any CPU
            if self._stuck >= patience:
                self._be_mistaken(arrived_s)

    def _be_mistaken(self, arrived_s: float) -> None:
        self._meter.accept()
        self._limit_s, self._mistaken_s = self._limit_s * 2, arrived_s
        self.lag_s, self.skipping = 0.0, False
