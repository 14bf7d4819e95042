"""Backoff doubles, jitters, and begins anew."""

from __future__ import annotations

from stream.sources.backoff import Backoff


def test_doubles_up_to_the_most_with_jitter() -> None:
    backoff = Backoff(0.5, 30.0)
    waits = [backoff.next_s() for _ in range(10)]
    for wait_s, full_s in zip(waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30], strict=True):
        assert 0.75 * full_s <= wait_s <= full_s
    assert len({round(wait_s, 9) for wait_s in waits[6:]}) == 4
    backoff.reset()
    assert backoff.next_s() <= 0.5


def test_a_most_below_the_least_is_the_least() -> None:
    backoff = Backoff(2.0, 1.0)
    assert [1.5 <= backoff.next_s() <= 2.0 for _ in range(3)] == [True] * 3
