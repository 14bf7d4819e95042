"""POST /v1/predict and its batch: inference on uploaded images. Runs on the event loop; the work in `Predictor`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from api.http.error_responses import problem_of
from api.http.parameters import ModelsQuery, model_names
from api.predict.predictor import while_connected
from api.predict.uploads import FILE, upload_body, uploaded_image, uploaded_images
from api.routes.context import ApiContext, Context
from stream.errors import BadImageError
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute
from workers.bus.result import FrameResult
from workers.captions.caption import Caption
from workers.captions.image_caption import image_caption
from workers.captions.templates import templates_of
from workers.label_words import WordSource

router = APIRouter(tags=["predict"], route_class=GuardedRoute, dependencies=[Depends(Needs("predict"))])
SINGLE_PATHS = ("/v1/predict", "/predict", "/v1/predict/explain")
BATCH_PATHS = ("/v1/predict/batch", "/batch-predict")

_FILES = {"type": "array", "items": FILE}


class Prediction(FrameResult):
    """The result of an image, and its caption where that was asked for. `image.caption` has the caption's text."""

    caption: Caption | None = Field(
        default=None,
        exclude_if=lambda caption: caption is None,
        description="Sentences built from what was measured, each phrase with the fields that it came from.",
    )


CaptionQuery = Annotated[bool, Query(description="true: say in sentences what the result shows.")]


class RefusedImage(BaseModel):
    """An image of a batch that could not be used; `frame` is its index in the batch."""

    frame: int
    error: dict[str, Any]


class BatchResult(BaseModel):
    """One entry per image, in the order of the images."""

    results: list[FrameResult | RefusedImage]


@router.post("/v1/predict", openapi_extra=upload_body("file", FILE, raw=True))
async def predict_image(
    request: Request, context: Context, models: ModelsQuery = None, caption: CaptionQuery = False
) -> Prediction:
    """Analyse one image, sent as multipart `file` or as the raw body.

    The answer is a frame result whose stream_id is `predict`; track ids are null, `frame` and `pts_us` are 0.
    """
    names = model_names(models)
    data = await uploaded_image(request)
    result = await while_connected(request, context.predictor.predict(data, names))
    return _captioned(result, context.node.models.word_of if caption else None)


@router.post("/v1/predict/batch", openapi_extra=upload_body("files", _FILES, raw=False))
async def predict_images(request: Request, context: Context, models: ModelsQuery = None) -> BatchResult:
    """Analyse several images, sent as multipart `files`. An image that cannot be used fails only its own entry."""
    names = model_names(models)
    images = await uploaded_images(request, context.settings.predict_images)
    return await while_connected(request, _all(context, images, names))


@router.post("/predict", deprecated=True, openapi_extra=upload_body("file", FILE, raw=True))
async def predict_image_alias(
    request: Request, response: Response, context: Context, models: ModelsQuery = None, caption: CaptionQuery = False
) -> Prediction:
    """Alias of /v1/predict."""
    response.headers["link"] = '</v1/predict>; rel="successor-version"'
    return await predict_image(request, context, models, caption)


@router.post("/batch-predict", deprecated=True, openapi_extra=upload_body("files", _FILES, raw=False))
async def predict_images_alias(
    request: Request, response: Response, context: Context, models: ModelsQuery = None
) -> BatchResult:
    """Alias of /v1/predict/batch."""
    response.headers["link"] = '</v1/predict/batch>; rel="successor-version"'
    return await predict_images(request, context, models)


def _captioned(result: FrameResult, words: WordSource | None) -> Prediction:
    """words: None for a result without a caption. Names are the monitor's to tell: nobody has one here."""
    answer = result.model_dump(by_alias=True)
    if words is not None:
        unknown = templates_of().words["unknown_person"]
        caption = image_caption(result, words).named(lambda _: None, unknown)
        answer["caption"] = caption
        if result.image is not None:
            answer["image"]["caption"] = caption.text
    return Prediction.model_validate(answer)


async def _all(context: ApiContext, images: list[bytes], names: tuple[str, ...] | None) -> BatchResult:
    return BatchResult(results=[await _entry(context, data, names, index) for index, data in enumerate(images)])


async def _entry(
    context: ApiContext, data: bytes, names: tuple[str, ...] | None, index: int
) -> FrameResult | RefusedImage:
    try:
        result = await context.predictor.predict(data, names)
    except BadImageError as error:
        return RefusedImage(frame=index, error=problem_of(error).document())
    return result.model_copy(update={"frame": index})
