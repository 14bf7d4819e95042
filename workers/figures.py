"""Figures of a whole picture, 0 to 1 (ARCHITECTURE.md defines them). Pure; one object a stream."""

from __future__ import annotations

from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from workers.crops import U8, luma, sharpness
from workers.picture_quality import blockiness, changed, focus, sampled
from workers.result import ImageFigures

_THUMBNAIL_WH = (64, 36)
_SAME = 1.0 / 255
"""Thumbnails that differ by less on average show the same: more than codec noise, less than a person far away."""
_HASH_WH = (17, 16)
_CELLS = 8  # a side of the grid that `detail` counts in
_CELL_PIXELS = 8
_TEXTURE = 4.0


class FigureMaker:
    """Makes the figures of one stream's pictures; remembers since when the picture has not changed."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._thumbnail: npt.NDArray[np.float32] | None = None
        self._changed_us = 0
        self._sampled: U8 | None = None

    def figures(self, picture: av.VideoFrame, pts_us: int) -> ImageFigures:
        """brightness: mean luma; contrast: twice its standard deviation; sharpness: see workers.crops."""
        grey = luma(picture)
        small = np.asarray(cv2.resize(grey, _THUMBNAIL_WH, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
        if self._thumbnail is None or float(np.abs(small - self._thumbnail).mean()) >= _SAME:
            self._thumbnail, self._changed_us = small, pts_us
        before, self._sampled = self._sampled, sampled(grey)
        return ImageFigures(
            brightness=round(float(small.mean()), 4),
            contrast=round(min(1.0, 2 * float(small.std())), 4),
            sharpness=round(sharpness(picture), 4),
            frozen_s=round(max(0, pts_us - self._changed_us) / 1e6, 3),
            saturation=round(self._saturation(picture), 4),
            detail=round(detail(grey), 4),
            hash=difference_hash(grey),
            focus=round(focus(grey), 4),
            blockiness=round(blockiness(grey), 4),
            changed=None if before is None else round(changed(before, self._sampled), 4),
            pts_us=pts_us,
        )

    def _saturation(self, picture: av.VideoFrame) -> float:
        """How far the colours are from grey: the mean of max(R, G, B) - min(R, G, B)."""
        width, height = _THUMBNAIL_WH
        small = self._reformatter.reformat(picture, width, height, format="rgb24", interpolation="AREA")
        rgb = cast("U8", small.to_ndarray())
        return float((rgb.max(axis=2) - rgb.min(axis=2)).mean()) / 255


def detail(grey: U8) -> float:
    """The share of the cells of an 8×8 grid that show some texture: edges, and no noise, at 64×64 pixels."""
    side = _CELLS * _CELL_PIXELS
    small = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
    squares = np.square(cv2.Laplacian(small, cv2.CV_32F))
    cells = squares.reshape(_CELLS, _CELL_PIXELS, _CELLS, _CELL_PIXELS).mean(axis=(1, 3))
    return float((np.sqrt(cells) >= _TEXTURE).mean())


def difference_hash(grey: U8) -> str:
    """Whether each of 16×16 spots is darker than its right neighbour, row by row, as 64 hexadecimal digits.

    What moves a little changes few bits, a camera that was turned about half (Krawetz 2013, "Kind of like that").
    """
    small = cv2.resize(grey, _HASH_WH, interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()
