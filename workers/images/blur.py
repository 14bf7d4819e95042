"""Privacy: what the models find is made unrecognisable before a frame leaves the workers. One thread at a time.

All images that leave (snapshots, MJPEG, video) are made from the frames that the pipeline emits, so that a blurred
stream's frames are blurred once, here, and a frame that was not analysed never gets this far.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from stream.decoding.pts_clock import MICROSECONDS
from stream.frame import Frame
from workers.engines.engine import F32, U8

Box = tuple[int, int, int, int]

_CELLS = 6  # what is left of a face: so many spots across its longer side
_MOST_REGIONS = 400


@dataclass(frozen=True, slots=True)
class BlurRule:
    """What is blurred, and how widely.

    least_confidence: far below the models' thresholds, because blurring nothing costs less than showing a face; grow:
    the share of a box's width (height) that is added on each side; hold_us, hold_frames: how long a region
    stays blurred after, and in how many more frames at least, for streams of few frames a second.
    """

    least_confidence: float = 0.05
    grow: float = 0.25
    hold_us: int = 500_000
    hold_frames: int = 2


@dataclass(frozen=True, slots=True)
class _Region:
    box: Box
    seen_us: int
    frame: int


class Blurrer:
    """Blurs one stream's frames, in order."""

    def __init__(self, rule: BlurRule | None = None) -> None:
        self._rule = rule or BlurRule()
        self._regions: list[_Region] = []
        self._session: str | None = None
        self._frames = 0

    def blurred(self, frame: Frame, rows: Iterable[F32]) -> Frame:
        """The frame with a new image (BGR), in which nothing that was found can be recognised.

        rows: of each detector (n, 6): x1, y1, x2, y2 in pixels of the frame, confidence, class.
        """
        image_bgr = cast(
            "U8", VideoReformatter().reformat(frame.image, *frame.size_wh, format="bgr24").to_ndarray()
        ).copy()
        for box in self._to_blur(frame, rows):
            blur_box(image_bgr, box)
        image = av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
        image.pts, image.time_base = frame.pts_us, MICROSECONDS
        return replace(frame, image=image, small=None)

    def _to_blur(self, frame: Frame, rows: Iterable[F32]) -> list[Box]:
        """Where to blur: what is found now, and what was found recently."""
        if frame.session != self._session:
            self._session, self._regions = frame.session, []
        self._frames += 1
        found = [
            _Region(grown(row[:4], self._rule.grow, frame.size_wh), frame.pts_us, self._frames)
            for table in rows
            for row in table
            if row[4] >= self._rule.least_confidence
        ]
        recent = [region for region in self._regions if self._is_recent(region, frame.pts_us)]
        regions: list[_Region] = []
        for region in (*found, *recent):
            if not any(_covers(other.box, region.box) for other in regions if other.seen_us == frame.pts_us):
                regions.append(region)
        self._regions = regions[:_MOST_REGIONS]
        return [region.box for region in self._regions]

    def _is_recent(self, region: _Region, now_us: int) -> bool:
        in_time = now_us - region.seen_us <= self._rule.hold_us
        return in_time or self._frames - region.frame <= self._rule.hold_frames


def grown(xyxy: F32, share: float, size_wh: tuple[int, int]) -> Box:
    """A box widened on each side by `share` of its width (height), in whole pixels inside the frame."""
    x1, y1, x2, y2 = (float(value) for value in xyxy)
    dx, dy = (x2 - x1) * share, (y2 - y1) * share
    left, top = max(0, int(np.floor(x1 - dx))), max(0, int(np.floor(y1 - dy)))
    return left, top, min(size_wh[0], int(np.ceil(x2 + dx))), min(size_wh[1], int(np.ceil(y2 + dy)))


def blur_box(image_bgr: U8, box: Box) -> None:
    """Leave a few spots of a region, each the mean of what was there; the rest of its information is gone."""
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    if width < 1 or height < 1:
        return
    cell = max(1.0, max(width, height) / _CELLS)
    spots_wh = max(1, round(width / cell)), max(1, round(height / cell))
    spots = cv2.resize(image_bgr[y1:y2, x1:x2], spots_wh, interpolation=cv2.INTER_AREA)
    image_bgr[y1:y2, x1:x2] = cv2.resize(spots, (width, height), interpolation=cv2.INTER_LINEAR)


def _covers(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]
