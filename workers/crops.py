"""Crops of pictures for classifiers: cut, sized, and judged. Pure; one thread at a time a picture reformatter.

A crop is cut out of the picture's own planes (a copy of its pixels only), still in the picture's colour format;
`Letterbox.fill` then converts and resizes it in one pass into the model's tensor, as it does with whole pictures.
Training cuts and fills its crops with the same two functions, so that a model sees when serving what it learned from.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]

# Bytes a sample and the subsampling (x, y) of each plane of the formats that can be cut as they are
_PLANES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "yuv420p": ((1, 1, 1), (1, 2, 2), (1, 2, 2)),
    "yuvj420p": ((1, 1, 1), (1, 2, 2), (1, 2, 2)),
    "yuv422p": ((1, 1, 1), (1, 2, 1), (1, 2, 1)),
    "yuvj422p": ((1, 1, 1), (1, 2, 1), (1, 2, 1)),
    "yuv444p": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "yuvj444p": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "nv12": ((1, 1, 1), (2, 2, 2)),
    "gray": ((1, 1, 1),),
    "rgb24": ((3, 1, 1),),
    "bgr24": ((3, 1, 1),),
}
_OTHERS = "rgb24"
_SHARPNESS_SIDE = 64
_SHARPNESS_HALF = 200.0


def crop_region(xyxy: Sequence[float], margin: float, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box widened on each side by `margin` times its width (height), in whole pixels of the picture: x1, y1, x2, y2.

    Left and top are even, as halved colour planes need; at least 2×2 pixels, whatever the box.
    """
    x1, y1, x2, y2 = xyxy
    dx, dy = (x2 - x1) * margin, (y2 - y1) * margin
    width, height = size_wh
    left = min(max(0, int(np.floor(x1 - dx))), max(0, width - 2)) // 2 * 2
    top = min(max(0, int(np.floor(y1 - dy))), max(0, height - 2)) // 2 * 2
    right = max(min(width, int(np.ceil(x2 + dx))), min(width, left + 2))
    bottom = max(min(height, int(np.ceil(y2 + dy))), min(height, top + 2))
    return left, top, right, bottom


def cut(picture: av.VideoFrame, region: tuple[int, int, int, int]) -> av.VideoFrame:
    """The pixels of `region` (see crop_region) as a picture of its own, colour format and range as they were.

    A format that cannot be cut as it is (10 bits, palettes) is converted to RGB first.
    """
    if picture.format.name not in _PLANES:
        picture = picture.reformat(format=_OTHERS)
    left, top, right, bottom = region
    crop = av.VideoFrame(right - left, bottom - top, picture.format.name)
    crop.colorspace, crop.color_range = picture.colorspace, picture.color_range
    for ours, theirs, (size, every_x, every_y) in zip(
        crop.planes, picture.planes, _PLANES[picture.format.name], strict=True
    ):
        wide, high = -(-(right - left) // every_x) * size, -(-(bottom - top) // every_y)
        from_x, from_y = left // every_x * size, top // every_y
        _rows(ours)[:high, :wide] = _rows(theirs)[from_y : from_y + high, from_x : from_x + wide]
    return crop


def luma(picture: av.VideoFrame) -> U8:
    """How bright the pixels are: u8 (height, width), a view of the picture where it has such a plane. Do not write."""
    if picture.format.name not in _PLANES:
        picture = picture.reformat(format="gray")
    plane = _rows(picture.planes[0])
    if picture.format.name in ("rgb24", "bgr24"):
        return plane[:, : picture.width * 3].reshape(picture.height, picture.width, 3)[:, :, 1]
    return plane[:, : picture.width]


def sharpness(picture: av.VideoFrame, region: tuple[int, int, int, int] | None = None) -> float:
    """0 (a blank wall, a blur) to 1: v / (v + 200), v the variance of the Laplacian of the luma at 64×64 pixels.

    The fixed size makes crops of different sizes comparable.
    """
    grey = luma(picture)
    if region is not None:
        left, top, right, bottom = region
        grey = grey[top:bottom, left:right]
    small = cv2.resize(grey, (_SHARPNESS_SIDE, _SHARPNESS_SIDE), interpolation=cv2.INTER_AREA)
    variance = float(cv2.Laplacian(small, cv2.CV_32F).var())
    return variance / (variance + _SHARPNESS_HALF)


def quality(picture: av.VideoFrame, region: tuple[int, int, int, int], confidence: float) -> float:
    """How good a crop is to classify by: sharpness × area in pixels × the detector's confidence."""
    left, top, right, bottom = region
    return sharpness(picture, region) * (right - left) * (bottom - top) * confidence


def _rows(plane: av.video.plane.VideoPlane) -> U8:
    """A plane's bytes as u8 (rows, bytes a row, padding included), without a copy."""
    height = plane.height
    return np.frombuffer(memoryview(plane), np.uint8)[: height * plane.line_size].reshape(height, plane.line_size)
