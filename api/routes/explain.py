"""POST /v1/predict/explain: a heatmap over one image. Runs on the event loop; the work in `Predictor`'s threads.

The query parameter `format`, or else the Accept header, chooses the answer: the overlay as a PNG (the default), the
values as a NumPy array, or JSON.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import Request

from api.predict.explanation import (
    EncodedExplanation,
    ExplanationView,
    Format,
    encode_explanation,
    preferred_format,
)
from api.predict.predictor import while_connected
from api.predict.uploads import FILE, upload_body, uploaded_image
from api.routes.context import Context
from stream.config import ModelName
from stream.decoding.still import Still
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute
from workers.explain.explain import DEFAULT_DETECTOR, Explainer, ExplainRequest

router = APIRouter(tags=["predict"], route_class=GuardedRoute, dependencies=[Depends(Needs("predict"))])

_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/v1/predict/explain",
    openapi_extra=upload_body("file", FILE, raw=True),
    response_class=Response,
    responses={
        200: {
            "description": "The overlay (image/png), a raw value for each pixel (application/x-npy, f32 height × "
            "width), or the explanation with its raw grid (application/json).",
            "model": ExplanationView,
            "content": {"image/png": _BINARY, "application/x-npy": _BINARY},
        }
    },
)
async def explain_image(
    request: Request,
    context: Context,
    model: Annotated[ModelName, Query(description="The detector or classifier to explain.")] = DEFAULT_DETECTOR,
    detector: Annotated[
        ModelName, Query(description="The detector whose boxes a classifier of boxes looks at.")
    ] = DEFAULT_DETECTOR,
    detection: Annotated[
        int | None, Query(ge=0, description="Index of the detection; default: the first one the model applies to.")
    ] = None,
    label: Annotated[
        str | None, Query(max_length=200, description="The label to explain; default: the label the model gives.")
    ] = None,
    format_: Annotated[Format | None, Query(alias="format", description="Overrides the Accept header.")] = None,
) -> Response:
    """Explain what a model says of one image, sent as multipart `file` or as the raw body.

    A classifier of boxes is explained on a box of `detector`, or on the whole image where that finds none.
    """
    wanted = ExplainRequest(model, detector, detection, label)
    chosen = format_ or preferred_format(request.headers.get("accept", ""))
    data = await uploaded_image(request)
    explaining = context.predictor.on_image(data, _explain, context.node.models.explainer, wanted, chosen)
    encoded = await while_connected(request, explaining)
    return Response(encoded.content, media_type=encoded.media_type, headers={"vary": "accept"})


def _explain(still: Still, explainer: Explainer, wanted: ExplainRequest, format_: Format) -> EncodedExplanation:
    """In a thread."""
    return encode_explanation(still.bgr, explainer.explain(still.bgr, wanted), format_)
