"""Faults of a camera's picture: frozen, black, covered, moved. Pure; one object a stream, fed with results' figures.

What a camera shows day after day at an hour is no fault of it: a shop that is black by night, a scene that another lamp
lights. Nor is what lasts an hour any more the exception: a camera that was turned on purpose is told once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from monitoring.drift.scene import HOURS, SceneMemory, bits, hour_of
from monitoring.drift.settings import CameraSettings
from monitoring.rules.drift_signals import Fault, FaultKind
from workers.bus.result import ImageFigures

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_RECENT = 600.0
_HOURLY = 25_000.0
_USUAL_SHARE = 0.1
_LEAST_DAYS = 2
_ADOPT_S = 3600.0
_HIDES: dict[FaultKind, tuple[FaultKind, ...]] = {"black": ("frozen", "covered", "moved"), "covered": ("moved",)}
_SAYS: dict[FaultKind, str] = {
    "frozen": "the picture is frozen: nothing in it has changed for {for_s:.0f} s",
    "black": "the picture is black, since {for_s:.0f} s",
    "covered": "something covers the lens, since {for_s:.0f} s: the picture shows next to no detail",
    "moved": "the camera was moved: for {for_s:.0f} s it has not shown the scene that it used to show",
}


@dataclass(slots=True)
class _Suspicion:
    """Since when a fault seems to be there, and when it was last seen. `told`: what rules were told of it."""

    since_s: float
    seen_s: float
    told: Fault | None = None


class CameraWatch:
    """The faults of one camera. `take` is given every result's figures; those it knows already cost nothing."""

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        self._lasts = dict(
            zip(KINDS, (settings.frozen_s, settings.black_s, settings.covered_s, settings.moved_s), strict=True)
        )
        self._recent = SceneMemory(1, _RECENT)
        self._hourly = SceneMemory(HOURS, _HOURLY)
        self._usual_detail = 0.0
        self._flagged = np.zeros((len(KINDS), HOURS))
        self._looked = np.zeros(HOURS)
        self._days: set[int] = set()
        self._suspicions: dict[FaultKind, _Suspicion] = {}
        self._made_us: tuple[str, int | None] | None = None

    def take(self, session: str, at_s: float, figures: ImageFigures) -> bool:
        """The figures of a result of that wall clock. True when faults began or ended."""
        made = (session, figures.pts_us)
        if figures.pts_us is not None and made == self._made_us:
            return False
        self._made_us = made
        signs = self._signs(at_s, figures)
        hour = hour_of(at_s)
        self._days.add(int(at_s // 86400))
        self._looked[hour] += 1
        for index, kind in enumerate(KINDS):
            self._flagged[index, hour] += signs[kind]
        if not any(signs.values()):
            self._learn(hour, figures)
        before = dict(self.faults())
        for kind in KINDS:
            self._follow(kind, signs[kind], at_s, figures)
        return {*before} != {*self.faults()}

    def faults(self) -> dict[FaultKind, Fault]:
        """Those that are told now, but for those that follow from a worse one."""
        told = {kind: doubt.told for kind, doubt in self._suspicions.items() if doubt.told is not None}
        hidden = {other for kind in told for other in _HIDES.get(kind, ())}
        return {kind: fault for kind, fault in told.items() if kind not in hidden}

    def scene_distance(self, digits: str, at_s: float) -> float | None:
        """How unlike the picture is to what is known of this hour and its neighbours; None while little is."""
        hour = hour_of(at_s)
        near = self._hourly.distances(bits(digits), 6, [hour - 1, hour, (hour + 1) % HOURS])
        least = float(near.min())
        return least if np.isfinite(least) else None

    def learn_scene(self, digits: str, at_s: float) -> None:
        """A picture of the time that the camera is commissioned in."""
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

    def _follow(self, kind: FaultKind, sign: bool, at_s: float, figures: ImageFigures) -> None:
        doubt = self._suspicions.get(kind)
        if not sign:
            if doubt is not None and at_s - doubt.seen_s >= self._settings.well_s:
                del self._suspicions[kind]
            return
        if doubt is None or not 0 <= at_s - doubt.seen_s < max(self._settings.well_s, 60.0):
            doubt = self._suspicions[kind] = _Suspicion(at_s, at_s)
        doubt.seen_s = at_s
        for_s = at_s - doubt.since_s
        if doubt.told is None and for_s >= self._lasts[kind] and not self._is_usual(kind, at_s):
            text = _SAYS[kind].format(for_s=for_s)
            doubt.told = Fault(kind, round(doubt.since_s * 1e9), round(at_s * 1e9), text)
        if kind == "moved" and for_s >= _ADOPT_S and figures.hash is not None:
            self._recent = SceneMemory(1, _RECENT)
            self._recent.learn(0, bits(figures.hash))
            del self._suspicions[kind]

    def _is_usual(self, kind: FaultKind, at_s: float) -> bool:
        """Whether a picture like that is what this hour and its neighbours often show."""
        if len(self._days) <= _LEAST_DAYS:
            return False
        hour = hour_of(at_s)
        near = [hour - 1, hour, (hour + 1) % HOURS]
        return bool(self._flagged[KINDS.index(kind), near].sum() > _USUAL_SHARE * self._looked[near].sum())

    def dump(self) -> dict[str, Any]:
        """JSON-able."""
        doubts = {
            kind: [doubt.since_s, doubt.seen_s, None if doubt.told is None else asdict(doubt.told)]
            for kind, doubt in self._suspicions.items()
        }
        return {
            "recent": self._recent.dump(),
            "hourly": self._hourly.dump(),
            "detail": round(self._usual_detail, 4),
            "flagged": self._flagged.astype(int).tolist(),
            "looked": self._looked.astype(int).tolist(),
            "days": sorted(self._days)[-_LEAST_DAYS - 1 :],
            "doubts": doubts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """What `dump` gave."""
        self._recent.restore(state["recent"])
        self._hourly.restore(state["hourly"])
        self._usual_detail = float(state["detail"])
        self._flagged = np.asarray(state["flagged"], float)
        self._looked = np.asarray(state["looked"], float)
        self._days = set(state["days"])
        self._suspicions = {
            kind: _Suspicion(since_s, seen_s, None if told is None else Fault(**told))
            for kind, (since_s, seen_s, told) in state["doubts"].items()
        }
