"""The newest samples as columns of numbers, so that comparing windows costs no loop over them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitoring.drift.features import Feature
from monitoring.drift.samples import DriftSample
from monitoring.drift.statistics import F64

_LEAST_ROOM = 16


@dataclass(frozen=True, slots=True)
class Window:
    """The newest samples: all of the last `seconds`, and more until there are `count`; none older than `most_s`.

    It is worth another look every `every_s`. block_s: about what it spans, for the reference's blocks. labels_effect:
    from when on its labels are other enough.
    """

    name: str
    seconds: float
    count: int
    most_s: float
    every_s: float = 0.0
    block_s: float = 600.0
    labels_effect: float = 0.0


class Recent:
    """Samples in order of time: a row each, a column for each feature, NaN for what is missing; labels are numbered."""

    def __init__(self, features: Iterable[Feature], windows: tuple[Window, ...]) -> None:
        self.names = [feature.name for feature in features]
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._windows = windows
        self._at: F64 = np.empty(_LEAST_ROOM)
        self._rows: F64 = np.empty((_LEAST_ROOM, len(self.names)))
        self._begin = self._end = 0
        self.label_names: list[str] = []

    def clear(self) -> None:
        """Forget all samples."""
        self._begin = self._end = 0

    @property
    def newest_s(self) -> float:
        """When the newest sample was taken; 0 while there is none."""
        return float(self._at[self._end - 1]) if self._end > self._begin else 0.0

    def add(self, sample: DriftSample) -> None:
        """One more; what no window reaches any more is dropped. One older than the newest counts as of its time."""
        if self._end == len(self._at):
            self._make_room()
        row = self._rows[self._end]
        row[:] = np.nan
        for name, value in sample.numbers.items():
            if name in self._columns:
                row[self._columns[name]] = value
        for name, label in sample.labels.items():
            if name in self._columns:
                row[self._columns[name]] = self._number(label)
        self._at[self._end] = max(sample.at_s, self.newest_s)
        self._end += 1

    def window(self, window: Window, now_s: float) -> tuple[int, int]:
        """Where a window lies: rows from, to."""
        at = self._at[self._begin : self._end]
        young = int(np.searchsorted(at, now_s - window.seconds))
        start = max(min(young, len(at) - window.count), int(np.searchsorted(at, now_s - window.most_s)), 0)
        return self._begin + start, self._end

    def at(self, rows: tuple[int, int]) -> F64:
        """When the samples of a window were taken, seconds."""
        return self._at[slice(*rows)]

    def numbers(self, name: str, rows: tuple[int, int]) -> F64:
        """A feature's values in a window, NaN where there is none; of labels the place of each in `label_names`."""
        return self._rows[slice(*rows), self._columns[name]]

    def columns(self, features: Sequence[Feature], rows: tuple[int, int]) -> F64:
        """Several features' values in a window, (n, features)."""
        return self._rows[slice(*rows)][:, [self._columns[feature.name] for feature in features]]

    def labels(self, name: str, rows: tuple[int, int]) -> list[str | None]:
        """A categorical feature's values in a window."""
        codes = self.numbers(name, rows)
        return [None if np.isnan(code) else self.label_names[int(code)] for code in codes]

    def dump(self) -> list[list[Any]]:
        """JSON-able: a list for each sample, its time first."""
        self._make_room()
        rows = []
        for index in range(self._begin, self._end):
            values = [None if np.isnan(value) else round(float(value), 4) for value in self._rows[index]]
            rows.append([round(float(self._at[index]), 3), *values])
        return [self.names, self.label_names, *rows]

    def restore(self, state: list[list[Any]]) -> None:
        """What `dump` gave."""
        names, self.label_names, *rows = state
        for at_s, *values in rows:
            there = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            self.add(DriftSample(at_s, "", 0, there, {}))

    def _number(self, label: str) -> int:
        if label not in self.label_names:
            self.label_names.append(label)
        return self.label_names.index(label)

    def _make_room(self) -> None:
        """Keep what the widest window reaches, in arrays with room for as much again."""
        starts = [self.window(window, self.newest_s)[0] for window in self._windows]
        begin = min(starts, default=self._end)
        kept = self._end - begin
        room = max(_LEAST_ROOM, 2 * kept)
        at, rows = np.empty(room), np.empty((room, len(self.names)))
        at[:kept], rows[:kept] = self._at[begin : self._end], self._rows[begin : self._end]
        self._at, self._rows, self._begin, self._end = at, rows, 0, kept
