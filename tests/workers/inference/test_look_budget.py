"""Looks that can wait get a share of a busy machine, and all of a calm one."""

from __future__ import annotations

from stream.decoding.shedding import CpuGauge
from workers.inference.look_budget import SHARE, LookBudget


class Gauge(CpuGauge):
    """As busy as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 1.0

    def busy(self) -> float:
        return self.share


def looks(budget: LookBudget, frames: int) -> int:
    """How many looks of 12 ms come with so many frames of 10 ms."""
    made = 0
    for _ in range(frames):
        budget.earn(0.01)
        if budget.allows():
            budget.spend(0.012)
            made += 1
    return made


def test_a_busy_machine_allows_a_share() -> None:
    budget = LookBudget(Gauge())
    saved_up = looks(budget, 200)
    assert 10 < saved_up < 40
    assert abs(looks(budget, 10_000) - SHARE * 10_000 * 0.01 / 0.012) <= 2


def test_looks_that_could_not_wait_are_paid_back_but_not_for_ever() -> None:
    budget = LookBudget(Gauge())
    for _ in range(1000):
        budget.spend(0.012)
    assert not budget.allows() and looks(budget, 1000) == 0
    assert looks(budget, 1000) > 0


def test_a_calm_machine_allows_all() -> None:
    gauge = Gauge()
    gauge.share = 0.5
    assert looks(LookBudget(gauge), 200) == 200
    assert looks(LookBudget(), 200) == 200
