"""The wall clock, checked against the clock that counts since boot: it may leap, and come back. Any thread.

What deletes or gives up by age asks here. While the wall clock has leapt, `now_ns` goes on from the time before the
leap; a clock that stays where it leapt to is believed after a day. A machine that was suspended makes no leap
(CLOCK_BOOTTIME counts on).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

TOLERANCE_NS = 15 * 60 * 10**9
"""Smaller steps are corrections: NTP makes them after a start."""

BELIEVED_NS = 24 * 3600 * 10**9
"""A clock that runs on where it leapt to for as long is right."""


def since_boot_ns() -> int:
    """Nanoseconds that only go forward, time asleep included where the system counts it."""
    try:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):
        return time.monotonic_ns()


class WallClock:
    """Nanoseconds since 1970 that can be trusted."""

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, elapsed_ns: Callable[[], int] = since_boot_ns
    ) -> None:
        self._wall_ns = wall_ns
        self._elapsed_ns = elapsed_ns
        self._lock = threading.Lock()
        self._trusted = self._leapt = (wall_ns(), elapsed_ns())
        self._leap_ns = 0

    def now_ns(self) -> int:
        """The wall clock; while it has leapt, what it would say if it had not."""
        with self._lock:
            return self._check()

    def leap_ns(self) -> int:
        """How far the wall clock is ahead of where it should be (negative: behind); 0 while it can be trusted."""
        with self._lock:
            self._check()
            return self._leap_ns

    def _check(self) -> int:
        wall_ns, elapsed_ns = self._wall_ns(), self._elapsed_ns()
        expected_ns = self._trusted[0] + elapsed_ns - self._trusted[1]
        leap_ns = wall_ns - expected_ns
        if abs(leap_ns) <= TOLERANCE_NS:
            if self._leap_ns:
                log.info("wall_clock_is_back", after_leap_s=round(self._leap_ns / 1e9))
            self._trusted, self._leap_ns = (wall_ns, elapsed_ns), 0
            return wall_ns
        if abs(leap_ns - self._leap_ns) > TOLERANCE_NS:  # it has just leapt, or leapt again
            log.warning("wall_clock_leapt", leap_s=round(leap_ns / 1e9))
            self._leapt = (wall_ns, elapsed_ns)
        elif elapsed_ns - self._leapt[1] >= BELIEVED_NS:
            log.warning("wall_clock_believed", leap_s=round(leap_ns / 1e9))
            self._trusted, self._leap_ns = (wall_ns, elapsed_ns), 0
            return wall_ns
        self._leap_ns = leap_ns
        return expected_ns
