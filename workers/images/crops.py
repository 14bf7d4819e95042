"""Crops of images: which region, and its pixels. Pure.

A crop is copied out of the image's own planes, still in its colour format; `Letterbox.fill` then converts and resizes
it in one pass into the model's tensor, as it does with whole frames. Training cuts and fills its crops with the same
two functions, so that a model sees when serving what it learned from.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np

from workers.images.planes import FALLBACK_FORMAT, PLANES, plane_rows


def crop_region(xyxy: Sequence[float], margin: float, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box widened on each side by `margin` times its width (height), in whole pixels of the image: x1, y1, x2, y2.

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


def crop_image(image: av.VideoFrame, region: tuple[int, int, int, int]) -> av.VideoFrame:
    """The pixels of `region` (see crop_region) as an image of its own, colour format and range as they were.

    A format that cannot be cropped as it is (10 bits, palettes) is converted to RGB first.
    """
    if image.format.name not in PLANES:
        image = image.reformat(format=FALLBACK_FORMAT)
    left, top, right, bottom = region
    crop = av.VideoFrame(right - left, bottom - top, image.format.name)
    crop.colorspace, crop.color_range = image.colorspace, image.color_range
    for ours, theirs, (size, every_x, every_y) in zip(
        crop.planes, image.planes, PLANES[image.format.name], strict=True
    ):
        wide, high = -(-(right - left) // every_x) * size, -(-(bottom - top) // every_y)
        from_x, from_y = left // every_x * size, top // every_y
        plane_rows(ours)[:high, :wide] = plane_rows(theirs)[from_y : from_y + high, from_x : from_x + wide]
    return crop
