"""Type, size and cost of an image from its header, before anything is decoded. Any thread.

Decoding cannot be interrupted, so what it may cost is bounded beforehand: in bytes, in pixels, and in pixels × passes.
A progressive JPEG of some hundred kilobytes may go over all of its pixels thousands of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream.config import StreamSettings
from stream.decoding.image_formats import (
    PNG_SIGNATURE,
    ImageLayout,
    jpeg_layout,
    png_layout,
    webp_layout,
)
from stream.errors import BadImageError, TooLargeError
from stream.metrics import PICTURES_REFUSED

Kind = Literal["jpeg", "png", "webp"]

IMAGE_PASSES = 16
"""A still may go over `max_pixels` so often: cameras and editors write progressive JPEGs of 8 to 12 scans."""

FRAME_PASSES = 4
"""The same for a frame of a video: no camera sends progressive JPEGs, some send a scan for each colour."""

COSTLY_PIXELS = 10_000_000
"""Pixels × passes from which on decoding is costly: more than a 4K frame (`stream/decoding/costly_lane.py`)."""


@dataclass(frozen=True, slots=True)
class PixelLimit:
    """The most pixels, the most pixels × passes (as a multiple of it), and the setting's name."""

    max_pixels: int
    passes: int
    setting: str

    def check(self, layout: ImageLayout, what: str) -> None:
        """Raises TooLargeError above the limit, and counts that; BadImageError for no pixels. what: "the image"."""
        width, height = layout.size_wh
        pixels = width * height
        if pixels < 1:
            raise BadImageError(f"{what} has no pixels: {width}x{height}")
        if pixels > self.max_pixels:
            PICTURES_REFUSED.labels(self.setting).inc()
            raise TooLargeError(f"{what} has {width}x{height} pixels; the limit is {self.max_pixels} ({self.setting})")
        if pixels * layout.passes > self.max_pixels * self.passes:
            PICTURES_REFUSED.labels(self.setting).inc()
            raise TooLargeError(
                f"{what} has {width}x{height} pixels in at least {layout.passes} scans; the limit of pixels times "
                f"scans is {self.max_pixels * self.passes}, {self.passes} times {self.setting}"
            )


def image_limit(settings: StreamSettings) -> PixelLimit:
    """That of an image which is uploaded for itself."""
    return PixelLimit(settings.image_pixels, IMAGE_PASSES, "stream.image_pixels")


def frame_limit(settings: StreamSettings) -> PixelLimit:
    """That of the frames of a stream, however it comes."""
    return PixelLimit(settings.frame_pixels, FRAME_PASSES, "stream.frame_pixels")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image says of itself. `size_wh` in pixels, before its EXIF turn; passes: see ImageLayout."""

    kind: Kind
    size_wh: tuple[int, int]
    passes: int = 1

    @property
    def costly(self) -> bool:
        """Whether decoding it takes so long that others must not wait for it."""
        return self.size_wh[0] * self.size_wh[1] * self.passes > COSTLY_PIXELS


def read_header(data: bytes, max_bytes: int, limit: PixelLimit) -> ImageHeader:
    """Check bytes, type, pixels and scans of a JPEG, PNG or WebP; no pixel is decoded.

    Raises TooLargeError above the limits, BadImageError for anything else that is wrong with it.
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"the image has {len(data)} bytes; the limit is {max_bytes} (stream.image_bytes)")
    kind: Kind
    if data[:3] == b"\xff\xd8\xff":
        kind, layout = "jpeg", jpeg_layout(data, limit.max_pixels * limit.passes)
    elif data[:8] == PNG_SIGNATURE:
        kind, layout = "png", png_layout(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind, layout = "webp", webp_layout(data)
    else:
        raise BadImageError("not a JPEG, PNG or WebP image")
    limit.check(layout, "the image")
    return ImageHeader(kind, layout.size_wh, layout.passes)
