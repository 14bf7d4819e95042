"""Drift of one stream: its samples, references, windows, camera faults and alarm. Pure; one object a stream."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from monitoring.drift.camera import CameraWatch
from monitoring.drift.causes import DriftCause, explain
from monitoring.drift.features import FRAMES, PICTURE, TRACKS, Feature
from monitoring.drift.findings import DriftFinding, Limits
from monitoring.drift.recent import Window
from monitoring.drift.samples import DriftSample, Sampler
from monitoring.drift.series import Series
from monitoring.drift.settings import DriftSettings
from monitoring.rules.drift_signals import DriftAlarm
from workers.bus.result import FrameResult

_ANOTHER_S = 300.0
_HEAVY_S = 300.0


@dataclass(frozen=True, slots=True)
class _Row:
    """How often in a row a hypothesis was rejected, since when, and by what at last."""

    times: int
    since_s: float
    finding: DriftFinding | None


class StreamDrift:
    """One stream. `take` its results in order; when `is_due`, `compare`, then `judge` with what the others found."""

    def __init__(self, settings: DriftSettings, detects: Callable[[str, int], bool]) -> None:
        self._settings = settings
        self._sampler = Sampler(settings, detects)
        self.watch = CameraWatch(settings.camera)
        self._series: dict[tuple[str, str], Series] = {}
        self._folded: bytes | None = None
        self.versions: dict[str, int] = {}
        self.findings: list[DriftFinding] = []
        self.found: list[DriftFinding] = []
        self.alarm: DriftAlarm | None = None
        self.explanation: DriftCause | None = None
        self.compared_s = 0.0
        self._in_a_row: dict[tuple[str, str, str], _Row] = {}
        self._away_since_s: float | None = None  # when the alarm's own cause was last no longer found
        self._heavy: tuple[float, dict[str, Any]] | None = None

    @property
    def series(self) -> dict[tuple[str, str], Series]:
        """Samples by kind and model; unfolds them."""
        if self._folded is not None:
            folded, self._folded = self._folded, None
            self._restore_series(json.loads(zlib.decompress(folded)))
        return self._series

    def fold(self) -> None:
        """Nobody looks for a while: references and windows, most of a stream's memory, are kept as compressed text."""
        if self._folded is None:
            self._folded = zlib.compress(json.dumps(self._dump_series()).encode())
            self._series, self._heavy, self.findings = {}, None, []

    def take(self, result: FrameResult) -> bool:
        """One result. True when camera faults began or ended."""
        self.versions = dict(result.models)
        changed = False
        if result.image is not None and self._settings.camera.enabled:
            changed = self.watch.take(result.session, result.captured_at_ns / 1e9, result.image)
        for sample in self._sampler.take(result):
            self.add(sample)
        return changed

    def add(self, sample: DriftSample) -> None:
        """One sample, as the sampler makes them, in order of time."""
        kind = "picture" if not sample.model else "frames" if "boxes" in sample.numbers else "tracks"
        known = self.series.get((kind, sample.model))
        if known is None:
            known = self.series[kind, sample.model] = self._new_series(kind, sample.model)
        digits = sample.labels.get("hash")
        if kind == "picture" and digits is not None:
            sample = self._with_scene(sample, digits, known)
        known.add(sample, self._settings.commission_s)

    def _with_scene(self, sample: DriftSample, digits: str, known: Series) -> DriftSample:
        distance = self.watch.scene_distance(digits, sample.at_s)
        if known.commissioned_s is None:
            self.watch.learn_scene(digits, sample.at_s)
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
        features: dict[str, dict[str, Feature]] = {"picture": PICTURE, "frames": FRAMES, "tracks": TRACKS}
        least = settings.least_tracks if kind == "tracks" else settings.least_pictures
        windows = by_track if kind == "tracks" else by_time
        return Series(model, features[kind], windows, Limits(least, settings.effects.by_group()))

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to compare."""
        return not 0 <= now_s - self.compared_s < self._settings.every_s

    def compare(self, now_s: float) -> list[DriftFinding]:
        """All windows against their references, whatever comes of it."""
        self.compared_s = now_s
        self.findings = [finding for known in self.series.values() for finding in known.compare(now_s)]
        return self.findings

    def judge(self, rejected: Sequence[bool], now_s: float) -> bool:
        """What holds of the last comparison, given which hypotheses are rejected. True when the alarm is another."""
        confirmed: list[DriftFinding] = []
        rows: dict[tuple[str, str, str], _Row] = {}
        for finding, is_rejected in zip(self.findings, rejected, strict=True):
            if is_rejected and finding.large:
                before = self._in_a_row.get(finding.key, _Row(0, now_s, None))
                again = finding is not before.finding  # a window that was not looked at anew confirms nothing
                rows[finding.key] = row = _Row(before.times + again, before.since_s, finding)
                if row.times >= self._settings.confirmations:
                    confirmed.append(finding)
        self._in_a_row = rows
        self.found = confirmed
        return self._decide(confirmed, now_s)

    def _decide(self, confirmed: list[DriftFinding], now_s: float) -> bool:
        explanation = explain(confirmed, self.findings) if confirmed else None
        before = self.alarm
        if before is not None and not self._replaces(explanation, before, now_s):
            if explanation is None and self._away_s(now_s) >= self._settings.keep_firing_s:
                self.alarm = self.explanation = None
            return self.alarm is not before
        if explanation is None:
            return False
        self._away_since_s = None
        worst = sorted(confirmed, key=lambda finding: -finding.effect)
        self.explanation = explanation
        self.alarm = DriftAlarm(
            model=next((finding.model for finding in worst if finding.model), self._first_model()),
            cause=explanation.cause,
            since_ns=round(min(self._in_a_row[finding.key].since_s for finding in confirmed) * 1e9),
            known_ns=round(now_s * 1e9),
            features=tuple(dict.fromkeys(finding.feature.name for finding in worst)),
            score=round(worst[0].effect, 4),
            text=explanation.text,
        )
        return True

    def _replaces(self, explanation: DriftCause | None, before: DriftAlarm, now_s: float) -> bool:
        """Whether what is found now is an alarm of its own beside the one that fires.

        A cause that goes before the alarm's does at once: the picture explains the people. What else is found while
        the alarm's own cause holds, or did a moment ago, follows from it.
        """
        if explanation is not None and _RANK[explanation.cause] < _RANK[before.cause]:
            return True
        if explanation is not None and self._is_the_same(explanation):
            self._away_since_s = None
            return False
        if self._away_since_s is None:
            self._away_since_s = now_s
        return explanation is not None and self._away_s(now_s) >= _ANOTHER_S

    def _is_the_same(self, explanation: DriftCause) -> bool:
        told = self.explanation
        return (
            told is not None and explanation.cause == told.cause and not set(explanation.kinds).isdisjoint(told.kinds)
        )

    def _away_s(self, now_s: float) -> float:
        return 0.0 if self._away_since_s is None else now_s - self._away_since_s

    def _first_model(self) -> str:
        return next((model for kind, model in self.series if kind == "frames"), next(iter(self.versions), ""))

    def commission(self) -> None:
        """Take what comes from now on as the reference: the camera was moved on purpose, the people are others."""
        for known in self.series.values():
            known.restart(known.version)
        self.watch = CameraWatch(self._settings.camera)
        self.findings, self.found, self._in_a_row = [], [], {}
        self.alarm = self.explanation = self._away_since_s = None
        self._heavy = None

    def dump(self, now_s: float) -> dict[str, Any]:
        """JSON-able. References and windows are made anew every few minutes only: they are large and change slowly."""
        if self._folded is not None:
            heavy = {"series": json.loads(zlib.decompress(self._folded))}
        else:
            if self._heavy is None or not 0 <= now_s - self._heavy[0] < _HEAVY_S:
                self._heavy = now_s, {"series": self._dump_series()}
            heavy = self._heavy[1]
        light = {
            "watch": self.watch.dump(),
            "alarm": None if self.alarm is None else asdict(self.alarm),
            "explanation": None if self.explanation is None else asdict(self.explanation),
        }
        return heavy | light

    def _dump_series(self) -> list[Any]:
        return [[kind, model, known.dump()] for (kind, model), known in self._series.items()]

    def _restore_series(self, dumped: list[Any]) -> None:
        for kind, model, known in dumped:
            self._series[kind, model] = self._new_series(kind, model)
            self._series[kind, model].restore(known)

    def restore(self, state: dict[str, Any]) -> None:
        """What `dump` gave."""
        self._restore_series(state["series"])
        self.watch.restore(state["watch"])
        alarm, explanation = state["alarm"], state["explanation"]
        if alarm is not None and explanation is not None:
            self.alarm = DriftAlarm(**alarm | {"features": tuple(alarm["features"])})
            self.explanation = DriftCause(**explanation | {"kinds": tuple(explanation["kinds"])})


_RANK = {"picture": 0, "population": 1, "model": 2, "unknown": 3}
