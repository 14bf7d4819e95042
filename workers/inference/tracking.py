"""Tracks: the same object in consecutive frames. One tracker a (stream, detector), used by one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from workers.engines.engine import F32
from workers.inference.motion import F64, I64, BoxMotion, sizes

LEAST_CONFIDENCE = 0.1
"""Boxes below it are noise even for the second pass (ByteTrack: Zhang et al. 2022, section 3: tau_low = 0.1)."""
_ROUNDING_S = 1e-6
_NONE: I64 = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class TrackedBoxes:
    """Boxes of one frame: xyxy (n, 4) pixels, confidence (n,), class_id (n,), track_id (n,), -1 while unconfirmed."""

    xyxy: F32
    confidence: F32
    class_id: I64
    track_id: I64


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """What a tracker takes for the same object; chosen by deployment/bench/tracking.py.

    lost_s: a track without a box for longer is lost; but one of the frame before only after `step_s`, as cameras may be
    looked at once a second, or less. overlap, doubtful_overlap: the least overlap, with margin, of a confident box and
    of one that is not. doubtful_s: a doubtful box follows a track that was seen that recently (or in the frame before).
    margin: in standard deviations of the expected place; most_margin: in sizes of the box.
    """

    lost_s: float = 1.0
    step_s: float = 3.0
    overlap: float = 0.15
    doubtful_overlap: float = 0.3
    doubtful_s: float = 0.3
    margin: float = 1.0
    most_margin: float = 0.7


class Tracker:
    """Follows one detector's boxes, whatever their class, at any rate of frames and through gaps in them.

    In two passes, as ByteTrack (Zhang et al. 2022): confident boxes first, then the others, which only follow a track.
    What differs is that all of it goes by `pts_us`: where a track is expected (motion.py), and how far from there it is
    looked for. Boxes are compared by their overlap after both have grown by a margin that follows the doubt about the
    expected place (Buffered IoU: Yang et al. 2023): next to none for a track that moves evenly, much for one that was
    seen once only, and the more the longer ago.

    A track is confirmed by its second frame in a row, and lost after `lost_s` seconds without a box, at the
    earliest in the second frame without.
    """

    def __init__(
        self, confident: float, settings: TrackerSettings | None = None, numbers: Iterator[int] | None = None
    ) -> None:
        """confident: the confidence from which a box starts a track; less follows one only.

        numbers: gives each confirmed track its own, from 0 on where none are given; trackers that share one have no
        number twice.
        """
        self.confident = confident
        self._settings = settings or TrackerSettings()
        self._numbers = count() if numbers is None else numbers
        self._motion = BoxMotion()
        self._id: I64 = np.zeros(0, np.int64)
        self._seen_s: F64 = np.zeros(0)
        self._now_s: float | None = None

    def update(self, rows: F32, pts_us: int) -> TrackedBoxes:
        """Follow the boxes `rows` (n, 6: x1, y1, x2, y2 in pixels, confidence, class) of the next frame.

        A frame that is no later than the one before is taken as one of the same moment.
        """
        rows = rows[rows[:, 4] >= LEAST_CONFIDENCE]
        xyxy = rows[:, :4].astype(np.float64)
        before_s = self._advance(pts_us / 1e6)
        confident = rows[:, 4] >= self.confident
        high, low = np.flatnonzero(confident), np.flatnonzero(~confident)
        tracks, boxes = self._pair(np.arange(len(self._id)), xyxy[high], self._settings.overlap)
        boxes = high[boxes]
        if len(low):
            left = np.setdiff1d(np.flatnonzero(self._seen_s >= before_s), tracks, assume_unique=True)
            more_tracks, more_boxes = self._pair(left, xyxy[low], self._settings.doubtful_overlap)
            tracks, boxes = np.append(tracks, more_tracks), np.append(boxes, low[more_boxes])
        track_id = np.full(len(rows), -1, np.int64)
        track_id[boxes] = self._see(tracks, boxes, xyxy[boxes])
        self._begin(xyxy[np.setdiff1d(high, boxes, assume_unique=True)])
        return TrackedBoxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), track_id)

    def _advance(self, now_s: float) -> float:
        """Move all tracks on to now and forget the lost. Returns since when a track counts as seen just now."""
        before_s = now_s if self._now_s is None else self._now_s
        self._now_s = max(before_s, now_s)
        elapsed_s = self._now_s - before_s
        if elapsed_s > 0:
            kept_s = min(self._now_s - self._settings.lost_s, before_s)
            if elapsed_s > self._settings.step_s:
                kept_s = self._now_s - self._settings.lost_s
            self._keep(self._seen_s >= kept_s - _ROUNDING_S)
            self._motion.advance(elapsed_s)
        return min(before_s, self._now_s - self._settings.doubtful_s) - _ROUNDING_S

    def _pair(self, tracks: I64, xyxy: F64, least: float) -> tuple[I64, I64]:
        """The tracks and the rows of `xyxy` (n, 4) that belong together: the pairs that overlap most in all."""
        if not len(tracks) or not len(xyxy):
            return _NONE, _NONE
        state, doubt = self._motion.state[tracks], self._motion.doubt_xy()[tracks]
        margin = np.minimum(self._settings.margin * doubt, self._settings.most_margin * sizes(state))
        overlap = overlaps(state, margin, xyxy)
        overlap[overlap < least] = 0.0
        chosen, boxes = linear_sum_assignment(overlap, maximize=True)
        good = overlap[chosen, boxes] > 0
        return tracks[chosen[good]], boxes[good]

    def _see(self, tracks: I64, boxes: I64, xyxy: F64) -> I64:
        """Tracks were seen at `xyxy` (k, 4): the new ones get numbers, in the order of `boxes`. Returns all numbers.

        New tracks that were not seen again are forgotten.
        """
        self._motion.correct(tracks, xyxy)
        self._seen_s[tracks] = self._now_s
        new = tracks[np.argsort(boxes)]
        new = new[self._id[new] < 0]
        self._id[new] = [next(self._numbers) for _ in new]
        numbers = self._id[tracks]
        self._keep(self._id >= 0)
        return numbers

    def _begin(self, xyxy: F64) -> None:
        if not len(xyxy):
            return
        self._motion.add(xyxy)
        self._id = np.append(self._id, np.full(len(xyxy), -1))
        self._seen_s = np.append(self._seen_s, np.full(len(xyxy), self._now_s))

    def _keep(self, mask: npt.NDArray[np.bool_]) -> None:
        if not mask.all():
            self._motion.keep(mask)
            self._id, self._seen_s = self._id[mask], self._seen_s[mask]


def overlaps(state: F64, margin: F64, xyxy: F64) -> F64:
    """Intersection over union (n, m) of boxes (n, 4: centre, size) and (m, 4: corners), all grown by `margin` (n, 2).

    The margin of the first is that of the pair, in pixels on each side.
    """
    grown = state[:, 2:] / 2 + margin
    low, high = state[:, None, :2] - grown[:, None], state[:, None, :2] + grown[:, None]
    least, most = xyxy[None, :, :2] - margin[:, None], xyxy[None, :, 2:] + margin[:, None]
    shared = np.maximum(np.minimum(high, most) - np.maximum(low, least), 0.0)
    area = most - least
    inner = shared[..., 0] * shared[..., 1]
    outer = (4 * grown[:, 0] * grown[:, 1])[:, None] + area[..., 0] * area[..., 1] - inner
    shares: F64 = np.divide(inner, outer, out=np.zeros_like(inner), where=outer > 0)
    return shares
