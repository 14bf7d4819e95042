"""How a camera that is read too late catches up: its lag, and when packets are skipped for it. Pure.

A source that gets too little CPU falls behind in the buffers of sockets, its own and the camera's, where ages measured
from arrival on do not show it. The delay does: arrival by the monotonic clock, minus the packet's time. Clocks begin
anywhere, so it is compared with the least delay of the last minutes.
"""

from __future__ import annotations

import math
from collections import deque

_WINDOW_S = 600.0
"""Long, so that falling behind slowly does not become the norm; a camera's clock that is wrong by 50 ppm adds 30 ms."""
_BUCKET_S = 10.0
_CHECK_S = 1.0
_GAIN_S = 0.25
_MAX_STUCK_CHECKS = 3
_CAUGHT_UP_SHARE = 0.25


class LagMeter:
    """The lag of one session. One thread."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, float]] = deque()  # when it began, and its least delay
        self._delay_s = 0.0

    def note(self, arrived_s: float, time_us: int) -> float:
        """Note a packet of this time, read at `arrived_s` (time.monotonic()); returns how many seconds late it is."""
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
        """Take the delay of the newest packet as the normal one from now on."""
        began_s = self._buckets[-1][0] if self._buckets else 0.0
        self._buckets.clear()
        self._buckets.append((began_s, self._delay_s))


class CatchUpPolicy:
    """Decides when a stream skips packets instead of decoding them: late by more than `limit_s`, for that long.

    A burst after a network hiccup is over by then. A stream has caught up when it is late by a quarter of that. If the
    lag does not shrink although nothing is decoded, everything has been read: the network path became longer, or the
    camera's times are wrong, and this is the normal delay now. Each such mistake doubles the limit for a while: some
    cameras count 25 frames a second and send 15 at night, and must still be analysed. One thread.

    lag_s: of the newest packet, in seconds. skipping: whether packets are being skipped.
    """

    def __init__(self, limit_s: float) -> None:
        self._base_s = self._limit_s = limit_s
        self._meter = LagMeter()
        self._late_since_s: float | None = None
        self._checked = (0.0, 0.0)
        self._stuck = 0
        self._accepted_s = -math.inf
        self.lag_s = 0.0
        self.skipping = False

    def note(self, arrived_s: float, time_us: int) -> bool:
        """Note a packet; returns whether to skip it, and after it all packets before the next key frame."""
        self.lag_s = self._meter.note(arrived_s, time_us)
        if arrived_s - self._accepted_s > _WINDOW_S:
            self._limit_s = self._base_s
        if self.skipping:
            self._check_progress(arrived_s)
        elif self.lag_s <= self._limit_s:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = arrived_s
        elif arrived_s - self._late_since_s >= self._limit_s:
            self.skipping, self._late_since_s, self._stuck = True, None, 0
            self._checked = (arrived_s, self.lag_s)
        return self.skipping

    def _check_progress(self, arrived_s: float) -> None:
        began_s, lag_s = self._checked
        if self.lag_s <= self._limit_s * _CAUGHT_UP_SHARE:
            self.skipping = False
        elif arrived_s - began_s >= _CHECK_S:
            gained_s = lag_s - self.lag_s
            self._checked = (arrived_s, self.lag_s)
            self._stuck = 0 if gained_s > _GAIN_S else self._stuck + 1
            checks = 1 if gained_s > -_GAIN_S else _MAX_STUCK_CHECKS  # a growing lag may mean no CPU at all
            if self._stuck >= checks:
                self._accept_delay(arrived_s)

    def _accept_delay(self, arrived_s: float) -> None:
        self._meter.accept()
        self._limit_s, self._accepted_s = self._limit_s * 2, arrived_s
        self.lag_s, self.skipping = 0.0, False
