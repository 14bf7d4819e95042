"""Tracks: the same object in consecutive frames. One tracker a (stream, detector), used by one thread at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker

from workers.engines.engine import F32

LEAST_CONFIDENCE = 0.1
"""Boxes below it are noise even for ByteTrack's second pass (Zhang et al. 2022, section 3: tau_low = 0.1)."""


@dataclass(frozen=True, slots=True)
class TrackedBoxes:
    """Boxes of one frame: xyxy (n, 4) pixels, confidence (n,), class_id (n,), track_id (n,), -1 while unconfirmed."""

    xyxy: F32
    confidence: F32
    class_id: np.ndarray[tuple[int], np.dtype[np.int64]]
    track_id: np.ndarray[tuple[int], np.dtype[np.int64]]


class TrackIds:
    """Track numbers of one session, unique across its detectors, from 1."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}

    def of(self, detector: str, own_id: int) -> int:
        """The session's number for a tracker's own number of the same track."""
        return self._known.setdefault((detector, own_id), len(self._known) + 1)


class Tracker:
    """ByteTrack over one detector's boxes, whatever their class.

    A track is confirmed by its second frame, and lost after `lost_s` seconds without a box; both by `pts_us`, so
    that skipped frames do not matter.
    """

    def __init__(self, confident: float, lost_s: float = 1.0) -> None:
        self._track = ByteTrackTracker(
            lost_track_buffer=round(30 * lost_s),
            track_activation_threshold=confident,
            high_conf_det_threshold=confident,
            minimum_consecutive_frames=2,
            minimum_iou_threshold=0.1,
        )

    @property
    def confident(self) -> float:
        """The confidence from which a box starts a track; less follows one only."""
        return float(self._track.track_activation_threshold)

    @confident.setter
    def confident(self, confidence: float) -> None:
        self._track.track_activation_threshold = self._track.high_conf_det_threshold = confidence

    def update(self, rows: F32, pts_us: int) -> TrackedBoxes:
        """Follow the boxes `rows` (n, 6: x1, y1, x2, y2 in pixels, confidence, class) of the next frame."""
        rows = rows[rows[:, 4] >= LEAST_CONFIDENCE]
        detections = sv.Detections(
            xyxy=rows[:, :4].astype(np.float32), confidence=rows[:, 4], class_id=rows[:, 5].astype(np.int64)
        )
        tracked = self._track.update(detections, timestamp=pts_us / 1e6)
        count = len(tracked)
        return TrackedBoxes(
            xyxy=np.asarray(tracked.xyxy, np.float32),
            confidence=np.asarray(tracked.confidence if count else [], np.float32),
            class_id=np.asarray(tracked.class_id if count else [], np.int64),
            track_id=np.asarray(tracked.tracker_id if count else [], np.int64),
        )
