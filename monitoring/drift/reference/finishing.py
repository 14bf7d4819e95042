"""Finishes a learnt reference: hours with few samples use their neighbours', labels' shares are shrunk. Pure."""

from __future__ import annotations

import numpy as np

from monitoring.drift.features import HOURS
from monitoring.drift.reference.block_means import BlockMeans, ratio
from monitoring.drift.reference.hourly import HourlyFeature, HourlyLabels
from monitoring.drift.statistics import F64, moderated

_MIN_SAMPLES = 60
_MIN_BLOCKS = 12


def finish_numbers(own: F64, totals: F64, means: BlockMeans, days: F64) -> HourlyFeature:
    """own: histograms (hours, bins); totals: sums of values (hours,); days: on which each hour was seen (hours,)."""
    means.flush()
    weights = _neighbours(own.sum(axis=1), means.sums[0])
    counts = weights @ own
    samples = counts.sum(axis=1)
    between, within = means.variances(weights)
    repeated = _repetitions(weights, days)
    return HourlyFeature(
        shares=_shares(counts),
        mean=ratio(weights @ totals, samples, 0.0),
        between=_moderate(between, repeated),
        within=within,
        days=repeated,
        samples=samples,
        known=bool(samples.min() >= _MIN_SAMPLES),
    )


def finish_labels(names: tuple[str, ...], own: F64, sums: F64, days: F64) -> HourlyLabels:
    """own: counts (labels, hours); sums: of BlockMeans, (labels, ROWS, hours); days as above."""
    weights = _neighbours(own.sum(axis=0), np.max(sums[:, 0], axis=0))
    counts = weights @ own.T
    repeated = _repetitions(weights, days)
    samples = counts.sum(axis=1)
    all_day = np.tile(own.sum(axis=1) / own.sum(), (HOURS, 1))
    by_chance = (all_day * (1 - all_day)).sum(axis=1) / np.maximum(1.0, samples)
    error = by_chance + _between_blocks(sums, all_day).sum(axis=1) / repeated
    shares = _shrunk(_shares(counts), error)
    between = _between_blocks(sums, shares)
    within = (shares * (1 - shares)).sum(axis=1)
    return HourlyLabels(
        labels=names,
        shares=shares,
        between=between,
        components=np.stack([between.sum(axis=1), within, repeated, samples], axis=1),
        known=bool(samples.min() >= _MIN_SAMPLES),
    )


def _neighbours(samples: F64, blocks: F64) -> F64:
    """(hours, hours) of 0 and 1: each hour itself, and as many around it as it takes to have enough samples."""
    weights = np.zeros((HOURS, HOURS))
    for hour in range(HOURS):
        for reach in range(HOURS // 2 + 1):
            near = [(hour + step) % HOURS for step in range(-reach, reach + 1)][:HOURS]
            if samples[near].sum() >= _MIN_SAMPLES and blocks[near].sum() >= _MIN_BLOCKS:
                break
        weights[hour, near] = 1
    return weights


def _moderate(between: F64, days: F64) -> F64:
    """Each hour's variance, shrunk towards the median of all hours', more so the fewer days it was measured on.

    Never below half of its own: hours differ, dawn from noon.
    """
    measured = between[between > 0]
    pooled = float(np.median(measured)) if len(measured) else 0.0
    return np.array(
        [max(own / 2, moderated(own, max(1.0, few - 1), pooled)) for own, few in zip(between, days, strict=True)]
    )


def _between_blocks(sums: F64, shares: F64) -> F64:
    """The variance of labels' shares between blocks beyond chance, (hours, labels).

    People come in groups, so shares p vary by more than p (1 - p) / n. The factor is much the same at all hours and for
    all labels, so there is one for all (the beta-binomial's; Crowder 1978), blocks weighing as much as they know of it.
    An hour with surely more variance keeps its own. sums: of BlockMeans, (labels, ROWS, hours).
    """
    blocks, means, squares, _, _, inverse = (part.T for part in sums.transpose(1, 0, 2))
    chance = shares * (1 - shares)
    free = np.maximum(0.0, blocks - 1)
    around = np.maximum(0.0, squares - np.divide(means**2, blocks, out=np.zeros_like(means), where=blocks > 0))
    of_means = ratio(around, free, 0.0)
    mean_inverse = ratio(inverse, blocks, 1.0)
    own = of_means - chance * mean_inverse
    precision = free / mean_inverse**2
    all_chance = float((precision * chance).sum())
    factor = max(0.0, float((precision * own).sum()) / all_chance) if all_chance > 0 else 0.0
    surely = own - 2 * of_means * np.sqrt(2 / np.maximum(1.0, free))
    between: F64 = np.maximum(factor * chance, np.where(free > 0, surely, 0.0))
    return between


def _shares(counts: F64) -> F64:
    samples = counts.sum(axis=1, keepdims=True)
    divided: F64 = np.divide(counts, samples, out=np.zeros_like(counts), where=samples > 0)
    return divided


def _shrunk(shares: F64, error: F64) -> F64:
    """Hours' shares of labels, (hours, labels), shrunk towards the whole day's unless hours surely differ.

    An hour of one week is a few days' worth and off by chance; where all hours are alike, the day knows better. How
    much they differ beyond chance is estimated by moments (DerSimonian and Laird 1986). error: an hour's variance,
    summed over labels, if all hours were alike; (hours,).
    """
    if (error <= 0).any():
        return shares  # there is only one label
    worth = 1 / error
    mean = worth @ shares / worth.sum()
    scattered = float(worth @ ((shares - mean) ** 2).sum(axis=1))
    differ = max(0.0, scattered - (HOURS - 1)) / (worth.sum() - (worth**2).sum() / worth.sum())
    own = (differ / (differ + error))[:, None]
    shrunk: F64 = own * shares + (1 - own) * mean
    return shrunk


def _repetitions(weights: F64, days: F64) -> F64:
    """On how many days each hour was seen, with the hours that it uses."""
    repeated: F64 = np.maximum(1.0, (weights @ days) / np.maximum(1, weights @ (days > 0)))
    return repeated
