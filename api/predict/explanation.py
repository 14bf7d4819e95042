"""An explanation as a PNG overlay, a NumPy array or JSON. Pure; encoding costs milliseconds, so in a thread."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel

from api.http.errors import Problem
from workers.bus.result import Detection, FrameResult
from workers.explain.heatmap import Explanation, overlay

Format = Literal["png", "npy", "json"]
_MEDIA_TYPES: dict[str, Format] = {
    "image/png": "png",
    "application/x-npy": "npy",
    "application/octet-stream": "npy",
    "application/json": "json",
}


class ExplanationView(BaseModel):
    """A heatmap and what it explains.

    detection: its index in `result.detections`; null when the map covers the whole image. heatmap: rows of raw values
    at the model's own resolution, spread evenly over `xyxy` (pixels of the image; it reaches beyond the image where
    the model's input was padded). A detection's values are the cells' scores for `label` times the IoU of the box that
    each cell votes for, 0 to 1; a classifier's are those of its class activation map, negative against the label.
    """

    model: str
    version: int
    task: str
    label: str
    confidence: float
    detection: int | None
    object: Detection | None
    size_wh: tuple[int, int]
    xyxy: tuple[float, float, float, float]
    heatmap: list[list[float]]
    result: FrameResult


@dataclass(frozen=True, slots=True)
class EncodedExplanation:
    """One explanation, encoded in one format."""

    content: bytes
    media_type: str


def encode_explanation(
    image_bgr: np.ndarray[Any, np.dtype[np.uint8]], explanation: Explanation, format_: Format
) -> EncodedExplanation:
    """The explanation as bytes. npy: f32 (height, width), a raw value for each pixel of the image. Raises Problem."""
    if format_ == "json":
        view = explanation_view(explanation)
        return EncodedExplanation(view.model_dump_json(by_alias=True).encode(), "application/json")
    if format_ == "npy":
        file = io.BytesIO()
        np.save(file, explanation.heatmap(), allow_pickle=False)
        return EncodedExplanation(file.getvalue(), "application/x-npy")
    done, png = cv2.imencode(".png", overlay(image_bgr, explanation))
    if not done:
        raise Problem("internal", "the overlay could not be encoded as PNG")
    return EncodedExplanation(png.tobytes(), "image/png")


def explanation_view(explanation: Explanation) -> ExplanationView:
    """The explanation as its JSON form."""
    index, result = explanation.detection, explanation.result
    return ExplanationView(
        model=explanation.card.name,
        version=explanation.card.version,
        task=explanation.card.task,
        label=explanation.label,
        confidence=explanation.confidence,
        detection=index,
        object=None if index is None else result.detections[index],
        size_wh=result.size_wh,
        xyxy=explanation.xyxy,
        heatmap=np.round(explanation.grid.astype(float), 5).tolist(),
        result=result,
    )


def preferred_format(accept: str) -> Format:
    """The format that an Accept header weighs highest; PNG when it names none of ours."""
    ranges = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        text = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            ranges.append((float(text), name))
        except ValueError:
            continue
    for weight, name in sorted(ranges, key=lambda entry: -entry[0]):
        if weight > 0 and name in _MEDIA_TYPES:
            return _MEDIA_TYPES[name]
        if weight > 0 and name in ("*/*", "image/*"):
            return "png"
    return "png"
