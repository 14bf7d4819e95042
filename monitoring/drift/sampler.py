"""Turns results into samples: one per track and model, and frames at intervals. Pure; one object a stream.

A track counts once, however many frames show it: when it ends, or `track_after_s` after it began. Frames are sampled
`picture_every_s` apart, from those with new figures. Times are those of results, in seconds.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from monitoring.drift.features import present
from monitoring.drift.settings import DriftSettings
from workers.bus.result import Detection, FrameResult, ImageFigures

_GONE_S = 2.0
_MIN_BOXES = 3
_MAX_BOXES = 400


@dataclass(frozen=True, slots=True)
class DriftSample:
    """What was measured at `at_s`. `model`: of a track or of boxes; "" for the image."""

    at_s: float
    model: str
    version: int
    numbers: dict[str, float]
    labels: dict[str, str]


@dataclass(slots=True)
class _Track:
    detector: str
    began_s: float
    seen_s: float
    counted: bool = False
    labels: Counter[str] = field(default_factory=Counter)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    attributes: dict[str, tuple[str, float]] = field(default_factory=dict)

    def add(self, detection: Detection, size_wh: tuple[int, int]) -> None:
        x1, y1, x2, y2 = detection.xyxy
        width, height = max(0.0, x2 - x1), max(0.0, y2 - y1)
        self.labels[detection.label] += 1
        for name, attribute in detection.attributes.items():
            self.attributes[name] = (attribute.label, attribute.confidence)
        if len(self.values["confidence"]) >= _MAX_BOXES or width + height == 0:
            return
        self.values["confidence"].append(detection.confidence)
        self.values["box_side"].append((width * height / (size_wh[0] * size_wh[1])) ** 0.5)
        self.values["aspect"].append(width / (width + height))
        if detection.identity is not None:
            self.values["distance"].append(1 - detection.identity.similarity)

    def samples(self, versions: dict[str, int]) -> list[DriftSample]:
        """One for the detector, one for each classifier."""
        if self.labels.total() < _MIN_BOXES or not self.values["confidence"]:
            return []
        medians = {name: statistics.median(values) for name, values in self.values.items() if values}
        label = max(sorted(self.labels), key=lambda name: self.labels[name])
        own = DriftSample(self.seen_s, self.detector, versions.get(self.detector, 0), medians, {"label": label})
        classified = [
            DriftSample(self.seen_s, name, versions.get(name, 0), {"confidence": confidence}, {"label": answer})
            for name, (answer, confidence) in sorted(self.attributes.items())
        ]
        return [own, *classified]


class Sampler:
    """Samples of one stream's results, in order. `detects`: whether a model (name, version) is a detector."""

    def __init__(self, settings: DriftSettings, detects: Callable[[str, int], bool]) -> None:
        self._settings = settings
        self._detects = detects
        self._session = ""
        self._tracks: dict[int, _Track] = {}
        self._versions: dict[str, int] = {}
        self._figures_us: int | None = None
        self._sampled_s = 0.0

    def take(self, result: FrameResult) -> list[DriftSample]:
        """The samples that a result completes. A new session completes all tracks of the last."""
        now_s = result.captured_at_ns / 1e9
        samples = self._end(None) if result.session != self._session else []
        if result.session != self._session:
            self._session, self._figures_us = result.session, None
        self._versions = dict(result.models)
        for detection in result.detections:
            if detection.track_id is not None:
                track = self._tracks.get(detection.track_id)
                if track is None:
                    track = self._tracks[detection.track_id] = _Track(detection.detector, now_s, now_s)
                track.seen_s = now_s
                if not track.counted:
                    track.add(detection, result.size_wh)
        samples += self._end(now_s)
        if result.image is not None and self._is_due(result.image, now_s):
            samples += self._frame(result, result.image, now_s)
        return samples

    def _end(self, now_s: float | None) -> list[DriftSample]:
        """The samples of tracks that ended or are old enough; of all when `now_s` is None."""
        samples: list[DriftSample] = []
        for number, track in list(self._tracks.items()):
            gone = now_s is None or now_s - track.seen_s > _GONE_S
            old = now_s is not None and now_s - track.began_s >= self._settings.track_after_s
            if (gone or old) and not track.counted:
                samples += track.samples(self._versions)
                track.counted = True
            if gone:
                del self._tracks[number]
        return samples

    def _is_due(self, image: ImageFigures, now_s: float) -> bool:
        if image.pts_us is not None and image.pts_us == self._figures_us:
            return False
        return not 0 <= now_s - self._sampled_s < self._settings.picture_every_s

    def _frame(self, result: FrameResult, image: ImageFigures, now_s: float) -> list[DriftSample]:
        self._figures_us, self._sampled_s = image.pts_us, now_s
        measured = present(
            {
                "brightness": image.brightness,
                "contrast": image.contrast,
                "sharpness": image.sharpness,
                "focus": image.focus,
                "blockiness": image.blockiness,
                "saturation": image.saturation,
                "detail": image.detail,
            }
        )
        scene = {} if image.hash is None else {"hash": image.hash}
        samples = [DriftSample(now_s, "", 0, measured, scene)]
        for model, version in result.models.items():
            if self._detects(model, version):
                boxes = sum(detection.detector == model for detection in result.detections)
                samples.append(DriftSample(now_s, model, version, {"boxes": float(boxes)}, {}))
        return samples
