"""Learns what a camera shows while it is commissioned: distributions and block means, by hour of the day. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from monitoring.drift.features import BINS, HOURS, Feature, hour_of
from monitoring.drift.reference.block_means import BlockMeans
from monitoring.drift.reference.finishing import finish_labels, finish_numbers
from monitoring.drift.reference.hourly import HourlyLabels, HourlyNumbers, side_by_side
from monitoring.drift.statistics import F64


class NumericReference:
    """One numeric feature. Only hours with samples take memory: most pushed streams last for minutes."""

    def __init__(self, feature: Feature, block_s: float) -> None:
        self._feature = feature
        self._histograms: dict[int, F64] = {}  # hour → (BINS,)
        self.totals: F64 = np.zeros(HOURS)
        self.block_means = BlockMeans(block_s)

    def add(self, at_s: float, value: float) -> None:
        """Add a sample."""
        hour = hour_of(at_s)
        number = min(BINS - 1, max(0, int(value * (BINS - 1) / self._feature.scale + 1e-9)))
        self._of(hour)[number] += 1
        self.totals[hour] += value
        self.block_means.add(at_s, value)

    @property
    def counts(self) -> F64:
        """Histograms, (HOURS, BINS); a copy."""
        counts = np.zeros((HOURS, BINS))
        for hour, histogram in self._histograms.items():
            counts[hour] = histogram
        return counts

    def dump(self) -> list[Any]:
        """JSON-able; histograms without their zeros."""
        counts = self.counts
        sparse = {str(number): int(counts.flat[number]) for number in np.flatnonzero(counts)}
        return [sparse, self.totals.round(4).tolist(), self.block_means.sums.round(6).tolist()]

    def restore(self, state: list[Any]) -> None:
        """Take back what `dump` returned."""
        sparse, totals, sums = state
        for number, count in sparse.items():
            hour, column = divmod(int(number), BINS)
            self._of(hour)[column] = count
        self.totals, self.block_means.sums = np.asarray(totals, float), np.asarray(sums, float)

    def _of(self, hour: int) -> F64:
        if hour not in self._histograms:
            self._histograms[hour] = np.zeros(BINS)
        return self._histograms[hour]


class LabelReference:
    """One categorical feature; each label's share is a value of its own that varies."""

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self.counts: dict[str, F64] = {}
        self.block_means: dict[str, BlockMeans] = {}
        self._block: list[tuple[float, str]] = []

    def add(self, at_s: float, label: str) -> None:
        """Add a sample. It counts for the other labels at the end of its block, when new ones are known too."""
        if label not in self.counts:
            self.counts[label] = np.zeros(HOURS)
        self.counts[label][hour_of(at_s)] += 1
        if self._block and int(self._block[0][0] // self._block_s) != int(at_s // self._block_s):
            self.flush()
        self._block.append((at_s, label))

    def flush(self) -> None:
        """End the current block: each of its samples has, or has not, each label seen so far."""
        for label in self.counts:
            means = self.block_means.setdefault(label, BlockMeans(self._block_s))
            for at_s, seen in self._block:
                means.add(at_s, float(seen == label))
            means.flush()
        self._block = []

    def finish(self, days: F64) -> HourlyLabels:
        """See finish_labels."""
        self.flush()
        names = tuple(sorted(self.counts))
        counts = np.array([self.counts[name] for name in names])
        return finish_labels(names, counts, np.stack([self.block_means[name].sums for name in names]), days)

    def dump(self) -> dict[str, Any]:
        """JSON-able, by label."""
        none = BlockMeans(self._block_s)
        return {
            label: [counts.tolist(), self.block_means.get(label, none).sums.round(6).tolist()]
            for label, counts in self.counts.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `dump` returned."""
        for label, (counts, sums) in state.items():
            self.counts[label] = np.asarray(counts, float)
            self.block_means[label] = BlockMeans(self._block_s)
            self.block_means[label].sums = np.asarray(sums, float)


@dataclass(slots=True)
class Reference:
    """The features of one kind of samples: `add` while commissioning; `finish` returns what to compare with."""

    features: dict[str, Feature]
    block_s: float
    numeric: dict[str, NumericReference] = field(default_factory=dict)
    labels: dict[str, LabelReference] = field(default_factory=dict)
    days: list[set[int]] = field(default_factory=lambda: [set() for _ in range(HOURS)])

    def add(self, at_s: float, numbers: dict[str, float], labels: dict[str, str]) -> None:
        """Add a sample, in order of time; unknown features are ignored."""
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

    def finish(self) -> tuple[HourlyNumbers | None, dict[str, HourlyLabels]]:
        """What was learnt. Hours with few samples use their neighbours', as far as necessary."""
        days = np.array([len(seen) for seen in self.days], float)
        numeric = [finish_numbers(one.counts, one.totals, one.block_means, days) for one in self.numeric.values()]
        features = tuple(self.features[name] for name in self.numeric)
        return (
            side_by_side(features, numeric) if features else None,
            {name: known.finish(days) for name, known in self.labels.items()},
        )

    def dump(self) -> dict[str, Any]:
        """JSON-able. The current block is lost with a restart."""
        return {
            "numeric": {name: known.dump() for name, known in self.numeric.items()},
            "labels": {name: known.dump() for name, known in self.labels.items()},
            "days": [sorted(seen) for seen in self.days],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `dump` returned; features that no longer exist are left out."""
        for name, dumped in state["numeric"].items():
            if name in self.features:
                self.numeric[name] = NumericReference(self.features[name], self.block_s)
                self.numeric[name].restore(dumped)
        for name, dumped in state["labels"].items():
            self.labels[name] = LabelReference(self.block_s)
            self.labels[name].restore(dumped)
        self.days = [set(seen) for seen in state["days"]]
