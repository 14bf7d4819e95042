"""What huge stills look like in a model's input: as FFmpeg's scaler alone would show them, in less time."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from stream.decoding.still import SMALL_LINES, halved
from stream.frame import Frame
from workers.engines.letterbox import Letterbox, nearer


def scene(size_wh: tuple[int, int]) -> np.ndarray:
    """Soft colours with a bright square that spans from a quarter to the middle."""
    small = np.random.default_rng(3).integers(0, 255, (9, 12, 3), np.uint8)
    image_bgr = cv2.resize(small, size_wh, interpolation=cv2.INTER_CUBIC)
    width, height = size_wh
    image_bgr[height // 4 : height // 2, width // 4 : width // 2] = 255
    return image_bgr


@pytest.mark.parametrize("size_wh", [(4096, 3072), (3001, 2001)])
@pytest.mark.parametrize("layout", ["bgr24", "rgb24", "with a small one"])
def test_huge_stills_lie_where_they_would(size_wh: tuple[int, int], layout: str) -> None:
    image = av.VideoFrame.from_ndarray(scene(size_wh), format="bgr24")
    out = np.zeros((256, 448, 3), np.uint8)
    if layout == "with a small one":
        frame = Frame("s", "s", 0, 0, 0, 0, 0.0, 0.0, image, halved(scene(size_wh), SMALL_LINES))
        placement = Letterbox().fill_frame(frame, out, 114, "bgr")
    else:
        image = image.reformat(format=layout)
        placement = Letterbox().fill(image, out, 114, "bgr")
    left, top = placement.origin_xy
    width, height = placement.inner_wh
    alone = image.reformat(width, height, "bgr24", interpolation=Interpolation.BILINEAR).to_ndarray()
    apart = cv2.absdiff(out[top : top + height, left : left + width], alone)
    assert placement.size_wh == size_wh
    assert apart.mean() < 1 and (apart > 24).mean() < 0.01  # only at the square's edge


def test_only_stills_of_more_than_four_times_the_size_are_halved() -> None:
    image = av.VideoFrame.from_ndarray(scene((1800, 1040)), format="bgr24")
    assert (nearer(image, (448, 256)).width, nearer(image, (448, 260)).width) == (450, 1800)
    yuv = image.reformat(format="yuv420p")
    assert nearer(image, (800, 256)) is image and nearer(yuv, (100, 50)) is yuv
