"""What one tracker made of one clip: HOTA, IDF1, switches against the truth, and the events that came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from trackers.eval import box_iou, compute_clear_metrics, compute_hota_metrics, compute_identity_metrics
from tracking_boxes import Boxes, Truth

from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Scene, Zone
from workers.bus.event import Event
from workers.bus.result import Detection, FrameResult, Latency

ZONES = (
    ((0.05, 0.05), (0.5, 0.05), (0.5, 0.95), (0.05, 0.95)),
    ((0.4, 0.4), (0.9, 0.4), (0.9, 0.95), (0.4, 0.95)),
    ((0.3, 0.2), (0.7, 0.2), (0.7, 0.6), (0.3, 0.6)),
)


@dataclass(frozen=True)
class Case:
    """A clip, a detector and from which confidence its boxes count. first, last: which pictures; cuts: a new scene."""

    clip: str
    model: str
    confidence: float
    first: int = 0
    last: int = 10**9
    cuts: tuple[int, ...] = ()
    chosen: bool = False


@dataclass(frozen=True)
class Figures:
    """What one tracker made of a case at one rate. tracks, zones: events that tracks began and entered a zone."""

    hota: float
    idf1: float
    switches: int
    ids: int
    tracks: int
    zones: int


class _Zones:
    version = 1

    def scene(self, stream_id: str) -> Scene:
        zones = tuple(Zone(name=f"zone {number}", polygon=corners) for number, corners in enumerate(ZONES))
        return Scene(stream_id=stream_id, zones=zones)


class Judge:
    """Collects what a tracker says of the pictures of a case, and gives the figures."""

    def __init__(self, case: Case, boxes: Boxes, truth: Truth) -> None:
        self._case, self._boxes, self._truth = case, boxes, truth
        self._true: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._pictures: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._events: list[Event] = []
        self._monitor = TrackEvents(EventSettings(), _Zones())

    def take(self, number: int, rows: np.ndarray) -> None:
        """Picture `number` and its boxes (n, 7) with their tracks."""
        rows = rows[(rows[:, 4] >= self._case.confidence) & (rows[:, 6] >= 0)]
        self._monitor.take_result(self._result(number, rows), self._events)
        ids, xyxy = self._truth.get(number, (np.zeros(0, np.int64), np.zeros((0, 4))))
        true = np.array([self._true.setdefault(int(each), len(self._true)) for each in ids], int)
        told = np.array([self._told.setdefault(int(each), len(self._told)) for each in rows[:, 6]], int)
        overlaps = box_iou(xyxy, rows[:, :4], box_format="xyxy") if len(ids) and len(rows) else None
        self._pictures.append((true, told, np.zeros((len(ids), len(rows))) if overlaps is None else overlaps))

    def figures(self) -> Figures:
        """Of all pictures so far."""
        series = [list(part) for part in zip(*self._pictures, strict=True)]
        kinds = [event.kind for event in self._events]
        return Figures(
            hota=round(float(compute_hota_metrics(*series)["HOTA"]), 3),
            idf1=round(float(compute_identity_metrics(*series)["IDF1"]), 3),
            switches=int(compute_clear_metrics(*series)["IDSW"]),
            ids=len(self._told),
            tracks=kinds.count("track_began"),
            zones=kinds.count("zone_entered"),
        )

    def _result(self, number: int, rows: np.ndarray) -> FrameResult:
        pts_us = self._boxes.pts_us[number]
        detections = tuple(
            Detection(
                detector=self._case.model,
                track_id=int(track) + 1,
                label=str(int(label)),
                confidence=min(1.0, float(confidence)),
                xyxy=(float(x1), float(y1), float(x2), float(y2)),
            )
            for x1, y1, x2, y2, confidence, label, track in rows
        )
        return FrameResult(
            stream_id="bench",
            session="s",
            frame=number,
            skipped=0,
            pts_us=pts_us,
            captured_at_ns=pts_us * 1000,
            size_wh=self._boxes.size_wh,
            node="bench",
            detections=detections,
            image=None,
            models={},
            latency_ms=Latency(decode=0, wait=0, inference=0, total=0),
        )
