"""The planes of an image as arrays, without a copy: its luma, its colours, its range of values. Pure."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from stream.decoding import still
from workers.engines.engine import F32, U8
from workers.engines.letterbox import packed

PLANES: dict[str, tuple[tuple[int, int, int], ...]] = {
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
"""By format, for each plane: bytes a sample, and the subsampling in x and y. These can be cropped as they are."""

FALLBACK_FORMAT = "rgb24"
"""What images of other formats (10 bits, palettes) are converted to first."""


def luma(image: av.VideoFrame) -> U8:
    """How bright the pixels are: u8 (height, width), a view of the image where it has such a plane: do not write."""
    if image.format.name not in PLANES:
        image = image.reformat(format="gray")
    pixels = packed(image)
    return plane_rows(image.planes[0])[:, : image.width] if pixels is None else pixels[:, :, 1]


def halved(pixels: U8) -> U8:
    """Half the size, as often as 256 lines are left: averaging on from there gives the same, in a fifth of the time.

    u8 (height, width) or with channels (height, width, n).
    """
    return still.halved(pixels, 512)


def colourfulness(image: av.VideoFrame, size_wh: tuple[int, int]) -> F32:
    """How far the colours are from grey, 0 to 1 (height, width): max(R, G, B) - min(R, G, B), of a thumbnail.

    Of YUV images from the colour planes alone (by BT.601), where it does not depend on the luma.
    """
    if image.format.name not in PLANES:
        image = image.reformat(format=FALLBACK_FORMAT)
    if image.format.name == "gray":
        return np.zeros(size_wh[::-1], np.float32)
    if (pixels := packed(image)) is not None:
        return spread(halved(pixels), size_wh)
    u, v = (cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA) for plane in _chroma(image))
    blue, red = np.asarray(u, np.float32) - 128, np.asarray(v, np.float32) - 128
    parts = np.stack((1.402 * red, -0.344 * blue - 0.714 * red, 1.772 * blue))
    most = 255 if full_range(image) else 224
    return np.asarray(np.minimum(1, (parts.max(axis=0) - parts.min(axis=0)) / most), np.float32)


def spread(pixels: U8, size_wh: tuple[int, int]) -> F32:
    """The `colourfulness` of RGB or BGR pixels (height, width, 3)."""
    small = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray((small.max(axis=2).astype(np.float32) - small.min(axis=2)) / 255, np.float32)


def full_range(image: av.VideoFrame) -> bool:
    """Whether black is 0 and white 255 in what `luma` gives, not 16 and 235."""
    name = image.format.name
    return name not in PLANES or not name.startswith(("yuv4", "nv")) or image.color_range == ColorRange.JPEG


def plane_rows(plane: av.video.plane.VideoPlane) -> U8:
    """A plane's bytes as u8 (rows, bytes a row, padding included), without a copy."""
    height = plane.height
    return np.frombuffer(memoryview(plane), np.uint8)[: height * plane.line_size].reshape(height, plane.line_size)


def _chroma(image: av.VideoFrame) -> tuple[U8, U8]:
    """The two colour planes, views; those of NV12 lie in one."""
    planes = [plane_rows(plane) for plane in image.planes[1:]]
    wide = -(-image.width // PLANES[image.format.name][1][1])
    if len(planes) == 1:
        return planes[0][:, : wide * 2 : 2], planes[0][:, 1 : wide * 2 : 2]
    return planes[0][:, :wide], planes[1][:, :wide]
