"""The samples of one kind of one stream: the first build the reference, the newest are compared with it. Pure.

While the camera is commissioned, samples go into the reference; then it is finished, and windows are compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from monitoring.drift.comparison import (
    ComparedWindow,
    DriftFinding,
    EffectLimits,
    LabelWindow,
    compare_labels,
    compare_numbers,
)
from monitoring.drift.features import HOURS, Feature
from monitoring.drift.recent_samples import RecentSamples, Window
from monitoring.drift.reference.hourly import HourlyLabels, HourlyNumbers
from monitoring.drift.reference.learning import Reference
from monitoring.drift.sampler import DriftSample


class Series:
    """Samples with the same features, of one model ("": the image) in one version."""

    def __init__(
        self, model: str, features: dict[str, Feature], windows: tuple[Window, ...], limits: EffectLimits
    ) -> None:
        self.model = model
        self.version = 0
        self.features = features
        self.windows = windows
        self.recent = RecentSamples(features.values(), windows)
        self.began_s: float | None = None
        self.commissioned_s: float | None = None
        self._limits = limits
        self._reference = Reference(features, windows[0].block_s)
        self._numeric: HourlyNumbers | None = None
        self._labels: dict[str, HourlyLabels] = {}
        self._compared: dict[str, tuple[float, tuple[int, float], list[DriftFinding]]] = {}

    def restart(self, version: int) -> None:
        """Commission anew: the scene or the model is another."""
        self.version, self.began_s, self.commissioned_s = version, None, None
        self._reference = Reference(self.features, self.windows[0].block_s)
        self._numeric, self._labels, self._compared = None, {}, {}
        self.recent.clear()

    def add(self, sample: DriftSample, commission_s: float) -> None:
        """Add a sample, in order of time. The first after `commission_s` finishes the reference."""
        if sample.version != self.version:
            self.restart(sample.version)
        if self.began_s is None:
            self.began_s = sample.at_s
        if self.commissioned_s is None and sample.at_s - self.began_s >= commission_s:
            self.commissioned_s = sample.at_s
            self._numeric, self._labels = self._reference.finish()
        if self.commissioned_s is None:
            self._reference.add(sample.at_s, sample.numbers, sample.labels)
        self.recent.add(sample)

    def compare(self, now_s: float) -> Iterator[DriftFinding]:
        """Compare the windows with the camera's own reference; nothing before it is finished."""
        if self.commissioned_s is None:
            return
        previous_start = -1
        for window in self.windows:
            rows = self.recent.window(window, now_s)
            if rows[0] == previous_start:  # the long window spans no more than the short one
                continue
            previous_start = rows[0]
            yield from self._compare_if_due(window, rows, now_s)

    def _compare_if_due(self, window: Window, rows: tuple[int, int], now_s: float) -> list[DriftFinding]:
        """The findings of a window; the last ones when there are no new samples, or they are recent."""
        compared_s, last_state, findings = self._compared.get(window.name, (0.0, (0, 0.0), []))
        state = (rows[1] - rows[0], self.recent.newest_s)
        if state != last_state and not 0 <= now_s - compared_s < window.every_s:
            findings = list(self._compare(window, rows))
            self._compared[window.name] = now_s, state, findings
        return findings

    def _compare(self, window: Window, rows: tuple[int, int]) -> Iterator[DriftFinding]:
        hours = (self.recent.at(rows) // 3600 % HOURS).astype(np.int64)
        compared = ComparedWindow(self.model, window.name, hours, self._limits)
        if self._numeric is not None:
            values = self.recent.columns(self._numeric.features, rows)
            yield from compare_numbers(compared, values, self._numeric)
        compared = replace(compared, limits=replace(self._limits, labels=window.labels_effect))
        for name, known in self._labels.items():
            labels = LabelWindow(self.recent.numbers(name, rows), self.recent.label_names)
            found = compare_labels(compared, self.features[name], labels, known)
            if found is not None:
                yield found

    def dump(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "version": self.version,
            "began_s": self.began_s,
            "commissioned_s": self.commissioned_s,
            "reference": self._reference.dump(),
            "recent": self.recent.dump(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `dump` returned."""
        self.version, self.began_s = state["version"], state["began_s"]
        self.commissioned_s = state["commissioned_s"]
        self._reference.restore(state["reference"])
        if self.commissioned_s is not None:
            self._numeric, self._labels = self._reference.finish()
        self.recent.restore(state["recent"])
