"""Crops hold the pixels they should, whatever the picture's colour format."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from workers.engines.letterbox import Letterbox
from workers.images.crop_quality import crop_quality, sharpness
from workers.images.crops import crop_image, crop_region
from workers.images.planes import luma

SIZE_WH = (641, 359)


def smooth() -> np.ndarray:
    small = np.random.default_rng(3).integers(0, 255, (6, 10, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, SIZE_WH, interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(
    "name", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "rgb24", "bgr24", "gray", "yuv420p10le"]
)
@pytest.mark.parametrize("box", [(101.2, 51.7, 300.9, 250.1), (-5.0, -5.0, 640.9, 358.9), (639.5, 357.5, 641.0, 359.0)])
def test_a_crop_is_the_same_part_of_the_image(name: str, box: tuple[float, float, float, float]) -> None:
    picture = av.VideoFrame.from_ndarray(smooth(), format="bgr24").reformat(format=name)
    left, top, right, bottom = region = crop_region(box, 0.1, SIZE_WH)
    crop = crop_image(picture, region).to_ndarray(format="bgr24").astype(int)
    whole = picture.to_ndarray(format="bgr24").astype(int)[top:bottom, left:right]
    assert crop.shape == whole.shape
    inside = np.abs(crop - whole)[2:-2, 2:-2]  # colour planes are interpolated across the border
    assert inside.size == 0 or inside.max() <= 8
    assert np.abs(crop - whole).mean() <= 6


def test_a_region_has_its_margin_and_stays_inside() -> None:
    assert crop_region((100, 100, 200, 300), 0.25, (640, 360)) == (74, 50, 225, 350)
    assert crop_region((0, 0, 10, 10), 1.0, (640, 360)) == (0, 0, 20, 20)
    for box in [(640, 360, 640, 360), (-9, -9, -3, -3), (0, 0, 0, 0), (639.9, 359.9, 700, 700)]:
        left, top, right, bottom = crop_region(box, 0.0, (640, 360))
        assert 0 <= left < right <= 640 and 0 <= top < bottom <= 360


def test_a_crop_fills_a_tensor_in_the_right_colour_order() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[100:200, 100:200] = (10, 20, 200)  # BGR: red
    crop = crop_image(av.VideoFrame.from_ndarray(image, format="bgr24"), (100, 100, 200, 200))
    tensor = np.zeros((32, 32, 3), np.uint8)
    Letterbox().fill(crop, tensor, 114, "rgb")
    assert np.abs(tensor.reshape(-1, 3).mean(0) - (200, 20, 10)).max() < 3


def test_quality_prefers_the_sharp_the_large_and_the_sure() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    sharp = av.VideoFrame.from_ndarray(noise, format="bgr24")
    blurred = av.VideoFrame.from_ndarray(cv2.GaussianBlur(noise, (31, 31), 9), format="bgr24")
    region, larger = (100, 100, 164, 164), (100, 100, 228, 228)
    assert crop_quality(sharp, region, 0.9) > 2 * crop_quality(blurred, region, 0.9)
    assert crop_quality(sharp, larger, 0.9) > 1.5 * crop_quality(sharp, region, 0.9)
    assert crop_quality(sharp, region, 0.9) > crop_quality(sharp, region, 0.4)
    assert 0 <= sharpness(blurred) < sharpness(sharp) <= 1
    assert luma(sharp).shape == (360, 640)
