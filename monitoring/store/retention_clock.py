"""Before which time things are too old to keep, and whether the clock that says so can be trusted. Any thread.

Deleting is for good, so it waits: while the wall clock has leapt, and for an hour after a start at which the newest
event is so much older than the clock that either nothing happened for long or the clock is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from monitoring.store.settings import RetentionSettings
from monitoring.store.writes import DAY_NS
from workers.wall_clock import WallClock, since_boot_ns

_GAP_SHARE = 0.1
"""Of the time that events are kept: a gap before a start that may be a wrong clock."""

_WAIT_NS = 3600 * 10**9


class Expiry:
    """`before_ns` for whatever deletes by age; what `problem` says belongs into readiness."""

    def __init__(
        self, settings: RetentionSettings, clock: WallClock, elapsed_ns: Callable[[], int] = since_boot_ns
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._kept_ns = int(settings.days * DAY_NS)
        self._elapsed_ns = elapsed_ns
        self._newest_ns: int | None = None
        self._waits_until_ns: int | None = None

    def begin(self, newest_ns: int | None) -> None:
        """At the start; `newest_ns`: the time of the newest event that an earlier run stored."""
        self._newest_ns = newest_ns
        self._waits_until_ns = None if newest_ns is None else self._elapsed_ns() + _WAIT_NS

    def before_ns(self) -> int | None:
        """What is older is to be deleted; None while the clock cannot be trusted."""
        now_ns = self.clock.now_ns()
        return None if self.clock.leap_ns() or self._gap_ns(now_ns) else now_ns - self._kept_ns

    def problem(self) -> str | None:
        """Why nothing is deleted now; None when things are."""
        now_ns = self.clock.now_ns()
        if leap_ns := self.clock.leap_ns():
            direction = "ahead" if leap_ns > 0 else "back"
            return (
                f"the clock leapt {_span(abs(leap_ns))} {direction}; set it right, or wait a day until it is believed"
            )
        if gap_ns := self._gap_ns(now_ns):
            return f"the newest event is {_span(gap_ns)} older than the clock; if the clock is right, wait an hour"
        return None

    def _gap_ns(self, now_ns: int) -> int:
        """How much older the newest event before the start is than the clock, if that is suspicious; else 0."""
        if self._newest_ns is None or self._waits_until_ns is None:
            return 0
        gap_ns = now_ns - self._newest_ns
        if self._elapsed_ns() >= self._waits_until_ns:
            self._newest_ns = None
            return 0
        return gap_ns if gap_ns > max(self._kept_ns * _GAP_SHARE, _WAIT_NS) else 0


def _span(span_ns: int) -> str:
    hours = span_ns / 3600e9
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"
