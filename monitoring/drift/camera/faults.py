"""Detects camera faults from the image figures of results: frozen, black, covered, moved. Pure; one object a stream.

What a camera shows day after day at an hour is no fault: a shop that is dark at night, a scene in another light. Nor is
a scene that has lasted for an hour: a camera that was turned on purpose is reported once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from monitoring.drift.camera.scene import SceneMemory, bits
from monitoring.drift.features import HOURS, hour_of
from monitoring.drift.settings import CameraSettings
from monitoring.rules.drift_signals import Fault, FaultKind
from workers.bus.result import ImageFigures

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_RECENT_FRAMES = 600.0
_HOURLY_FRAMES = 25_000.0
_USUAL_SHARE = 0.1
_MIN_DAYS = 2
_ADOPT_S = 3600.0
_HIDES: dict[FaultKind, tuple[FaultKind, ...]] = {"black": ("frozen", "covered", "moved"), "covered": ("moved",)}
_TEXTS: dict[FaultKind, str] = {
    "frozen": "the image is frozen: nothing in it has changed for {for_s:.0f} s",
    "black": "the image has been black for {for_s:.0f} s",
    "covered": "something covers the lens: the image has shown almost no detail for {for_s:.0f} s",
    "moved": "the camera was moved: for {for_s:.0f} s it has not shown its usual scene",
}


@dataclass(slots=True)
class _SuspectedFault:
    """Since when there are signs of a fault, and when they were last seen. `reported`: as the rules got it."""

    since_s: float
    seen_s: float
    reported: Fault | None = None


class CameraFaultDetector:
    """The faults of one camera. `take` gets the figures of every result; repeated figures cost nothing."""

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        self._durations_s = dict(
            zip(KINDS, (settings.frozen_s, settings.black_s, settings.covered_s, settings.moved_s), strict=True)
        )
        self._recent = SceneMemory(1, _RECENT_FRAMES)
        self._hourly = SceneMemory(HOURS, _HOURLY_FRAMES)
        self._usual_detail = 0.0
        self._flagged = np.zeros((len(KINDS), HOURS))
        self._images = np.zeros(HOURS)
        self._days: set[int] = set()
        self._suspected: dict[FaultKind, _SuspectedFault] = {}
        self._last_figures: tuple[str, int | None] | None = None

    def take(self, session: str, at_s: float, figures: ImageFigures) -> bool:
        """Take the figures of a result; `at_s`: its wall clock. Returns whether faults began or ended."""
        key = (session, figures.pts_us)
        if figures.pts_us is not None and key == self._last_figures:
            return False
        self._last_figures = key
        signs = self._signs(at_s, figures)
        hour = hour_of(at_s)
        self._days.add(int(at_s // 86400))
        self._images[hour] += 1
        for index, kind in enumerate(KINDS):
            self._flagged[index, hour] += signs[kind]
        if not any(signs.values()):
            self._learn(hour, figures)
        before = dict(self.faults())
        for kind in KINDS:
            self._update(kind, signs[kind], at_s, figures)
        return {*before} != {*self.faults()}

    def faults(self) -> dict[FaultKind, Fault]:
        """The current faults, without those that follow from a worse one."""
        reported = {kind: one.reported for kind, one in self._suspected.items() if one.reported is not None}
        hidden = {other for kind in reported for other in _HIDES.get(kind, ())}
        return {kind: fault for kind, fault in reported.items() if kind not in hidden}

    def scene_distance(self, digits: str, at_s: float) -> float | None:
        """How much the image differs from what is known of this hour and its neighbours; None while too little is."""
        hour = hour_of(at_s)
        near = self._hourly.distances(bits(digits), 6, [hour - 1, hour, (hour + 1) % HOURS])
        nearest = float(near.min())
        return nearest if np.isfinite(nearest) else None

    def learn_scene(self, digits: str, at_s: float) -> None:
        """Add a frame of the time in which the camera is commissioned."""
        self._hourly.learn(hour_of(at_s), bits(digits))

    def _signs(self, at_s: float, figures: ImageFigures) -> dict[FaultKind, bool]:
        limits = self._settings
        detail = 1.0 if figures.detail is None else figures.detail
        return {
            "frozen": self._is_still(figures),
            "black": figures.brightness <= limits.black_brightness and figures.contrast <= limits.black_contrast,
            "covered": detail <= min(limits.covered_detail, limits.covered_share * self._usual_detail),
            "moved": self._is_elsewhere(figures),
        }

    def _is_still(self, figures: ImageFigures) -> bool:
        if figures.changed is None:
            return figures.frozen_s >= self._settings.frozen_s
        return figures.changed <= self._settings.frozen_changed

    def _is_elsewhere(self, figures: ImageFigures) -> bool:
        if figures.hash is None or self._recent.seen[0] < self._settings.learn_s / 2:
            return False
        now = bits(figures.hash)
        nearest = min(self._recent.distances(now, 1).min(), self._hourly.distances(now, 30).min())
        return bool(np.isfinite(nearest) and nearest > self._settings.moved_bits)

    def _learn(self, hour: int, figures: ImageFigures) -> None:
        if figures.hash is not None:
            self._recent.learn(0, bits(figures.hash))
        if figures.detail is not None:
            weight = 1 / max(1.0, float(self._recent.seen[0]))
            self._usual_detail += (figures.detail - self._usual_detail) * weight

    def _update(self, kind: FaultKind, sign: bool, at_s: float, figures: ImageFigures) -> None:
        suspected = self._suspected.get(kind)
        if not sign:
            if suspected is not None and at_s - suspected.seen_s >= self._settings.well_s:
                del self._suspected[kind]
            return
        if suspected is None or not 0 <= at_s - suspected.seen_s < max(self._settings.well_s, 60.0):
            suspected = self._suspected[kind] = _SuspectedFault(at_s, at_s)
        suspected.seen_s = at_s
        for_s = at_s - suspected.since_s
        if suspected.reported is None and for_s >= self._durations_s[kind] and not self._is_usual(kind, at_s):
            text = _TEXTS[kind].format(for_s=for_s)
            suspected.reported = Fault(kind, round(suspected.since_s * 1e9), round(at_s * 1e9), text)
        if kind == "moved" and for_s >= _ADOPT_S and figures.hash is not None:
            self._recent = SceneMemory(1, _RECENT_FRAMES)
            self._recent.learn(0, bits(figures.hash))
            del self._suspected[kind]

    def _is_usual(self, kind: FaultKind, at_s: float) -> bool:
        """Whether this hour and its neighbours often show such images."""
        if len(self._days) <= _MIN_DAYS:
            return False
        hour = hour_of(at_s)
        near = [hour - 1, hour, (hour + 1) % HOURS]
        return bool(self._flagged[KINDS.index(kind), near].sum() > _USUAL_SHARE * self._images[near].sum())

    def dump(self) -> dict[str, Any]:
        """JSON-able."""
        suspected_faults = {
            kind: [one.since_s, one.seen_s, None if one.reported is None else asdict(one.reported)]
            for kind, one in self._suspected.items()
        }
        return {
            "recent": self._recent.dump(),
            "hourly": self._hourly.dump(),
            "detail": round(self._usual_detail, 4),
            "flagged": self._flagged.astype(int).tolist(),
            "looked": self._images.astype(int).tolist(),
            "days": sorted(self._days)[-_MIN_DAYS - 1 :],
            "doubts": suspected_faults,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `dump` returned."""
        self._recent.restore(state["recent"])
        self._hourly.restore(state["hourly"])
        self._usual_detail = float(state["detail"])
        self._flagged = np.asarray(state["flagged"], float)
        self._images = np.asarray(state["looked"], float)
        self._days = set(state["days"])
        self._suspected = {
            kind: _SuspectedFault(since_s, seen_s, None if reported is None else Fault(**reported))
            for kind, (since_s, seen_s, reported) in state["doubts"].items()
        }
