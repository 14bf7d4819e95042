"""When what could not be told is tried again, and when it is given up. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

from monitoring.alerts.errors import Undelivered

_JITTER = 0.25
_REFUSED_TRIES = 3
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on, and how fast."""

    retry_min_s: float
    retry_max_s: float
    give_up_s: float


def next_try_ns(attempts: int, failure: Undelivered, patience: RetryPolicy, now_ns: int) -> int | None:
    """When to try again after `attempts` (1 or more) tries; None: the message is refused for good.

    The wait doubles, each a little shorter by chance, so that targets that failed together are not tried together.
    A target that names its own time gets it, up to ten times the longest wait.
    """
    if failure.refused and attempts >= _REFUSED_TRIES:
        return None
    wait_s = min(patience.retry_max_s, patience.retry_min_s * 2.0 ** min(attempts - 1, 60))
    wait_s *= 1.0 - _JITTER * random.random()
    if failure.retry_after_s is not None:
        wait_s = max(wait_s, min(failure.retry_after_s, patience.retry_max_s * 10))
    return now_ns + int(wait_s * _NS)


def wait_s(next_ns: int, now_ns: int, patience: RetryPolicy) -> float:
    """Seconds until then; never longer than a wait can be, whatever became of the clock meanwhile."""
    return min(max(0.0, (next_ns - now_ns) / _NS), patience.retry_max_s * 10)


def overdue_before_ns(patience: RetryPolicy, now_ns: int) -> int:
    """What was to be told before then is given up when the target has failed again."""
    return now_ns - int(patience.give_up_s * _NS)
