"""Plays a file at its own rate. Runs in its own thread (that of the source)."""

from __future__ import annotations

import threading
import time

_LATE_S = 0.5
_LONGEST_S = 10.0


class Pacer:
    """Waits until it is a packet's time. Late by more than half a second, it lets the past go instead of rushing."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._begun_s: float | None = None

    def wait(self, time_us: int) -> bool:
        """Return at the time of a packet (microseconds since the session began); False when told to stop."""
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s = now_s - time_us / 1e6
        ahead_s = self._begun_s + time_us / 1e6 - now_s
        if ahead_s < -_LATE_S or ahead_s > _LONGEST_S:
            self._begun_s = now_s - time_us / 1e6
            ahead_s = 0.0
        return not (self._stop.wait(ahead_s) if ahead_s > 0 else self._stop.is_set())
