"""When a failed delivery is tried again, and when it is given up. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

from monitoring.alerts.errors import DeliveryFailed

_JITTER = 0.25
_REFUSED_TRIES = 3
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter between `retry_min_s` and `retry_max_s`, until `give_up_s`."""

    retry_min_s: float
    retry_max_s: float
    give_up_s: float

    def next_try_ns(self, attempts: int, failure: DeliveryFailed, now_ns: int) -> int | None:
        """When to try again after `attempts` tries (1 or more); None when the target refuses the message for good.

        The wait doubles, shortened a little at random, so that targets that failed together are not tried together.
        A target that asks for a wait of its own gets it, up to ten times the longest.
        """
        if failure.refused and attempts >= _REFUSED_TRIES:
            return None
        wait_s = min(self.retry_max_s, self.retry_min_s * 2.0 ** min(attempts - 1, 60))
        wait_s *= 1.0 - _JITTER * random.random()
        if failure.retry_after_s is not None:
            wait_s = max(wait_s, min(failure.retry_after_s, self.retry_max_s * 10))
        return now_ns + int(wait_s * _NS)

    def wait_s(self, next_ns: int, now_ns: int) -> float:
        """Seconds until `next_ns`, never more than the longest wait: the wall clock may have been set back."""
        return min(max(0.0, (next_ns - now_ns) / _NS), self.retry_max_s * 10)

    def overdue_before_ns(self, now_ns: int) -> int:
        """Messages created before this time are given up when the target fails again."""
        return now_ns - int(self.give_up_s * _NS)
