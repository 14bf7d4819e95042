"""Points, polygons and lines of a frame, in shares of its width and height. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Anchor = Literal["foot", "centre"]
Contour = npt.NDArray[np.float32]


def anchor_of(xyxy: Sequence[float], size_wh: tuple[int, int], anchor: Anchor) -> Point:
    """The middle of a box, or of its lower edge, in shares of the frame; clipped to the frame."""
    x1, y1, x2, y2 = xyxy
    y = y2 if anchor == "foot" else (y1 + y2) / 2
    return _share((x1 + x2) / 2, size_wh[0]), _share(y, size_wh[1])


def _share(pixels: float, size: int) -> float:
    return min(1.0, max(0.0, pixels / size))


def contour_of(polygon: Sequence[Point]) -> Contour:
    """A polygon as `inside` takes it, f32 (n, 2)."""
    return np.asarray(polygon, np.float32)


def inside(contour: Contour, point: Point) -> bool:
    """Whether a point lies in a polygon or on its edge; the even-odd rule applies where the polygon crosses itself."""
    return cv2.pointPolygonTest(contour, point, False) >= 0


def _cross(start: Point, end: Point, point: Point) -> float:
    """The cross product: above 0 to the right of the line's direction, as y grows downwards."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def crossed(start: Point, end: Point, before: Point, after: Point) -> int:
    """1 when the step from `before` to `after` crosses the line to its right, -1 to its left, else 0.

    A point on the line counts as left of it, so that two steps that meet there are counted once.
    """
    cross_before, cross_after = _cross(start, end, before), _cross(start, end, after)
    if (cross_before > 0) == (cross_after > 0):
        return 0
    share = cross_before / (cross_before - cross_after)
    x = before[0] + share * (after[0] - before[0])
    y = before[1] + share * (after[1] - before[1])
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    along = ((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2)
    if not 0 <= along <= 1:
        return 0
    return 1 if cross_after > 0 else -1


def distance(start: Point, end: Point, point: Point, aspect: float) -> float:
    """The distance of a point from the infinite line, in frame heights. `aspect`: width / height."""
    along_x, along_y = (end[0] - start[0]) * aspect, end[1] - start[1]
    return abs(_cross(start, end, point)) * aspect / math.hypot(along_x, along_y)
