"""The samples of one kind on one stream: the newest in windows, the first in the reference. Pure.

While the camera is commissioned samples go into the reference; then it is finished, and windows are held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from monitoring.drift.features import Feature
from monitoring.drift.findings import DriftFinding, LabelFindings, Limits, compare_labels, compare_numbers
from monitoring.drift.hours import LabelHours, NumericHours
from monitoring.drift.recent import Recent, Window
from monitoring.drift.reference import Reference
from monitoring.drift.samples import DriftSample
from monitoring.drift.scene import HOURS


class Series:
    """Samples with the same features, of one model ("": the picture) in one version."""

    def __init__(self, model: str, features: dict[str, Feature], windows: tuple[Window, ...], limits: Limits) -> None:
        self.model = model
        self.version = 0
        self.features = features
        self.windows = windows
        self.recent = Recent(features.values(), windows)
        self.began_s: float | None = None
        self.commissioned_s: float | None = None
        self._limits = limits
        self._reference = Reference(features, windows[0].block_s)
        self._numeric: NumericHours | None = None
        self._labelled: dict[str, LabelHours] = {}
        self._looked: dict[str, tuple[float, tuple[int, float], list[DriftFinding]]] = {}

    def restart(self, version: int) -> None:
        """Commission anew: the scene is another, or the model is."""
        self.version, self.began_s, self.commissioned_s = version, None, None
        self._reference = Reference(self.features, self.windows[0].block_s)
        self._numeric, self._labelled, self._looked = None, {}, {}
        self.recent.clear()

    def add(self, sample: DriftSample, commission_s: float) -> None:
        """One more sample, in order of time. The reference is finished by the first after `commission_s`."""
        if sample.version != self.version:
            self.restart(sample.version)
        if self.began_s is None:
            self.began_s = sample.at_s
        if self.commissioned_s is None and sample.at_s - self.began_s >= commission_s:
            self.commissioned_s = sample.at_s
            self._numeric, self._labelled = self._reference.finish()
        if self.commissioned_s is None:
            self._reference.add(sample.at_s, sample.numbers, sample.labels)
        self.recent.add(sample)

    def compare(self, now_s: float) -> Iterator[DriftFinding]:
        """The windows against the own reference; nothing before it is finished."""
        if self.commissioned_s is None:
            return
        shorter = -1
        for window in self.windows:
            rows = self.recent.window(window, now_s)
            if rows[0] == shorter:  # the long window is no longer than the short one
                continue
            shorter = rows[0]
            yield from self._known_or_compared(window, rows, now_s)

    def _known_or_compared(self, window: Window, rows: tuple[int, int], now_s: float) -> list[DriftFinding]:
        """The findings of a window, those of the last look when nothing came or it was not long ago."""
        looked_s, ends, findings = self._looked.get(window.name, (0.0, (0, 0.0), []))
        came = (rows[1] - rows[0], self.recent.newest_s)
        if came != ends and not 0 <= now_s - looked_s < window.every_s:
            findings = list(self._compare(window, rows))
            self._looked[window.name] = now_s, came, findings
        return findings

    def _compare(self, window: Window, rows: tuple[int, int]) -> Iterator[DriftFinding]:
        hours = (self.recent.at(rows) // 3600 % HOURS).astype(np.int64)
        if self._numeric is not None:
            values = self.recent.columns(self._numeric.features, rows)
            yield from compare_numbers(self.model, window.name, values, hours, self._numeric, self._limits)
        limits = replace(self._limits, labels=window.labels_effect)
        for name, known in self._labelled.items():
            labels = LabelFindings(self.recent.numbers(name, rows), self.recent.label_names)
            found = compare_labels(self.model, self.features[name], window.name, labels, hours, known, limits)
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
        """What `dump` gave."""
        self.version, self.began_s = state["version"], state["began_s"]
        self.commissioned_s = state["commissioned_s"]
        self._reference.restore(state["reference"])
        if self.commissioned_s is not None:
            self._numeric, self._labelled = self._reference.finish()
        self.recent.restore(state["recent"])
