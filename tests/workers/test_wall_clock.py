"""The wall clock that is checked: leaps, there and back, for good, and small steps."""

from __future__ import annotations

from workers.wall_clock import BELIEVED_NS, WallClock

S = 10**9
DAY = 86_400 * S


class Clocks:
    """A wall clock and one that only goes forward, moved by hand."""

    def __init__(self) -> None:
        self.wall_ns = 1_790_000_000 * S
        self.elapsed_ns = 5_000 * S
        self.clock = WallClock(lambda: self.wall_ns, lambda: self.elapsed_ns)

    def run(self, span_ns: int) -> None:
        """Both go on."""
        self.wall_ns += span_ns
        self.elapsed_ns += span_ns


def test_a_leap_is_seen_and_so_is_the_way_back() -> None:
    for leap_ns in (40 * DAY, -40 * DAY):
        clocks = Clocks()
        clocks.run(600 * S)
        before_ns = clocks.clock.now_ns()
        assert (before_ns, clocks.clock.leap_ns()) == (clocks.wall_ns, 0)
        clocks.wall_ns += leap_ns
        clocks.run(60 * S)
        assert (clocks.clock.leap_ns(), clocks.clock.now_ns()) == (leap_ns, before_ns + 60 * S)
        clocks.run(240 * S)
        assert clocks.clock.now_ns() == before_ns + 300 * S
        clocks.wall_ns -= leap_ns
        clocks.run(1 * S)
        assert (clocks.clock.leap_ns(), clocks.clock.now_ns()) == (0, clocks.wall_ns)


def test_a_clock_that_stays_where_it_leapt_to_is_believed_after_a_day() -> None:
    clocks = Clocks()
    clocks.wall_ns += 3 * DAY
    for _ in range(24):
        assert clocks.clock.leap_ns() == 3 * DAY
        clocks.run(BELIEVED_NS // 24)
    assert (clocks.clock.leap_ns(), clocks.clock.now_ns()) == (0, clocks.wall_ns)


def test_a_day_begins_anew_with_each_leap() -> None:
    clocks = Clocks()
    clocks.wall_ns += 3 * DAY
    assert clocks.clock.leap_ns() == 3 * DAY
    clocks.run(BELIEVED_NS - 1)
    clocks.wall_ns += 2 * DAY
    assert clocks.clock.leap_ns() == 5 * DAY
    clocks.run(BELIEVED_NS - 1)
    assert clocks.clock.leap_ns() == 5 * DAY
    clocks.run(1)
    assert clocks.clock.leap_ns() == 0


def test_small_steps_are_corrections() -> None:
    clocks = Clocks()
    for _ in range(100):
        clocks.run(3600 * S)
        clocks.wall_ns += 300 * S
        assert (clocks.clock.leap_ns(), clocks.clock.now_ns()) == (0, clocks.wall_ns)
