"""Landmarks that do not depend on how a box happens to be drawn. Any thread; blocks for 1 ms, or 3.

Of a face that is turned, one pass of the detector puts the landmarks elsewhere with each crop: moved by a pixel, the
same face is .45 or .58 like its person. The mean of three passes over different crops is steady. Measured on a film of
a man in profile, 131 people enrolled: similarity .42 to .60 (standard deviation .04) with one pass, .54 to .63 (.025)
with three; faces seen from the front stay as they were (.623 and .630).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.engines.engine import F32, U8
from workers.identity.align import turned
from workers.identity.face_model import FaceModel
from workers.identity.faces import Face
from workers.identity.gate import NoLook

_TURNED = 20.0
"""Degrees; of faces that are turned less the landmarks are steady already."""
_WIDER = 0.15
"""Of the box, on each side, in the second pass."""


def steady_face(model: FaceModel, image_bgr: U8, xyxy: Sequence[float]) -> Face | NoLook:
    """The face in the box `xyxy` (pixels) of an image, u8 (height, width, 3) BGR, with the mean of its landmarks.

    Detectors of other kinds draw boxes otherwise: the passes are over the box as given, the box grown, and the found
    face's own. The face is that of the first pass. Raises EngineError.
    """
    first = model.landmarks(image_bgr, xyxy)
    if isinstance(first, NoLook) or turned(first.landmarks) < _TURNED:
        return first
    others = (model.landmarks(image_bgr, box) for box in (grown(xyxy), first.xyxy))
    found = [first, *(face for face in others if isinstance(face, Face))]
    mean: F32 = np.mean([face.landmarks for face in found], axis=0, dtype=np.float32)
    return Face(first.xyxy, mean, first.score)


def grown(xyxy: Sequence[float]) -> tuple[float, float, float, float]:
    """A box widened a little on each side."""
    x1, y1, x2, y2 = xyxy
    across, down = _WIDER * (x2 - x1), _WIDER * (y2 - y1)
    return x1 - across, y1 - down, x2 + across, y2 + down
