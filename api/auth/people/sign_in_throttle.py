"""Slows down whoever guesses passwords: each failure doubles the wait, by account and by address. Pure but its clock.

Nobody is locked out for good: a wait is a minute at most, and an address from which somebody has signed in before waits
for its own failures only, so that others' guesses at a name do not keep its owner out. In memory: each process counts
for itself, and a restart forgets.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_S = 60.0
FORGOTTEN_S = 900.0
_MOST = 20_000


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at signing in; its account is told by its name as it is compared, whether there is one or not."""

    name_key: str
    address: str


class SignInThrottle:
    """`begin` each attempt, and call `succeeded` for one that did: until then it counts as failed, so that many at once
    gain nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._trusted: OrderedDict[Attempt, None] = OrderedDict()

    def begin(self, attempt: Attempt) -> float:
        """0, or the seconds after which to try again: then it does not count."""
        now_s, limits = self._clock(), self._limits(attempt)
        wait_s = max(self._wait_s(key, free, now_s) for key, free in limits.items())
        if wait_s > 0:
            return wait_s
        for key in limits:
            known = self._failures.get(key)
            count = known.count if known is not None and now_s - known.last_s < FORGOTTEN_S else 0
            self._failures[key] = _Failures(count + 1, now_s)
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST:
            self._failures.popitem(last=False)
        return 0.0

    def succeeded(self, attempt: Attempt) -> None:
        """It was right: its failures are forgotten; those of its address are counted one less only."""
        for key in self._limits(attempt):
            if key[0] == "address" and (known := self._failures.get(key)) is not None:
                known.count -= 1
            else:
                self._failures.pop(key, None)
        self._trusted[attempt] = None
        self._trusted.move_to_end(attempt)
        while len(self._trusted) > _MOST:
            self._trusted.popitem(last=False)

    def _limits(self, attempt: Attempt) -> dict[tuple[str, str], int]:
        """What is counted, with the failures that are free: people mistype, and many may share an address."""
        if attempt in self._trusted:
            return {("both", f"{attempt.address} {attempt.name_key}"): 3}
        return {("name", attempt.name_key): 3, ("address", attempt.address): 10}

    def _wait_s(self, key: tuple[str, str], free: int, now_s: float) -> float:
        known = self._failures.get(key)
        if known is None or known.count < free or now_s - known.last_s >= FORGOTTEN_S:
            return 0.0
        delay_s: float = min(LONGEST_S, 2.0 ** min(known.count - free, 10))
        return known.last_s + delay_s - now_s
