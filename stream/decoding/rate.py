"""How many per second, over the last seconds. Any thread."""

from __future__ import annotations

import threading
import time
from collections import deque


class RateMeter:
    """Counts events in a sliding window of `window_s` seconds; memory bounded by `most` stamps."""

    def __init__(self, window_s: float = 3.0, most: int = 512) -> None:
        self._window_s = window_s
        self._stamps: deque[float] = deque(maxlen=most)
        self._lock = threading.Lock()

    def tick(self, now_s: float | None = None) -> None:
        """One more, now (time.monotonic())."""
        with self._lock:
            self._stamps.append(time.monotonic() if now_s is None else now_s)

    def rate(self, now_s: float | None = None) -> float:
        """Events a second, from the intervals inside the window; 0.0 with fewer than two."""
        now_s = time.monotonic() if now_s is None else now_s
        with self._lock:
            while self._stamps and self._stamps[0] < now_s - self._window_s:
                self._stamps.popleft()
            if len(self._stamps) < 2:
                return 0.0
            elapsed_s = max(self._stamps[-1] - self._stamps[0], now_s - self._stamps[0] - 1.0)
            return (len(self._stamps) - 1) / elapsed_s if elapsed_s > 0 else 0.0
