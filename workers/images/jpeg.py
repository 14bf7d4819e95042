"""Images as JPEGs of a bounded size. Pure; one object is used by one thread."""

from __future__ import annotations

from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

_QUALITIES = (90, 80, 70, 60, 50, 40, 30)
_SHRINK = 0.7
_ROOMY = 0.5
_LEAST_SIDE = 8


class BoundedJpegEncoder:
    """Encodes JPEGs of at most `most_bytes`, the longest side at most `longest` pixels; never larger than the image.

    Starts with the quality that fitted last time, as a camera's frames are much alike.
    """

    def __init__(self, longest: int, most_bytes: int) -> None:
        self._longest = longest
        self._most_bytes = most_bytes
        self._reformatter = VideoReformatter()
        self._first = 1

    def jpeg(self, image: av.VideoFrame) -> bytes:
        """The image as a JPEG, smaller and coarser as needed."""
        scale = min(1.0, self._longest / max(image.width, image.height))
        wide, high = (max(1, round(side * scale)) for side in (image.width, image.height))
        small = self._reformatter.reformat(image, wide, high, format="bgr24", interpolation="AREA")
        image_bgr = cast("npt.NDArray[np.uint8]", small.to_ndarray())
        for index in range(self._first, len(_QUALITIES)):
            data = _encode(image_bgr, _QUALITIES[index])
            if len(data) <= self._most_bytes:
                self._first = max(0, index - 1) if len(data) < _ROOMY * self._most_bytes else index
                return data
        self._first = len(_QUALITIES) - 1
        while len(data) > self._most_bytes and min(image_bgr.shape[:2]) > _LEAST_SIDE:
            image_bgr = cast("npt.NDArray[np.uint8]", cv2.resize(image_bgr, None, fx=_SHRINK, fy=_SHRINK))
            data = _encode(image_bgr, _QUALITIES[-1])
        return data


def _encode(image_bgr: npt.NDArray[np.uint8], quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
