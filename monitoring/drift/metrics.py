"""Metrics of drift and camera faults. Any thread."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Gauge

from workers.bus.drift_report import DriftReport

DRIFT_SCORE = Gauge(
    "livesight_drift_score",
    "Effect of drift against the reference; worst camera.",
    ["model", "feature"],
)
DRIFT_DETECTED = Gauge("livesight_drift_detected", "1 while any camera has a drift alarm of the model.", ["model"])
CAMERA_FAULTS = Gauge("livesight_camera_fault", "1 while the camera has the fault.", ["stream", "kind"])


class DriftMetrics:
    """Sets the gauges, and removes the series of models and cameras that are gone."""

    def __init__(self) -> None:
        self._scores: set[tuple[str, str]] = set()
        self._models: set[str] = set()
        self._faults: set[tuple[str, str]] = set()

    def set_reports(self, reports: Iterable[DriftReport]) -> None:
        """Set the scores and alarms of all current reports."""
        scores: dict[tuple[str, str], float] = {}
        detected: dict[str, float] = {}
        for report in reports:
            detected[report.model] = max(detected.get(report.model, 0.0), float(report.drifted))
            for feature in report.features:
                key = report.model, feature.feature
                scores[key] = max(scores.get(key, 0.0), feature.score)
        for key, score in scores.items():
            DRIFT_SCORE.labels(*key).set(score)
        for model, value in detected.items():
            DRIFT_DETECTED.labels(model).set(value)
        for gone in self._scores - set(scores):
            DRIFT_SCORE.remove(*gone)
        for model in self._models - set(detected):
            DRIFT_DETECTED.remove(model)
        self._scores, self._models = set(scores), set(detected)

    def set_faults(self, faults: set[tuple[str, str]]) -> None:
        """Set all current faults, (stream, kind)."""
        for key in faults:
            CAMERA_FAULTS.labels(*key).set(1)
        for gone in self._faults - faults:
            CAMERA_FAULTS.remove(*gone)
        self._faults = faults
