"""The newest samples as columns of numbers, so that windows are compared without a loop over them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitoring.drift.features import Feature
from monitoring.drift.sampler import DriftSample
from monitoring.drift.statistics import F64

_MIN_CAPACITY = 16


@dataclass(frozen=True, slots=True)
class Window:
    """The newest samples: all of the last `seconds`, and more until there are `count`; none older than `max_age_s`.

    every_s: how often it is compared. block_s: about what it spans, for the reference's blocks. labels_effect: the
    smallest large effect on its labels.
    """

    name: str
    seconds: float
    count: int
    max_age_s: float
    every_s: float = 0.0
    block_s: float = 600.0
    labels_effect: float = 0.0


class RecentSamples:
    """Samples in order of time: a row each, a column per feature, NaN where missing; labels as indices."""

    def __init__(self, features: Iterable[Feature], windows: tuple[Window, ...]) -> None:
        self.names = [feature.name for feature in features]
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._windows = windows
        self._at: F64 = np.empty(_MIN_CAPACITY)
        self._rows: F64 = np.empty((_MIN_CAPACITY, len(self.names)))
        self._begin = self._end = 0
        self.label_names: list[str] = []

    def clear(self) -> None:
        """Drop all samples."""
        self._begin = self._end = 0

    @property
    def newest_s(self) -> float:
        """The time of the newest sample; 0 without any."""
        return float(self._at[self._end - 1]) if self._end > self._begin else 0.0

    def add(self, sample: DriftSample) -> None:
        """Add a sample, dated no earlier than the newest. Samples that no window reaches are dropped."""
        if self._end == len(self._at):
            self._reallocate()
        row = self._rows[self._end]
        row[:] = np.nan
        for name, value in sample.numbers.items():
            if name in self._columns:
                row[self._columns[name]] = value
        for name, label in sample.labels.items():
            if name in self._columns:
                row[self._columns[name]] = self._index(label)
        self._at[self._end] = max(sample.at_s, self.newest_s)
        self._end += 1

    def window(self, window: Window, now_s: float) -> tuple[int, int]:
        """The rows of a window: from, to."""
        at = self._at[self._begin : self._end]
        recent = int(np.searchsorted(at, now_s - window.seconds))
        start = max(min(recent, len(at) - window.count), int(np.searchsorted(at, now_s - window.max_age_s)), 0)
        return self._begin + start, self._end

    def at(self, rows: tuple[int, int]) -> F64:
        """The times of a window's samples, seconds."""
        return self._at[slice(*rows)]

    def numbers(self, name: str, rows: tuple[int, int]) -> F64:
        """A feature's values in a window, NaN where missing; for labels indices into `label_names`."""
        return self._rows[slice(*rows), self._columns[name]]

    def columns(self, features: Sequence[Feature], rows: tuple[int, int]) -> F64:
        """Several features' values in a window, (n, features)."""
        return self._rows[slice(*rows)][:, [self._columns[feature.name] for feature in features]]

    def labels(self, name: str, rows: tuple[int, int]) -> list[str | None]:
        """A categorical feature's values in a window."""
        codes = self.numbers(name, rows)
        return [None if np.isnan(code) else self.label_names[int(code)] for code in codes]

    def dump(self) -> list[list[Any]]:
        """JSON-able: feature names, label names, then a list for each sample, its time first."""
        self._reallocate()
        rows = []
        for index in range(self._begin, self._end):
            values = [None if np.isnan(value) else round(float(value), 4) for value in self._rows[index]]
            rows.append([round(float(self._at[index]), 3), *values])
        return [self.names, self.label_names, *rows]

    def restore(self, state: list[list[Any]]) -> None:
        """Take back what `dump` returned."""
        names, self.label_names, *rows = state
        for at_s, *values in rows:
            present = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            self.add(DriftSample(at_s, "", 0, present, {}))

    def _index(self, label: str) -> int:
        if label not in self.label_names:
            self.label_names.append(label)
        return self.label_names.index(label)

    def _reallocate(self) -> None:
        """Copy what the widest window reaches into arrays of twice its size."""
        starts = [self.window(window, self.newest_s)[0] for window in self._windows]
        begin = min(starts, default=self._end)
        size = self._end - begin
        capacity = max(_MIN_CAPACITY, 2 * size)
        at, rows = np.empty(capacity), np.empty((capacity, len(self.names)))
        at[:size], rows[:size] = self._at[begin : self._end], self._rows[begin : self._end]
        self._at, self._rows, self._begin, self._end = at, rows, 0, size
