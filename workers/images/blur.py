"""Privacy: what the models find is made unrecognisable before a picture leaves the workers. One thread at a time.

Everything that leaves as a picture (snapshots, MJPEG, video) is made from the frames that the pipeline emits, so that
a blurred stream's pictures are blurred once, here, and a picture that was not analysed never gets this far.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from stream.decoding.pts_clock import MICROSECONDS
from stream.frame import Frame
from workers.engines.engine import F32

U8 = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

_CELLS = 6  # what is left of a face: so many spots across its longer side
_MOST_HELD = 400


@dataclass(frozen=True, slots=True)
class BlurRule:
    """What is blurred, and how widely.

    least_confidence: far below the models' thresholds, because a blurred nothing costs less than a face shown; grow:
    the share of a box's width (height) that is added on each side; hold_us: how long a place stays blurred after, and
    in how many more pictures at least, for those that are few a second.
    """

    least_confidence: float = 0.05
    grow: float = 0.25
    hold_us: int = 500_000
    hold_pictures: int = 2


@dataclass(frozen=True, slots=True)
class _Held:
    box: Box
    seen_us: int
    picture: int


class Blurrer:
    """Blurs one stream's pictures, in their order."""

    def __init__(self, rule: BlurRule | None = None) -> None:
        self._rule = rule or BlurRule()
        self._held: list[_Held] = []
        self._session: str | None = None
        self._pictures = 0

    def blurred(self, frame: Frame, rows: Iterable[F32]) -> Frame:
        """The frame with a new picture (BGR), in which nothing that was found can be recognised.

        rows: of each detector (n, 6): x1, y1, x2, y2 in pixels of the picture, confidence, class.
        """
        image_bgr = cast(
            "U8", VideoReformatter().reformat(frame.image, *frame.size_wh, format="bgr24").to_ndarray()
        ).copy()
        for box in self._places(frame, rows):
            blur_box(image_bgr, box)
        picture = av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
        picture.pts, picture.time_base = frame.pts_us, MICROSECONDS
        return replace(frame, image=picture)

    def _places(self, frame: Frame, rows: Iterable[F32]) -> list[Box]:
        """Where to blur: what is found now, and what was found lately."""
        if frame.session != self._session:
            self._session, self._held = frame.session, []
        self._pictures += 1
        found = [
            _Held(grown(row[:4], self._rule.grow, frame.size_wh), frame.pts_us, self._pictures)
            for table in rows
            for row in table
            if row[4] >= self._rule.least_confidence
        ]
        kept = [held for held in self._held if self._is_kept(held, frame.pts_us)]
        places: list[_Held] = []
        for held in (*found, *kept):
            if not any(_covers(place.box, held.box) for place in places if place.seen_us == frame.pts_us):
                places.append(held)
        self._held = places[:_MOST_HELD]
        return [place.box for place in self._held]

    def _is_kept(self, held: _Held, now_us: int) -> bool:
        lately = now_us - held.seen_us <= self._rule.hold_us
        return lately or self._pictures - held.picture <= self._rule.hold_pictures


def grown(xyxy: F32, share: float, size_wh: tuple[int, int]) -> Box:
    """A box widened on each side by `share` of its width (height), in whole pixels inside the picture."""
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
