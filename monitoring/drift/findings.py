"""Windows of samples compared with references: what differs, how surely and by how much. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.drift.features import BINS, Feature, Group
from monitoring.drift.hours import LabelHours, NumericHours, Whole
from monitoring.drift.scene import HOURS
from monitoring.drift.statistics import (
    F64,
    Scatter,
    chi2_p,
    combined,
    ks_p,
    largest_p,
    location_p,
    psi,
    total_variation,
)


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One feature of one window against its reference.

    effect: Kolmogorov-Smirnov distance, of categories the total variation distance; 0 to 1. p: of the null hypothesis
    that nothing but the reference's own scatter is at work. large: the effect is one to care about. now, reference:
    shares of the intervals between `edges` (none given: the feature's own), or of `labels`.
    """

    model: str
    feature: Feature
    window: str
    n: int
    n_effective: float
    effect: float
    p: float
    large: bool
    mean_now: float | None
    mean_reference: float | None
    now: F64
    reference: F64
    labels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def psi(self) -> float:
        """The population stability index."""
        return psi(self.now * self.n, self.reference * self.n)

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same hypothesis from one comparison to the next."""
        return self.model, self.feature.name, self.window


@dataclass(frozen=True, slots=True)
class LabelFindings:
    """A window's labels: the number of each among `names`, (n,), NaN where there is none."""

    codes: F64
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a window says something, and an effect is large by what it speaks of; of labels from `labels` on."""

    least_n: int
    effects: Mapping[Group, float]
    labels: float = 0.0

    def least_effect(self, feature: Feature) -> float:
        """From when on an effect is large."""
        of_labels = self.labels if feature.kind == "categorical" else 0.0
        return max(self.effects[feature.group], feature.least_effect, of_labels)


def rejected(findings: Sequence[DriftFinding], fdr: float) -> list[bool]:
    """Which of the null hypotheses ("nothing has changed") to reject, as one family (Benjamini and Hochberg 1995).

    On average at most `fdr` of the rejected ones are true, for positively dependent tests too (Benjamini and Yekutieli
    2001). Each p counts `doubt` times, so features weigh differently (Genovese, Roeder and Wasserman 2006).
    """
    if not findings:
        return []
    from scipy.stats import false_discovery_control  # 0.5 s and 20 MB: only for processes that compare

    weighted = [min(1.0, finding.p * finding.feature.doubt) for finding in findings]
    return [bool(adjusted <= fdr) for adjusted in false_discovery_control(weighted, method="bh")]


def compare_numbers(
    model: str, window: str, values: F64, hours: Whole, known: NumericHours, limits: Limits
) -> list[DriftFinding]:
    """values (n, features), NaN where one is missing; hours (n,): each hour's samples against that hour's reference.

    Features of which there is too little say nothing. The smaller p of the two tests counts, doubled for there being
    two.
    """
    there = np.isfinite(values)
    n = there.sum(axis=0).astype(float)
    weights = np.bincount(hours, minlength=HOURS) / max(1, len(hours))
    enough = np.maximum(1.0, n)
    places = known.places(np.where(there, values, 0.0)) + np.arange(len(known.features)) * BINS
    now = np.bincount(places[there], minlength=len(known.features) * BINS).reshape(-1, BINS) / enough[:, None]
    reference = _weighted(weights, known.shares)
    apart = np.abs(np.cumsum(now - reference, axis=1))
    effects, moved = apart.max(axis=1), apart.sum(axis=1) / (BINS - 1) * known.scales
    mean, between, within, days, samples = _weighted(weights, known.scatter)
    means, reference_means = np.where(there, values, 0.0).sum(axis=0) / enough, mean
    scatter = Scatter(between, within, days, samples)
    effective = np.asarray(scatter.effective(enough))
    shape = ks_p(effects, effective, scatter.of_reference())
    chances = np.minimum(1.0, 2 * np.minimum(shape, location_p(means - reference_means, scatter, enough)))
    least = np.maximum(known.least * known.scales, known.least_share * np.abs(reference_means))
    large = (effects >= [limits.least_effect(feature) for feature in known.features]) & (moved >= least)
    return [
        DriftFinding(
            model, feature, window, int(n[k]), float(effective[k]), float(effects[k]), float(chances[k]),
            bool(large[k]), float(means[k]), float(reference_means[k]), now[k], reference[k],
        )
        for k, feature in enumerate(known.features)
        if n[k] >= limits.least_n and known.known[k]
    ]  # fmt: skip


def compare_labels(
    model: str, feature: Feature, window: str, labels: LabelFindings, hours: Whole, known: LabelHours, limits: Limits
) -> DriftFinding | None:
    """As compare_numbers, for categories. A label that the reference has never seen is one more category."""
    there = np.isfinite(labels.codes)
    n = int(there.sum())
    if n < limits.least_n or not known.known:
        return None
    weights = np.bincount(hours[there], minlength=HOURS) / n
    counts = np.bincount(labels.codes[there].astype(int), minlength=len(labels.names))
    counted = {name: int(count) for name, count in zip(labels.names, counts, strict=True) if count}
    names = (*known.labels, *sorted(set(counted) - set(known.labels)))
    now = np.array([counted.get(name, 0) for name in names], float) / n
    reference = np.zeros(len(names))
    reference[: len(known.labels)] = _weighted(weights, known.shares)
    between = np.zeros(len(names))
    between[: len(known.labels)] = weights @ known.between
    all_between, within, days, samples = (float(value) for value in _weighted(weights, known.scatter))
    scatter = Scatter(all_between, within, days, samples)
    effective = float(scatter.effective(n))
    pooled = (n * now + samples * reference) / (n + samples)
    variance = between * (1 + 1 / max(1.0, days)) + pooled * (1 - pooled) * (1 / n + 1 / samples)
    effect = total_variation(now, reference)
    dof = float(scatter.dof(n))
    p = combined(chi2_p(now - reference, pooled, variance, dof), largest_p(now - reference, variance, dof))
    large = effect >= limits.least_effect(feature)
    return DriftFinding(model, feature, window, n, effective, effect, p, large, None, None, now, reference, names)


def _weighted(weights: F64, shares: F64) -> F64:
    """The mean over hours, (hours,) and (hours, …); most windows lie within one hour, or two."""
    there = np.flatnonzero(weights)
    total: F64 = weights[there[0]] * shares[there[0]]
    for hour in there[1:]:
        total = total + weights[hour] * shares[hour]
    return total
