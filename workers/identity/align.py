"""A face upright and of one size, as face embedders expect it: its landmarks moved onto five fixed points. Pure.

The points are ArcFace's (Deng et al. 2019), which SFace was trained with. Without landmarks, by the box alone, SFace's
equal error rate is 6.5 % instead of 1.3.
"""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np

from workers.engines.engine import F32, U8

SIDE = 112
POINTS: F32 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""In pixels of the aligned face: eye, eye, tip of the nose, corners of the mouth."""
_NOSE_DEPTH = 0.43
"""How far the tip of a nose stands out before the eyes, in distances between the eyes: about 27 of 63 mm."""


def aligned(image_bgr: U8, landmarks: F32, side: int = SIDE) -> U8:
    """The face as u8 (side, side, 3), in the image's own colour order. `landmarks`: float32 (5, 2) in its pixels.

    A face that is much larger is first made smaller by area, as a warp alone would skip pixels; one that is smaller is
    interpolated by cubics, which brings genuine pairs at 32 px from a similarity of .841 to .851.
    """
    matrix = similarity(landmarks, POINTS * (side / SIDE))
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if scale < 0.5:
        shrink = 2 * scale
        image_bgr = cast("U8", cv2.resize(image_bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
        matrix = similarity(landmarks * shrink, POINTS * (side / SIDE))
    how = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cast("U8", cv2.warpAffine(image_bgr, matrix, (side, side), flags=how))


def similarity(points: F32, onto: F32) -> F32:
    """The turn, scale and shift, float32 (2, 3), that brings `points` nearest to `onto`, both (n, 2).

    Least squares, after Umeyama (1991); never a mirror image.
    """
    centre, centre_onto = points.mean(0), onto.mean(0)
    (x, y), (u, v) = (points - centre).T.astype(float), (onto - centre_onto).T.astype(float)
    spread = float((x * x + y * y).sum()) or 1.0
    a, b = float((x * u + y * v).sum()) / spread, float((x * v - y * u).sum()) / spread
    shift = centre_onto - np.array((a * centre[0] - b * centre[1], b * centre[0] + a * centre[1]))
    return np.array([[a, -b, shift[0]], [b, a, shift[1]]], np.float32)


def turned(landmarks: F32) -> float:
    """How many degrees the head is turned to the side, 0 to 90, estimated from where the nose's tip is.

    Between the eyes: 0. Heads that look up or down by less than 30 degrees change it little.
    """
    right, left, nose = landmarks[:3].astype(float)
    across = left - right
    distance = float(np.linalg.norm(across))
    if distance < 1e-6:
        return 90.0
    aside = abs(float((nose - (right + left) / 2) @ across)) / distance
    return math.degrees(math.atan2(aside, _NOSE_DEPTH * distance))
