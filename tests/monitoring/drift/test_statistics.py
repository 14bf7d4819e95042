"""The tests against scipy's, and against simulated samples that resemble each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, stats

from monitoring.drift.comparison import DriftFinding, rejected
from monitoring.drift.features import Feature
from monitoring.drift.statistics import (
    VarianceComponents,
    autocorrelation_effective,
    chi2_p,
    ks_distance,
    ks_p,
    location_p,
    psi,
    total_variation,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def ar1(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    drawn = rng.normal(0, np.sqrt(1 - rho**2), n)
    drawn[0] = rng.normal()
    return np.asarray(signal.lfilter([1.0], [1.0, -rho], drawn))


def test_ks_is_scipys_on_independent_samples(rng: np.random.Generator) -> None:
    for shift in (0.0, 0.2, 0.5):
        a, b = rng.integers(0, 50, 300) + shift * 20, rng.integers(0, 50, 500)
        a = a.astype(int)
        ours = ks_distance(np.bincount(a, minlength=80).astype(float), np.bincount(b, minlength=80).astype(float))
        theirs = stats.ks_2samp(a, b, method="asymp")
        assert ours == pytest.approx(theirs.statistic, abs=1e-12)
        # Stephens' correction of the asymptotic distribution is not scipy's: the same but for a few per cent
        assert float(ks_p(ours, 300, 500)) == pytest.approx(theirs.pvalue, rel=0.35, abs=1e-9)


def test_ks_holds_its_level(rng: np.random.Generator) -> None:
    ps = []
    for _ in range(400):
        found = stats.ks_2samp(rng.normal(size=60), rng.normal(size=400), method="asymp")
        ps.append(float(ks_p(found.statistic, 60, 400)))
    assert 0.02 <= np.mean(np.array(ps) < 0.05) <= 0.08


def test_chi2_is_scipys_on_independent_samples() -> None:
    now, before = np.array([30.0, 50, 20]), np.array([120.0, 150, 30])
    theirs = stats.chi2_contingency(np.array([now, before]), correction=False)
    pooled = (now + before) / (now + before).sum()
    variance = pooled * (1 - pooled) * (1 / now.sum() + 1 / before.sum())
    ours = chi2_p(now / now.sum() - before / before.sum(), pooled, variance, 1e9)
    assert ours == pytest.approx(theirs.pvalue, rel=1e-6)


def test_chi2_needs_two_categories() -> None:
    assert chi2_p(np.array([0.0, 0.0]), np.array([1.0, 0.0]), np.array([0.0, 0.0]), 10) == 1.0


def test_location_is_students(rng: np.random.Generator) -> None:
    scatter = VarianceComponents(between=0.04, within=1.0, days=7, samples=5000)
    spread = np.sqrt(0.04 + 1 / 50 + 0.04 / 7 + 1 / 5000)
    assert location_p(0.7, scatter, 50) == pytest.approx(2 * stats.t.sf(0.7 / spread, scatter.dof(50)), rel=1e-9)
    assert float(location_p(0.0, VarianceComponents(0.0, 0.0, 7, 100), 50)) == 1.0
    assert float(location_p(0.1, VarianceComponents(0.0, 0.0, 7, 100), 50)) == 0.0


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_effective_samples_of_a_series(rng: np.random.Generator, rho: float) -> None:
    n = 2000
    expected = n * (1 - rho) / (1 + rho)
    found = np.mean([autocorrelation_effective(ar1(rng, n, rho)) for _ in range(40)])
    assert found == pytest.approx(expected, rel=0.15)


def test_effective_samples_have_bounds() -> None:
    assert autocorrelation_effective(np.ones(50)) == 50
    assert autocorrelation_effective(np.array([1.0, 2.0])) == 2
    assert float(VarianceComponents(1.0, 0.0, 7, 100).effective(100)) == 1
    assert float(VarianceComponents(0.0, 1.0, 7, 100).effective(100)) == 100


def test_plain_ks_cries_wolf_where_the_effective_one_does_not(rng: np.random.Generator) -> None:
    """The reason for all this: 200 samples of an autocorrelation_effective series against 20,000 of the same series."""
    plain, ours = 0, 0
    for _ in range(200):
        series = ar1(rng, 20_200, 0.97)
        before, now = series[:20_000], series[20_000:]
        statistic = stats.ks_2samp(now, before, method="asymp")
        plain += statistic.pvalue < 0.01
        worth = 200 * 0.03 / 1.97
        ours += float(ks_p(statistic.statistic, worth, worth * 100)) < 0.01
    assert plain > 120
    assert ours <= 8


ONE_BIN = np.ones(1)


def finding(p: float, p_factor: float) -> DriftFinding:
    feature = Feature("brightness", "picture", p_factor=p_factor)
    return DriftFinding("mask", feature, "hour", 50, 50.0, 0.5, p, True, None, None, ONE_BIN, ONE_BIN)


def test_rejected_weighs_features_and_takes_all_as_one_family() -> None:
    assert rejected([], 0.05) == []
    assert rejected([finding(0.04, 1.0), finding(0.03, 1.0)], 0.05) == [True, True]  # 0.03 alone is above 0.05 / 2
    assert rejected([finding(0.04, 1.0), finding(0.03, 2.0)], 0.05) == [False, False]
    assert rejected([finding(0.9, 5.0), finding(1e-6, 5.0)], 0.05) == [False, True]  # 4.5 counts as 1


def test_effects() -> None:
    same = np.array([10.0, 20, 30])
    assert psi(same, same * 7) == pytest.approx(0, abs=0.01)
    assert psi(np.array([80.0, 20]), np.array([50.0, 50])) > 0.25
    assert total_variation(np.array([80.0, 20]), np.array([5.0, 5])) == pytest.approx(0.3)
