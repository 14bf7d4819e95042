"""Drift of one stream: its samples, references, windows, camera faults and alarm. Pure; one object a stream."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from monitoring.drift.camera.faults import CameraFaultDetector
from monitoring.drift.causes import DriftCause, explain
from monitoring.drift.comparison import DriftFinding, EffectLimits
from monitoring.drift.features import COUNT_FEATURES, IMAGE_FEATURES, TRACK_FEATURES, Feature
from monitoring.drift.recent_samples import Window
from monitoring.drift.sampler import DriftSample, Sampler
from monitoring.drift.series import Series
from monitoring.drift.settings import DriftSettings
from monitoring.rules.drift_signals import DriftAlarm
from workers.bus.result import FrameResult

_ANOTHER_CAUSE_S = 300.0
_DUMP_SERIES_S = 300.0


@dataclass(frozen=True, slots=True)
class _Streak:
    """How often in a row a hypothesis was rejected, since when, and its last finding."""

    times: int
    since_s: float
    finding: DriftFinding | None


class StreamDrift:
    """One stream. `take` its results in order; when `is_due`, `compare`, then `judge` by all streams' findings.

    findings: of the last comparison; found: the significant ones. alarm: the current one, with its `cause`.
    """

    def __init__(self, settings: DriftSettings, detects: Callable[[str, int], bool]) -> None:
        self._settings = settings
        self._sampler = Sampler(settings, detects)
        self.camera = CameraFaultDetector(settings.camera)
        self._series: dict[tuple[str, str], Series] = {}
        self._compressed: bytes | None = None
        self.versions: dict[str, int] = {}
        self.findings: list[DriftFinding] = []
        self.found: list[DriftFinding] = []
        self.alarm: DriftAlarm | None = None
        self.cause: DriftCause | None = None
        self.compared_s = 0.0
        self._streaks: dict[tuple[str, str, str], _Streak] = {}
        self._absent_since_s: float | None = None  # since when the alarm's own cause is not found
        self._series_dump: tuple[float, dict[str, Any]] | None = None

    @property
    def series(self) -> dict[tuple[str, str], Series]:
        """Samples by kind (picture, frames, tracks) and model; decompresses them."""
        if self._compressed is not None:
            compressed, self._compressed = self._compressed, None
            self._restore_series(json.loads(zlib.decompress(compressed)))
        return self._series

    def compress(self) -> None:
        """Hold references and windows, most of a stream's memory, as compressed text while there are no results."""
        if self._compressed is None:
            self._compressed = zlib.compress(json.dumps(self._dump_series()).encode())
            self._series, self._series_dump, self.findings = {}, None, []

    def take(self, result: FrameResult) -> bool:
        """Take a result. Returns whether camera faults began or ended."""
        self.versions = dict(result.models)
        changed = False
        if result.image is not None and self._settings.camera.enabled:
            changed = self.camera.take(result.session, result.captured_at_ns / 1e9, result.image)
        for sample in self._sampler.take(result):
            self.add(sample)
        return changed

    def add(self, sample: DriftSample) -> None:
        """Add a sample of the sampler, in order of time."""
        kind = "picture" if not sample.model else "frames" if "boxes" in sample.numbers else "tracks"
        series = self.series.get((kind, sample.model))
        if series is None:
            series = self.series[kind, sample.model] = self._new_series(kind, sample.model)
        digits = sample.labels.get("hash")
        if kind == "picture" and digits is not None:
            sample = self._with_scene(sample, digits, series)
        series.add(sample, self._settings.commission_s)

    def _with_scene(self, sample: DriftSample, digits: str, series: Series) -> DriftSample:
        distance = self.camera.scene_distance(digits, sample.at_s)
        if series.commissioned_s is None:
            self.camera.learn_scene(digits, sample.at_s)
        numbers = sample.numbers if distance is None else sample.numbers | {"scene": distance}
        return DriftSample(sample.at_s, sample.model, sample.version, numbers, {})

    def _new_series(self, kind: str, model: str) -> Series:
        settings = self._settings
        block_s = settings.picture_window_s
        compared_s = settings.picture_compared_s
        by_time = (Window("recent", settings.picture_window_s, 0, settings.window_s, compared_s, block_s),)
        recent_labels = settings.effects.recent_labels
        by_track = (
            Window(
                "recent",
                settings.track_window_s,
                settings.recent_tracks,
                settings.window_s,
                labels_effect=recent_labels,
            ),
            Window("long", settings.track_window_s, settings.window_tracks, settings.window_s, settings.long_every_s),
        )
        features: dict[str, dict[str, Feature]] = {
            "picture": IMAGE_FEATURES,
            "frames": COUNT_FEATURES,
            "tracks": TRACK_FEATURES,
        }
        min_n = settings.least_tracks if kind == "tracks" else settings.least_pictures
        windows = by_track if kind == "tracks" else by_time
        return Series(model, features[kind], windows, EffectLimits(min_n, settings.effects.by_group()))

    def is_due(self, now_s: float) -> bool:
        """Whether the next comparison is due."""
        return not 0 <= now_s - self.compared_s < self._settings.every_s

    def compare(self, now_s: float) -> list[DriftFinding]:
        """Compare all windows with their references. Returns all findings, significant or not."""
        self.compared_s = now_s
        self.findings = [finding for series in self.series.values() for finding in series.compare(now_s)]
        return self.findings

    def judge(self, rejected: Sequence[bool], now_s: float) -> bool:
        """Decide on the alarm, given which of the last hypotheses are rejected. Returns whether it changed."""
        confirmed: list[DriftFinding] = []
        streaks: dict[tuple[str, str, str], _Streak] = {}
        for finding, is_rejected in zip(self.findings, rejected, strict=True):
            if is_rejected and finding.large:
                before = self._streaks.get(finding.key, _Streak(0, now_s, None))
                again = finding is not before.finding  # a window that was not compared again confirms nothing
                streaks[finding.key] = streak = _Streak(before.times + again, before.since_s, finding)
                if streak.times >= self._settings.confirmations:
                    confirmed.append(finding)
        self._streaks = streaks
        self.found = confirmed
        return self._decide(confirmed, now_s)

    def _decide(self, confirmed: list[DriftFinding], now_s: float) -> bool:
        cause = explain(confirmed, self.findings) if confirmed else None
        before = self.alarm
        if before is not None and not self._replaces(cause, before, now_s):
            if cause is None and self._absent_s(now_s) >= self._settings.keep_firing_s:
                self.alarm = self.cause = None
            return self.alarm is not before
        if cause is None:
            return False
        self._absent_since_s = None
        worst = sorted(confirmed, key=lambda finding: -finding.effect)
        self.cause = cause
        self.alarm = DriftAlarm(
            model=next((finding.model for finding in worst if finding.model), self._first_model()),
            cause=cause.cause,
            since_ns=round(min(self._streaks[finding.key].since_s for finding in confirmed) * 1e9),
            known_ns=round(now_s * 1e9),
            features=tuple(dict.fromkeys(finding.feature.name for finding in worst)),
            score=round(worst[0].effect, 4),
            text=cause.text,
        )
        return True

    def _replaces(self, cause: DriftCause | None, before: DriftAlarm, now_s: float) -> bool:
        """Whether what is found now is a new alarm instead of a part of the current one.

        A cause of higher rank replaces it at once: the image explains the people. What else is found while the alarm's
        own cause is present, or was a moment ago, follows from it.
        """
        if cause is not None and _RANK[cause.cause] < _RANK[before.cause]:
            return True
        if cause is not None and self._is_current(cause):
            self._absent_since_s = None
            return False
        if self._absent_since_s is None:
            self._absent_since_s = now_s
        return cause is not None and self._absent_s(now_s) >= _ANOTHER_CAUSE_S

    def _is_current(self, cause: DriftCause) -> bool:
        current = self.cause
        return current is not None and cause.cause == current.cause and not set(cause.kinds).isdisjoint(current.kinds)

    def _absent_s(self, now_s: float) -> float:
        return 0.0 if self._absent_since_s is None else now_s - self._absent_since_s

    def _first_model(self) -> str:
        return next((model for kind, model in self.series if kind == "frames"), next(iter(self.versions), ""))

    def commission(self) -> None:
        """Learn the reference from now on: the camera was moved on purpose, or other people are normal now."""
        for series in self.series.values():
            series.restart(series.version)
        self.camera = CameraFaultDetector(self._settings.camera)
        self.findings, self.found, self._streaks = [], [], {}
        self.alarm = self.cause = self._absent_since_s = None
        self._series_dump = None

    def dump(self, now_s: float) -> dict[str, Any]:
        """JSON-able. References and windows are dumped only every few minutes: they are large and change slowly."""
        if self._compressed is not None:
            series = {"series": json.loads(zlib.decompress(self._compressed))}
        else:
            if self._series_dump is None or not 0 <= now_s - self._series_dump[0] < _DUMP_SERIES_S:
                self._series_dump = now_s, {"series": self._dump_series()}
            series = self._series_dump[1]
        light = {
            "watch": self.camera.dump(),
            "alarm": None if self.alarm is None else asdict(self.alarm),
            "explanation": None if self.cause is None else asdict(self.cause),
        }
        return series | light

    def _dump_series(self) -> list[Any]:
        return [[kind, model, series.dump()] for (kind, model), series in self._series.items()]

    def _restore_series(self, dumped: list[Any]) -> None:
        for kind, model, state in dumped:
            self._series[kind, model] = self._new_series(kind, model)
            self._series[kind, model].restore(state)

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `dump` returned."""
        self._restore_series(state["series"])
        self.camera.restore(state["watch"])
        alarm, cause = state["alarm"], state["explanation"]
        if alarm is not None and cause is not None:
            self.alarm = DriftAlarm(**alarm | {"features": tuple(alarm["features"])})
            self.cause = DriftCause(**cause | {"kinds": tuple(cause["kinds"])})


_RANK = {"picture": 0, "population": 1, "model": 2, "unknown": 3}
