"""What a camera showed while it was commissioned, by hour of the day: the distributions, and how block means scatter.

Samples are gathered in blocks of time as long as the window that will be compared. The scatter of blocks' means holds
everything that makes samples alike: the same people again and again, clouds, a lamp, one day and the next. So nothing
need be assumed about autocorrelation; it is measured where it acts (batch means; Flegal and Jones 2010). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from monitoring.drift.features import BINS, Feature
from monitoring.drift.hours import FeatureHours, LabelHours, NumericHours, stacked
from monitoring.drift.scene import HOURS, hour_of
from monitoring.drift.statistics import F64, moderated

_LEAST_SAMPLES = 60
_LEAST_BLOCKS = 12


@dataclass(slots=True)
class _Block:
    """The block that is being filled: its number since the epoch, and sums of what fell into it."""

    number: int = -1
    n: int = 0
    total: float = 0.0
    squares: float = 0.0


class Scatterings:
    """Block means of one value by hour: how many, their sum and squares, and the squares within blocks."""

    ROWS = 6  # blocks, sum of means, of their squares, sum of squares within, its degrees of freedom, sum of 1/n

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self._block = _Block()
        self.sums: F64 = np.zeros((self.ROWS, HOURS))

    def add(self, at_s: float, value: float) -> None:
        """One more sample, in order of time."""
        number = int(at_s // self._block_s)
        if number != self._block.number:
            self.flush()
            self._block.number = number
        block = self._block
        block.n += 1
        block.total += value
        block.squares += value * value

    def flush(self) -> None:
        """The block is over."""
        block = self._block
        if block.n:
            mean = block.total / block.n
            within = max(0.0, block.squares - block.total * mean)
            hour = hour_of(block.number * self._block_s)
            self.sums[:, hour] += (1, mean, mean * mean, within, block.n - 1, 1 / block.n)
        self._block = _Block()

    def variances(self, weights: F64) -> tuple[F64, F64]:
        """Between and within blocks, each (hours,); `weights` (hours, hours): whose blocks an hour goes by."""
        blocks, means, squares, within, free, inverse = self.sums
        own_mean = np.divide(means, blocks, out=np.zeros(HOURS), where=blocks > 0)
        around = np.maximum(0.0, squares - blocks * own_mean**2)  # each hour's around its own mean
        hours = (blocks > 0).astype(float)
        pooled_within = _ratio(weights @ within, weights @ free, within.sum() / max(1.0, free.sum()))
        of_means = _ratio(weights @ around, weights @ np.maximum(0.0, blocks - hours), 0.0)
        mean_inverse = _ratio(weights @ inverse, weights @ blocks, 1.0)
        between: F64 = np.maximum(0.0, of_means - pooled_within * mean_inverse)
        return between, pooled_within


def _ratio(above: F64, below: F64, otherwise: float) -> F64:
    divided: F64 = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return divided


class NumericReference:
    """One numeric feature. Only hours that were seen take room: most streams that are pushed last for minutes."""

    def __init__(self, feature: Feature, block_s: float) -> None:
        self._feature = feature
        self._seen: dict[int, F64] = {}  # hour → histogram (BINS,)
        self.totals: F64 = np.zeros(HOURS)
        self.scatterings = Scatterings(block_s)

    def add(self, at_s: float, value: float) -> None:
        """One more sample."""
        hour = hour_of(at_s)
        place = min(BINS - 1, max(0, int(value * (BINS - 1) / self._feature.scale + 1e-9)))
        self._of(hour)[place] += 1
        self.totals[hour] += value
        self.scatterings.add(at_s, value)

    @property
    def counts(self) -> F64:
        """Histograms, (HOURS, BINS); a copy."""
        counts = np.zeros((HOURS, BINS))
        for hour, histogram in self._seen.items():
            counts[hour] = histogram
        return counts

    def restore(self, counts: dict[str, float], totals: list[float], sums: list[list[float]]) -> None:
        """What Reference.dump gave of it."""
        for place, count in counts.items():
            hour, interval = divmod(int(place), BINS)
            self._of(hour)[interval] = count
        self.totals, self.scatterings.sums = np.asarray(totals, float), np.asarray(sums, float)

    def _of(self, hour: int) -> F64:
        if hour not in self._seen:
            self._seen[hour] = np.zeros(BINS)
        return self._seen[hour]


class LabelReference:
    """One categorical feature; each label's share is a value of its own that scatters."""

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self.counts: dict[str, F64] = {}
        self.scatterings: dict[str, Scatterings] = {}
        self._blocks: list[tuple[float, str]] = []

    def add(self, at_s: float, label: str) -> None:
        """One more sample. Labels that it is not are told when the block is over, so that a new one comes in time."""
        if label not in self.counts:
            self.counts[label] = np.zeros(HOURS)
        self.counts[label][hour_of(at_s)] += 1
        if self._blocks and int(self._blocks[0][0] // self._block_s) != int(at_s // self._block_s):
            self.flush()
        self._blocks.append((at_s, label))

    def flush(self) -> None:
        """The block is over: each label seen so far is there or not in each of its samples."""
        for label in self.counts:
            scatterings = self.scatterings.setdefault(label, Scatterings(self._block_s))
            for at_s, seen in self._blocks:
                scatterings.add(at_s, float(seen == label))
            scatterings.flush()
        self._blocks = []


@dataclass(slots=True)
class Reference:
    """The features of samples that come together: `add` while commissioning, `finish` gives what to compare with."""

    features: dict[str, Feature]
    block_s: float
    numeric: dict[str, NumericReference] = field(default_factory=dict)
    labels: dict[str, LabelReference] = field(default_factory=dict)
    days: list[set[int]] = field(default_factory=lambda: [set() for _ in range(HOURS)])

    def add(self, at_s: float, numbers: dict[str, float], labels: dict[str, str]) -> None:
        """One more sample, in order of time; features that are none of ours do not count."""
        self.days[hour_of(at_s)].add(int(at_s // 86400))
        for name, value in numbers.items():
            if name in self.features:
                known = self.numeric.get(name)
                if known is None:
                    known = self.numeric[name] = NumericReference(self.features[name], self.block_s)
                known.add(at_s, value)
        for name, label in labels.items():
            if name in self.features:
                self.labels.setdefault(name, LabelReference(self.block_s)).add(at_s, label)

    def finish(self) -> tuple[NumericHours | None, dict[str, LabelHours]]:
        """What was learnt. Hours with little of their own take their neighbours', as far as need be."""
        days = np.array([len(seen) for seen in self.days], float)
        numeric = [self._finish_numbers(known, days) for known in self.numeric.values()]
        features = tuple(self.features[name] for name in self.numeric)
        return (
            stacked(features, numeric) if features else None,
            {name: self._finish_labels(known, days) for name, known in self.labels.items()},
        )

    def _finish_numbers(self, known: NumericReference, days: F64) -> FeatureHours:
        known.scatterings.flush()
        own = known.counts
        weights = _neighbours(own.sum(axis=1), known.scatterings.sums[0])
        counts = weights @ own
        samples = counts.sum(axis=1)
        between, within = known.scatterings.variances(weights)
        repeated = _repetitions(weights, days)
        return FeatureHours(
            shares=_shares(counts),
            mean=_ratio(weights @ known.totals, samples, 0.0),
            between=_moderate(between, repeated),
            within=within,
            days=repeated,
            samples=samples,
            known=bool(samples.min() >= _LEAST_SAMPLES),
        )

    def _finish_labels(self, categories: LabelReference, days: F64) -> LabelHours:
        categories.flush()
        names = tuple(sorted(categories.counts))
        each = np.array([categories.counts[name] for name in names])
        blocks = np.max([categories.scatterings[name].sums[0] for name in names], axis=0)
        weights = _neighbours(each.sum(axis=0), blocks)
        counts = weights @ each.T
        sums = np.stack([categories.scatterings[name].sums for name in names])
        repeated = _repetitions(weights, days)
        samples = counts.sum(axis=1)
        alike = np.tile(each.sum(axis=1) / each.sum(), (HOURS, 1))
        by_chance = (alike * (1 - alike)).sum(axis=1) / np.maximum(1.0, samples)
        error = by_chance + _of_shares(sums, alike).sum(axis=1) / repeated
        shares = _drawn_together(_shares(counts), error)
        between = _of_shares(sums, shares)
        within = (shares * (1 - shares)).sum(axis=1)
        return LabelHours(
            labels=names,
            shares=shares,
            between=between,
            scatter=np.stack([between.sum(axis=1), within, repeated, samples], axis=1),
            known=bool(samples.min() >= _LEAST_SAMPLES),
        )

    def dump(self) -> dict[str, Any]:
        """JSON-able; histograms without their zeros. The block that is being filled is lost with a restart."""
        return {
            "numeric": {
                name: [_sparse(known.counts), known.totals.round(4).tolist(), known.scatterings.sums.round(6).tolist()]
                for name, known in self.numeric.items()
            },
            "labels": {
                name: {
                    label: [
                        known.counts[label].tolist(),
                        known.scatterings.get(label, Scatterings(self.block_s)).sums.round(6).tolist(),
                    ]
                    for label in known.counts
                }
                for name, known in self.labels.items()
            },
            "days": [sorted(seen) for seen in self.days],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """What `dump` gave; features that are no more are left out."""
        for name, (counts, totals, sums) in state["numeric"].items():
            if name in self.features:
                self.numeric[name] = NumericReference(self.features[name], self.block_s)
                self.numeric[name].restore(counts, totals, sums)
        for name, categories in state["labels"].items():
            own = self.labels[name] = LabelReference(self.block_s)
            for label, (counts, sums) in categories.items():
                own.counts[label] = np.asarray(counts, float)
                own.scatterings[label] = Scatterings(self.block_s)
                own.scatterings[label].sums = np.asarray(sums, float)
        self.days = [set(seen) for seen in state["days"]]


def _neighbours(samples: F64, blocks: F64) -> F64:
    """(hours, hours) of 0 and 1: each hour itself, and as many beside it as it takes to know something."""
    weights = np.zeros((HOURS, HOURS))
    for hour in range(HOURS):
        for reach in range(HOURS // 2 + 1):
            near = [(hour + step) % HOURS for step in range(-reach, reach + 1)][:HOURS]
            if samples[near].sum() >= _LEAST_SAMPLES and blocks[near].sum() >= _LEAST_BLOCKS:
                break
        weights[hour, near] = 1
    return weights


def _moderate(between: F64, days: F64) -> F64:
    """Each hour's variance drawn towards the middle of all hours', more so the fewer days it was measured on.

    Never below the half of its own: hours differ, dawn from noon.
    """
    measured = between[between > 0]
    pooled = float(np.median(measured)) if len(measured) else 0.0
    return np.array(
        [max(own / 2, moderated(own, max(1.0, few - 1), pooled)) for own, few in zip(between, days, strict=True)]
    )


def _of_shares(sums: F64, shares: F64) -> F64:
    """How labels' shares scatter between blocks beyond chance, (hours, labels).

    People alike come together, so shares p scatter more than p (1 - p) / n; by how much is much the same at all hours
    and for all labels: one factor for all (the beta-binomial's; Crowder 1978), blocks counting as precisely as they
    know it. An hour that is surely rougher than that keeps its own. sums: Scatterings', (labels, …, hours).
    """
    blocks, means, squares, _, _, inverse = (part.T for part in sums.transpose(1, 0, 2))
    chance = shares * (1 - shares)
    free = np.maximum(0.0, blocks - 1)
    around = np.maximum(0.0, squares - np.divide(means**2, blocks, out=np.zeros_like(means), where=blocks > 0))
    of_means = _ratio(around, free, 0.0)
    mean_inverse = _ratio(inverse, blocks, 1.0)
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


def _drawn_together(shares: F64, error: F64) -> F64:
    """Hours' shares of labels, (hours, labels), drawn towards the whole day's as far as hours do not surely differ.

    An hour of one week is a few days' worth and off by chance; where all hours are alike, the day knows better. How
    much they differ beyond chance is estimated by moments (DerSimonian and Laird 1986). error: an hour's variance,
    summed over labels, were all hours alike; (hours,).
    """
    if (error <= 0).any():
        return shares  # there is one label only
    worth = 1 / error
    mean = worth @ shares / worth.sum()
    scattered = float(worth @ ((shares - mean) ** 2).sum(axis=1))
    differ = max(0.0, scattered - (HOURS - 1)) / (worth.sum() - (worth**2).sum() / worth.sum())
    own = (differ / (differ + error))[:, None]
    drawn: F64 = own * shares + (1 - own) * mean
    return drawn


def _repetitions(weights: F64, days: F64) -> F64:
    """On how many days each hour was seen, those that it goes by included."""
    repeated: F64 = np.maximum(1.0, (weights @ days) / np.maximum(1, weights @ (days > 0)))
    return repeated


def _sparse(counts: F64) -> dict[str, int]:
    return {str(place): int(counts.flat[place]) for place in np.flatnonzero(counts)}
