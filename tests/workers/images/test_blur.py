"""Blur: everything found, wider than it was found and a while longer, and nothing of it left to recognise."""

from __future__ import annotations

import av
import numpy as np

from stream.frame import Frame
from workers.engines.engine import F32
from workers.images.blur import Blurrer, blur_box


def frame(pts_us: int, session: str = "s", seed: int = 1) -> Frame:
    """An image of noise, so that what is blurred can be told from what is not."""
    noise = np.random.default_rng(seed).integers(0, 256, (120, 200, 3), np.uint8)
    return Frame("cam", session, 0, 0, pts_us, 0, 0.0, 0.0, av.VideoFrame.from_ndarray(noise, format="bgr24"))


def rows(*boxes: tuple[float, ...]) -> list[F32]:
    return [np.array(boxes, np.float32).reshape(-1, 6)]


def smooth(shown: Frame, x: int, y: int) -> bool:
    """Whether the noise around a pixel is gone."""
    return float(shown.to_bgr()[y - 2 : y + 3, x - 2 : x + 3].std()) < 30


BOX = (80.0, 40.0, 120.0, 80.0, 0.9, 0.0)


def test_a_box_is_blurred_a_quarter_wider_and_the_rest_untouched() -> None:
    before = frame(0)
    after = Blurrer().blurred(before, rows(BOX))
    inside = np.zeros((120, 200), bool)
    inside[30:90, 70:130] = True
    assert (after.to_bgr()[~inside] == before.to_bgr()[~inside]).all()
    assert all(smooth(after, x, y) for x in (74, 100, 126) for y in (34, 60, 86))
    assert (after.pts_us, after.session, after.number) == (before.pts_us, before.session, before.number)


def test_a_place_stays_blurred_for_half_a_second() -> None:
    blurrer = Blurrer()
    blurrer.blurred(frame(0), rows(BOX))
    shown = [smooth(blurrer.blurred(frame(pts_us), rows()), 100, 60) for pts_us in range(100_000, 700_000, 100_000)]
    assert shown == [True] * 5 + [False]


def test_a_place_stays_blurred_for_two_images_however_far_apart() -> None:
    blurrer = Blurrer()
    blurrer.blurred(frame(0), rows(BOX))
    shown = [smooth(blurrer.blurred(frame(pts_us), rows()), 100, 60) for pts_us in (2_000_000, 4_000_000, 6_000_000)]
    assert shown == [True, True, False]


def test_another_session_holds_nothing_and_faint_boxes_count() -> None:
    blurrer = Blurrer()
    blurrer.blurred(frame(0), rows(BOX))
    assert not smooth(blurrer.blurred(frame(40_000, "t"), rows()), 100, 60)
    assert smooth(blurrer.blurred(frame(80_000, "t"), rows((*BOX[:4], 0.06, 0.0))), 100, 60)


def test_boxes_at_and_beyond_the_edges() -> None:
    blurrer = Blurrer()
    shown = blurrer.blurred(
        frame(0), rows((-30.0, -30.0, 10.0, 10.0, 0.9, 0.0), (190.0, 110.0, 260.0, 160.0, 0.9, 0.0))
    )
    assert smooth(shown, 4, 4) and smooth(shown, 195, 115)
    blur_box(shown.to_bgr(), (5, 5, 5, 9))


def test_what_is_left_does_not_tell_images_apart() -> None:
    """Two faces with the same means give the same spots."""
    half = np.zeros((96, 96, 3), np.uint8)
    half[::2] = 200
    other = np.zeros((96, 96, 3), np.uint8)
    other[:, ::2] = 200
    for image in (half, other):
        blur_box(image, (0, 0, 96, 96))
    assert np.abs(half.astype(int) - other.astype(int)).max() <= 1
