"""Crops of pictures for classifiers: cut, sized, and judged. Pure; one thread at a time a picture reformatter.

A crop is cut out of the picture's own planes (a copy of its pixels only), still in the picture's colour format;
`Letterbox.fill` then converts and resizes it in one pass into the model's tensor, as it does with whole pictures.
Training cuts and fills its crops with the same two functions, so that a model sees when serving what it learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

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
    return sharpness_of(edges(grey))


def edges(grey: U8) -> npt.NDArray[np.float32]:
    """The Laplacian of u8 luma (height, width) at 64×64 pixels; that averages noise away."""
    small = cv2.resize(halved(grey), (_SHARPNESS_SIDE, _SHARPNESS_SIDE), interpolation=cv2.INTER_AREA)
    return cast("npt.NDArray[np.float32]", cv2.Laplacian(small, cv2.CV_32F))


def halved(grey: U8) -> U8:
    """Half the size, as often as 256 lines are left: averaging on from there gives the same, in a fifth of the time."""
    while min(grey.shape) >= 512:
        height, width = grey.shape[0] // 2, grey.shape[1] // 2
        grey = cast("U8", cv2.resize(grey[: height * 2, : width * 2], (width, height), interpolation=cv2.INTER_AREA))
    return grey


def sharpness_of(laplacian: npt.NDArray[np.float32]) -> float:
    """See `sharpness`."""
    variance = float(laplacian.var())
    return variance / (variance + _SHARPNESS_HALF)


def coloured(picture: av.VideoFrame, size_wh: tuple[int, int]) -> npt.NDArray[np.float32]:
    """How far the colours are from grey, 0 to 1 (height, width): max(R, G, B) - min(R, G, B), of a thumbnail.

    Of YUV pictures from the colour planes alone (by BT.601), where it does not depend on the luma.
    """
    if picture.format.name not in _PLANES:
        picture = picture.reformat(format=_OTHERS)
    if len(_PLANES[picture.format.name]) == 1:
        if picture.format.name == "gray":
            return np.zeros(size_wh[::-1], np.float32)
        plane = _rows(picture.planes[0])[:, : picture.width * 3]
        pixels = cv2.resize(plane.reshape(picture.height, picture.width, 3), size_wh, interpolation=cv2.INTER_AREA)
        return np.asarray((pixels.max(axis=2).astype(np.float32) - pixels.min(axis=2)) / 255, np.float32)
    u, v = (cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA) for plane in _chroma(picture))
    blue, red = np.asarray(u, np.float32) - 128, np.asarray(v, np.float32) - 128
    parts = np.stack((1.402 * red, -0.344 * blue - 0.714 * red, 1.772 * blue))
    most = 255 if full_range(picture) else 224
    return np.asarray(np.minimum(1, (parts.max(axis=0) - parts.min(axis=0)) / most), np.float32)


def full_range(picture: av.VideoFrame) -> bool:
    """Whether black is 0 and white 255 in what `luma` gives, not 16 and 235."""
    name = picture.format.name
    return name not in _PLANES or not name.startswith(("yuv4", "nv")) or picture.color_range == ColorRange.JPEG


def _chroma(picture: av.VideoFrame) -> tuple[U8, U8]:
    """The two colour planes, views; those of NV12 lie in one."""
    planes = [_rows(plane) for plane in picture.planes[1:]]
    wide = -(-picture.width // _PLANES[picture.format.name][1][1])
    if len(planes) == 1:
        return planes[0][:, : wide * 2 : 2], planes[0][:, 1 : wide * 2 : 2]
    return planes[0][:, :wide], planes[1][:, :wide]


def quality(picture: av.VideoFrame, region: tuple[int, int, int, int], confidence: float) -> float:
    """How good a crop is to classify by: sharpness × area in pixels × the detector's confidence."""
    left, top, right, bottom = region
    return sharpness(picture, region) * (right - left) * (bottom - top) * confidence


def _rows(plane: av.video.plane.VideoPlane) -> U8:
    """A plane's bytes as u8 (rows, bytes a row, padding included), without a copy."""
    height = plane.height
    return np.frombuffer(memoryview(plane), np.uint8)[: height * plane.line_size].reshape(height, plane.line_size)
