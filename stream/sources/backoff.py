"""How long a lost camera waits before it is connected again. Pure; one thread at a time."""

from __future__ import annotations

import random

_JITTER = 0.25


class Backoff:
    """How long to wait before connecting again: doubles from `min_s` to `max_s`.

    Each wait is up to a quarter shorter, so that a hundred cameras do not return at the same instant. One thread.
    """

    def __init__(self, min_s: float, max_s: float) -> None:
        self._min_s = min_s
        self._max_s = max(min_s, max_s)
        self._next_s = min_s

    def next_s(self) -> float:
        """Seconds to wait now; the wait after this one is twice as long."""
        wait_s = self._next_s * (1.0 - _JITTER * random.random())
        self._next_s = min(self._max_s, self._next_s * 2)
        return max(self._min_s * (1.0 - _JITTER), wait_s)

    def reset(self) -> None:
        """The connection worked: begin with the shortest wait again."""
        self._next_s = self._min_s
