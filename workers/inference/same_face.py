"""Whether a track still shows whom it showed a frame ago: by its path and by the picture in its box. Pure.

Trackers follow boxes, not faces: over a cut, or where two people cross, a track goes on with somebody else. Then the
box jumps, or what is in it changes at once. Both are cheap to see (some 30 µs a face), and cost one more look where
they see a change that was none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from stream.frame import Frame
from workers.engines.engine import F32
from workers.identity.face_model import overlap
from workers.images.crops import crop_region
from workers.images.planes import luma

_SIDE = 12
_LEAST_ALIKE = 0.25
"""Overlap of the boxes × correlation of the thumbnails. In films 99 of 100 faces have 0.4 and more from one frame to
the next, even where they turn; over a cut that the tracker did not notice it was 0.15."""
MOST_APART_US = 300_000
"""Between frames that are further apart, people move and turn as they like: a jump says little."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A face in one frame. thumbnail: float32 (12 · 12), the luma in its box without mean and of unit length."""

    pts_us: int
    xyxy: tuple[float, float, float, float]
    thumbnail: F32

    @classmethod
    def of(cls, frame: Frame, xyxy: tuple[float, float, float, float]) -> Sight:
        """What a frame shows in a box, in pixels."""
        left, top, right, bottom = crop_region(xyxy, 0.0, frame.size_wh)
        small = cv2.resize(luma(frame.image)[top:bottom, left:right], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        values = small.astype(np.float32).reshape(-1)
        values -= values.mean()
        return cls(frame.pts_us, xyxy, cast("F32", values / max(float(np.linalg.norm(values)), 1e-3)))

    def follows(self, before: Sight) -> bool:
        """Whether this is most likely the face of the sight before."""
        return float(self.thumbnail @ before.thumbnail) * overlap(self.xyxy, before.xyxy) >= _LEAST_ALIKE
