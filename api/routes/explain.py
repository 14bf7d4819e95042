"""Why a model says what it says: a heatmap over one picture. Runs on the event loop; computing in predict's threads.

What comes back is chosen by `format`, or else by the Accept header: the overlay as a PNG (the default), the array as
NumPy writes it, or JSON.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel
from starlette.requests import Request

from api.http.errors import Problem
from api.http.queries import only_known
from api.routes.context import Context
from api.routes.predict import FILE, body_of, decode, one_picture
from stream.config import StreamSettings
from workers.bus.result import Detection, FrameResult
from workers.card import ModelName
from workers.explain.explain import DEFAULT_DETECTOR, Explainer, Explanation, Question
from workers.explain.overlay import overlay

router = APIRouter(tags=["predict"], dependencies=[Depends(only_known)])

PATH = "/v1/predict/explain"
Format = Literal["png", "npy", "json"]
MEDIA_TYPES: dict[str, Format] = {
    "image/png": "png",
    "application/x-npy": "npy",
    "application/octet-stream": "npy",
    "application/json": "json",
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


class ExplanationView(BaseModel):
    """A heatmap and what it is of.

    detection: its place in `result.detections`; null when the map is of the whole picture. heatmap: rows of raw values,
    as fine as the model makes them, evenly over `xyxy` (pixels of the picture; it reaches beyond where the model's
    input was padded). A detection's values are the cells' scores for `label` times the IoU of the box that each votes
    for, 0 to 1; a classifier's are those of its class-activation map, negative where they speak against the label.
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
class Explained:
    """One explanation, written in one format."""

    content: bytes
    media_type: str


def written(image_bgr: np.ndarray[Any, np.dtype[np.uint8]], explanation: Explanation, wanted: Format) -> Explained:
    """The explanation as bytes. npy: f32 (height, width), raw values for each pixel of the picture."""
    if wanted == "json":
        return Explained(view(explanation).model_dump_json(by_alias=True).encode(), "application/json")
    if wanted == "npy":
        file = io.BytesIO()
        np.save(file, explanation.heatmap(), allow_pickle=False)
        return Explained(file.getvalue(), "application/x-npy")
    done, png = cv2.imencode(".png", overlay(image_bgr, explanation))
    if not done:
        raise Problem("internal", "the overlay cannot be written as a PNG")
    return Explained(png.tobytes(), "image/png")


def view(explanation: Explanation) -> ExplanationView:
    """As JSON tells it."""
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


@router.post(
    PATH,
    openapi_extra=body_of("file", FILE, raw=True),
    response_class=Response,
    responses={
        200: {
            "description": "The overlay (image/png), the raw values of each pixel (application/x-npy, "
            "f32 height × width), or what they are of, and the raw grid (application/json).",
            "model": ExplanationView,
            "content": {"image/png": _BINARY, "application/x-npy": _BINARY},
        }
    },
)
async def explain(
    request: Request,
    parts: Context,
    model: Annotated[ModelName, Query(description="The detector or classifier to explain.")] = DEFAULT_DETECTOR,
    detector: Annotated[ModelName, Query(description="Whose boxes a classifier of boxes looks at.")] = DEFAULT_DETECTOR,
    detection: Annotated[
        int | None, Query(ge=0, description="Its place in the result; else the first the model applies to.")
    ] = None,
    label: Annotated[
        str | None, Query(max_length=200, description="What to look for; else what the model says.")
    ] = None,
    wanted: Annotated[Format | None, Query(alias="format", description="Goes before the Accept header.")] = None,
) -> Response:
    """Why the model says what it says of one picture: multipart `file`, or the picture itself as the body.

    A classifier of boxes is explained on a box of `detector`; where that finds none, on the whole picture.
    """
    question = Question(model, detector, detection, label)
    chosen = wanted or accepted(request.headers.get("accept", ""))
    data = await one_picture(request)
    explainer, settings = parts.node.explainer, parts.stream_settings
    explained = await parts.predictor.run(_explain, explainer, settings, data, (question, chosen))
    return Response(explained.content, media_type=explained.media_type, headers={"vary": "accept"})


def accepted(header: str) -> Format:
    """The first of our formats that an Accept header asks for, by its weights; PNG when it names none of them."""
    ranges = []
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            ranges.append((float(weight), name))
        except ValueError:
            continue
    for share, kind in sorted(ranges, key=lambda found: -found[0]):
        if share > 0 and kind in MEDIA_TYPES:
            return MEDIA_TYPES[kind]
        if share > 0 and kind in ("*/*", "image/*"):
            return "png"
    return "png"


def _explain(explainer: Explainer, settings: StreamSettings, data: bytes, asked: tuple[Question, Format]) -> Explained:
    image_bgr = decode(data, settings)
    question, chosen = asked
    return written(image_bgr, explainer.explain(image_bgr, question), chosen)
