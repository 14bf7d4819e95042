"""Figures of a whole picture, 0 to 1 (ARCHITECTURE.md defines them). Pure; one object a stream."""

from __future__ import annotations

import av
import cv2
import numpy as np
import numpy.typing as npt

from workers.crops import luma, sharpness
from workers.result import ImageFigures

_THUMBNAIL_WH = (64, 36)
_SAME = 1.0 / 255
"""Thumbnails that differ by less on average show the same: more than codec noise, less than a person far away."""


class FigureMaker:
    """Makes the figures of one stream's pictures; remembers since when the picture has not changed."""

    def __init__(self) -> None:
        self._thumbnail: npt.NDArray[np.float32] | None = None
        self._changed_us = 0

    def figures(self, picture: av.VideoFrame, pts_us: int) -> ImageFigures:
        """brightness: mean luma; contrast: twice its standard deviation; sharpness: see workers.crops."""
        thumbnail = cv2.resize(luma(picture), _THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
        small = np.asarray(thumbnail, np.float32) / np.float32(255)
        if self._thumbnail is None or float(np.abs(small - self._thumbnail).mean()) >= _SAME:
            self._thumbnail, self._changed_us = small, pts_us
        return ImageFigures(
            brightness=round(float(small.mean()), 4),
            contrast=round(min(1.0, 2 * float(small.std())), 4),
            sharpness=round(sharpness(picture), 4),
            frozen_s=round(max(0, pts_us - self._changed_us) / 1e6, 3),
        )
