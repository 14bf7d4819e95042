"""Pictures with the boxes of their very frame: what is kept beside the JPEG, and drawn when asked for. Pure.

The JPEG itself stays bare. Drawing takes milliseconds, so never on the event loop.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from workers.bus.media import SeenBox, Snapshot
from workers.bus.result import Detection
from workers.images.draw import draw_own

_QUALITY = 90


class KeptBoxes(BaseModel):
    """`boxes` of a row of media: the track's own box, those of others, and what the JPEG shows of the frame.

    All in pixels of the frame, x1, y1, x2, y2.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    region: tuple[float, float, float, float]
    own: SeenBox
    others: tuple[SeenBox, ...]


def boxes_of(snapshot: Snapshot) -> str | None:
    """What to keep of a snapshot's headers; None when they tell no boxes. Raises ValidationError."""
    seen = snapshot.seen()
    own = next((one for one in seen if one.track_id == snapshot.track), None)
    if own is None:
        return None
    region = cast("tuple[float, float, float, float]", snapshot.numbers("region"))
    others = tuple(one for one in seen if one is not own)
    return KeptBoxes(region=region, own=own, others=others).model_dump_json()


def with_boxes(jpeg: bytes, boxes: str | None) -> bytes:
    """The picture with the track's box strong and the others faint; as it is where no boxes are known, or damaged."""
    image_bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None  # a full disk
    if boxes is None or image_bgr is None:
        return jpeg
    kept = KeptBoxes.model_validate_json(boxes)
    drawn = cast("npt.NDArray[np.uint8]", image_bgr)
    own, *others = (_placed(one, kept.region, drawn.shape) for one in (kept.own, *kept.others))
    draw_own(drawn, own, tuple(others))
    _, encoded = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()


def _placed(seen: SeenBox, region: tuple[float, float, float, float], shape: tuple[int, ...]) -> Detection:
    """In pixels of a picture of this shape (height, width, channels) that shows the region."""
    left, top, right, bottom = region
    scale_x, scale_y = shape[1] / max(1.0, right - left), shape[0] / max(1.0, bottom - top)
    x1, y1, x2, y2 = seen.xyxy
    placed = ((x1 - left) * scale_x, (y1 - top) * scale_y, (x2 - left) * scale_x, (y2 - top) * scale_y)
    return Detection(detector="", track_id=seen.track_id, label=seen.label, confidence=seen.confidence, xyxy=placed)
