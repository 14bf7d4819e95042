"""Compares windows of samples with references: what differs, how surely and by how much. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.drift.features import BINS, HOURS, Feature
from monitoring.drift.reference.hourly import I64, HourlyLabels, HourlyNumbers
from monitoring.drift.statistics import (
    F64,
    VarianceComponents,
    chi2_p,
    combined,
    ks_p,
    largest_p,
    location_p,
    psi,
    total_variation,
)
from workers.bus.drift_report import Group


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One feature of one window against its reference.

    effect: Kolmogorov-Smirnov distance, for categories total variation distance; 0 to 1. p: of the null hypothesis that
    nothing but the reference's own variance is at work. large: whether the effect matters. now, reference: shares of
    the bins between `edges` (empty: the feature's own), or of `labels`.
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
        """Identifies the hypothesis from one comparison to the next."""
        return self.model, self.feature.name, self.window


@dataclass(frozen=True, slots=True)
class LabelWindow:
    """A window's labels: indices into `names`, (n,), NaN where there is none."""

    codes: F64
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class EffectLimits:
    """The smallest window that is compared, and the smallest large effect by group; `labels`: at least, for labels."""

    min_n: int
    effects: Mapping[Group, float]
    labels: float = 0.0

    def min_effect(self, feature: Feature) -> float:
        """The smallest effect of a feature that is large."""
        of_labels = self.labels if feature.kind == "categorical" else 0.0
        return max(self.effects[feature.group], feature.min_effect, of_labels)


@dataclass(frozen=True, slots=True)
class ComparedWindow:
    """A window of a model's samples: its name, the hour of each sample (n,), and what counts as large."""

    model: str
    name: str
    hours: I64
    limits: EffectLimits


def rejected(findings: Sequence[DriftFinding], fdr: float) -> list[bool]:
    """Which of the null hypotheses ("nothing has changed") to reject, as one family (Benjamini and Hochberg 1995).

    On average at most `fdr` of the rejected ones are true, for positively dependent tests too (Benjamini and Yekutieli
    2001). Each p is multiplied by `p_factor`, so features weigh differently (Genovese, Roeder and Wasserman 2006).
    """
    if not findings:
        return []
    from scipy.stats import false_discovery_control  # 0.5 s and 20 MB: only for processes that compare

    weighted = [min(1.0, finding.p * finding.feature.p_factor) for finding in findings]
    return [bool(adjusted <= fdr) for adjusted in false_discovery_control(weighted, method="bh")]


def compare_numbers(window: ComparedWindow, values: F64, known: HourlyNumbers) -> list[DriftFinding]:
    """values: (n, features), NaN where missing. Each sample is compared with the reference of its hour.

    Features with too few values are left out. The smaller p of the two tests counts, doubled as there are two.
    """
    present = np.isfinite(values)
    n = present.sum(axis=0).astype(float)
    weights = np.bincount(window.hours, minlength=HOURS) / max(1, len(window.hours))
    divisor = np.maximum(1.0, n)
    bins = known.bin_of(np.where(present, values, 0.0)) + np.arange(len(known.features)) * BINS
    now = np.bincount(bins[present], minlength=len(known.features) * BINS).reshape(-1, BINS) / divisor[:, None]
    reference = _weighted(weights, known.shares)
    differences = np.abs(np.cumsum(now - reference, axis=1))
    effects, shifts = differences.max(axis=1), differences.sum(axis=1) / (BINS - 1) * known.scales
    mean, between, within, days, samples = _weighted(weights, known.components)
    means, reference_means = np.where(present, values, 0.0).sum(axis=0) / divisor, mean
    variances = VarianceComponents(between, within, days, samples)
    effective = np.asarray(variances.effective(divisor))
    shape = ks_p(effects, effective, variances.reference_effective())
    p_values = np.minimum(1.0, 2 * np.minimum(shape, location_p(means - reference_means, variances, divisor)))
    min_shifts = np.maximum(known.min_shift * known.scales, known.min_shift_share * np.abs(reference_means))
    large = (effects >= [window.limits.min_effect(feature) for feature in known.features]) & (shifts >= min_shifts)
    return [
        DriftFinding(
            window.model, feature, window.name, int(n[k]), float(effective[k]), float(effects[k]), float(p_values[k]),
            bool(large[k]), float(means[k]), float(reference_means[k]), now[k], reference[k],
        )
        for k, feature in enumerate(known.features)
        if n[k] >= window.limits.min_n and known.known[k]
    ]  # fmt: skip


def compare_labels(
    window: ComparedWindow, feature: Feature, labels: LabelWindow, known: HourlyLabels
) -> DriftFinding | None:
    """As compare_numbers, for a categorical feature. A label that the reference does not have is one more category."""
    present = np.isfinite(labels.codes)
    n = int(present.sum())
    if n < window.limits.min_n or not known.known:
        return None
    weights = np.bincount(window.hours[present], minlength=HOURS) / n
    counts = np.bincount(labels.codes[present].astype(int), minlength=len(labels.names))
    counted = {name: int(count) for name, count in zip(labels.names, counts, strict=True) if count}
    names = (*known.labels, *sorted(set(counted) - set(known.labels)))
    now = np.array([counted.get(name, 0) for name in names], float) / n
    reference = np.zeros(len(names))
    reference[: len(known.labels)] = _weighted(weights, known.shares)
    between = np.zeros(len(names))
    between[: len(known.labels)] = weights @ known.between
    all_between, within, days, samples = (float(value) for value in _weighted(weights, known.components))
    variances = VarianceComponents(all_between, within, days, samples)
    effective = float(variances.effective(n))
    pooled = (n * now + samples * reference) / (n + samples)
    variance = between * (1 + 1 / max(1.0, days)) + pooled * (1 - pooled) * (1 / n + 1 / samples)
    effect = total_variation(now, reference)
    dof = float(variances.dof(n))
    p = combined(chi2_p(now - reference, pooled, variance, dof), largest_p(now - reference, variance, dof))
    large = effect >= window.limits.min_effect(feature)
    return DriftFinding(
        window.model, feature, window.name, n, effective, effect, p, large, None, None, now, reference, names
    )  # fmt: skip


def _weighted(weights: F64, shares: F64) -> F64:
    """The weighted mean over hours, of (hours,) and (hours, …); most windows lie within one hour, or two."""
    hours = np.flatnonzero(weights)
    total: F64 = weights[hours[0]] * shares[hours[0]]
    for hour in hours[1:]:
        total = total + weights[hour] * shares[hour]
    return total
