"""Results as a node makes them, of a camera that shows what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workers.bus.result import Attribute, Detection, FrameResult, ImageFigures, Latency

SCENE = "3c" * 32
OTHER_SCENE = "c3" * 32
WELL = {
    "brightness": 0.5,
    "contrast": 0.3,
    "sharpness": 0.8,
    "frozen_s": 0.0,
    "saturation": 0.2,
    "detail": 0.9,
    "focus": 0.6,
    "blockiness": 0.05,
    "changed": 0.5,
    "hash": SCENE,
}
START_S = 1_700_006_400.0  # a midnight, UTC


def figures(at_s: float, **other: Any) -> ImageFigures:
    """Figures of an image that is fine, except for `other`."""
    return ImageFigures(**(WELL | other), pts_us=round((at_s - START_S) * 1e6))


def box(track_id: int | None, **other: Any) -> Detection:
    """Somebody without a mask, as the detector and the classifier see it."""
    known: Mapping[str, Any] = {
        "detector": "mask",
        "label": "without_mask",
        "confidence": 0.8,
        "xyxy": (100.0, 100.0, 164.0, 164.0),
        "attributes": {"mask-classifier": Attribute(label="without_mask", confidence=0.97)},
    }
    return Detection(track_id=track_id, **{**known, **other})


def result(
    at_s: float,
    detections: Sequence[Detection] = (),
    image: ImageFigures | None = None,
    session: str = "s1",
    models: Mapping[str, int] | None = None,
    stream_id: str = "door",
) -> FrameResult:
    """A result of that wall clock."""
    return FrameResult(
        stream_id=stream_id,
        session=session,
        frame=0,
        skipped=0,
        pts_us=round((at_s - START_S) * 1e6),
        captured_at_ns=round(at_s * 1e9),
        size_wh=(640, 480),
        node="n",
        detections=tuple(detections),
        image=image,
        models=dict(models or {"mask": 2, "mask-classifier": 1}),
        latency_ms=Latency(decode=0, wait=0, inference=0, total=0),
    )
