"""The rate of frames and of results, as the pages show it: never 0 beside events that still come."""

from __future__ import annotations

import pytest

from stream.sources.health import RateMeter


def metered(times_s: list[float], now_s: float) -> float:
    meter = RateMeter(window_s=3.0)
    for time_s in times_s:
        meter.tick(time_s)
    return meter.rate(now_s)


@pytest.mark.parametrize(
    ("times_s", "now_s", "rate"),
    [
        ([], 1.0, 0.0),
        ([0.0], 0.1, 0.0),
        ([0.0, 0.04], 0.05, 25.0),
        ([index * 0.04 for index in range(200)], 8.0, 25.0),
        ([0.0, 5.0], 5.1, 0.2),
        ([0.0, 5.0], 9.9, 0.2),
        ([0.0, 5.0, 10.0], 14.0, 0.2),
        ([0.0, 5.0], 15.1, 0.0),
        ([0.0, 0.04, 60.0, 60.04, 60.08], 60.1, 25.0),
        ([index * 0.04 for index in range(200)], 11.1, 0.0),
    ],
    ids="nothing one two steady slow slow-late slower gone after-a-gap silent".split(),
)
def test_rate(times_s: list[float], now_s: float, rate: float) -> None:
    assert metered(times_s, now_s) == pytest.approx(rate, rel=0.25)
