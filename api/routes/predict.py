"""Single pictures. Routes run on the event loop; checking, decoding and inference in the Predictor's own threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple, cast

import cv2
import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.http.errors import Problem
from api.http.problems import problem_of
from api.http.queries import ModelsQuery, model_names, only_known
from api.routes.context import ApiContext, Context
from api.settings import ApiSettings
from stream.config import StreamSettings
from stream.decoding.image_header import read_header
from stream.errors import BadImageError
from workers.bus.result import FrameResult
from workers.node.node import Node

router = APIRouter(tags=["predict"], dependencies=[Depends(only_known)])
SINGLE_PATHS = ("/v1/predict", "/predict", "/v1/predict/explain")
BATCH_PATHS = ("/v1/predict/batch", "/batch-predict")

T = TypeVar("T")
Given = TypeVarTuple("Given")

_IMAGES: dict[str, Any] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}, "application/octet-stream": {}}
FILE = {"type": "string", "format": "binary"}


class Refused(BaseModel):
    """A picture of a batch that could not be used; `frame` is its place in the batch."""

    frame: int
    error: dict[str, Any]


class BatchResult(BaseModel):
    """One entry a picture, in the order of the pictures."""

    results: list[FrameResult | Refused]


class Predictor:
    """Runs predictions in a few threads and refuses more than may wait. `close` on the event loop."""

    def __init__(self, node: Node, settings: ApiSettings) -> None:
        self._node = node
        self._most = settings.predict_at_once + settings.predict_waiting
        self._under_way = 0
        self._pool = ThreadPoolExecutor(settings.predict_at_once, thread_name_prefix="predict")

    async def predict(self, data: bytes, models: tuple[str, ...] | None) -> FrameResult:
        """What is in one encoded picture. Raises Problem (overloaded), BadImageError, ModelError, EngineError."""
        return await self.run(self._predict, data, models)

    async def run(self, work: Callable[[*Given], T], *given: *Given) -> T:
        """Do something of that kind in one of the threads. Raises Problem (overloaded) and what `work` raises."""
        if self._under_way >= self._most:
            raise Problem("overloaded", f"{self._most} predictions wait already", headers={"retry-after": "1"})
        self._under_way += 1
        under_way = asyncio.get_running_loop().run_in_executor(self._pool, work, *given)
        under_way.add_done_callback(self._done)  # not in a finally: the thread's work goes on when a client leaves
        return await asyncio.shield(under_way)

    async def close(self) -> None:
        """Let the threads end. Idempotent."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _done(self, work: asyncio.Future[Any]) -> None:
        self._under_way -= 1
        if not work.cancelled():
            work.exception()  # retrieved, should nobody wait any more

    def _predict(self, data: bytes, models: tuple[str, ...] | None) -> FrameResult:
        return self._node.analyse_image(decode(data, self._node.stream_settings), models)


def decode(data: bytes, limits: StreamSettings) -> npt.NDArray[np.uint8]:
    """A JPEG, PNG or WebP as u8 HWC BGR, turned by its EXIF. Raises TooLargeError, BadImageError."""
    header = read_header(data, limits.image_bytes, limits.image_pixels)
    image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image_bgr is None:
        raise BadImageError(f"the {header.kind} picture is damaged")
    return cast("npt.NDArray[np.uint8]", image_bgr)


def body_of(field: str, schema: dict[str, Any], raw: bool) -> dict[str, Any]:
    """OpenAPI of a request with pictures."""
    form = {"schema": {"type": "object", "properties": {field: schema}, "required": [field]}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form, **(_IMAGES if raw else {})}}}


@router.post("/v1/predict", openapi_extra=body_of("file", FILE, raw=True))
async def predict(request: Request, parts: Context, models: ModelsQuery = None) -> FrameResult:
    """What is in one picture: multipart `file`, or the picture itself as the body.

    The answer is a frame result whose stream_id is `predict`; track ids are null, `frame` and `pts_us` are 0.
    """
    names = model_names(models)
    return await parts.predictor.predict(await one_picture(request), names)


@router.post("/v1/predict/batch", openapi_extra=body_of("files", {"type": "array", "items": FILE}, raw=False))
async def predict_batch(request: Request, parts: Context, models: ModelsQuery = None) -> BatchResult:
    """What is in several pictures: multipart `files`. A picture that is no good costs its own entry only."""
    names = model_names(models)
    if not _is_form(request):
        raise Problem("media-type-unsupported", "send the pictures as multipart/form-data, in fields named files")
    pictures = await _pictures(request, "files", parts.settings.predict_images)
    return BatchResult(results=[await _entry(parts, data, names, index) for index, data in enumerate(pictures)])


@router.post("/predict", deprecated=True, openapi_extra=body_of("file", FILE, raw=True))
async def predict_alias(
    request: Request, response: Response, parts: Context, models: ModelsQuery = None
) -> FrameResult:
    """The same as /v1/predict."""
    response.headers["link"] = '</v1/predict>; rel="successor-version"'
    return await predict(request, parts, models)


@router.post(
    "/batch-predict", deprecated=True, openapi_extra=body_of("files", {"type": "array", "items": FILE}, raw=False)
)
async def predict_batch_alias(
    request: Request, response: Response, parts: Context, models: ModelsQuery = None
) -> BatchResult:
    """The same as /v1/predict/batch."""
    response.headers["link"] = '</v1/predict/batch>; rel="successor-version"'
    return await predict_batch(request, parts, models)


async def _entry(parts: ApiContext, data: bytes, names: tuple[str, ...] | None, index: int) -> FrameResult | Refused:
    try:
        result = await parts.predictor.predict(data, names)
    except BadImageError as error:
        return Refused(frame=index, error=problem_of(error).document())
    return result.model_copy(update={"frame": index})


async def one_picture(request: Request) -> bytes:
    """The encoded picture that a request brings, as multipart `file` or as its body. Raises Problem."""
    pictures = await _pictures(request, "file", 1) if _is_form(request) else [await _raw(request)]
    return pictures[0]


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def _is_form(request: Request) -> bool:
    return _media_type(request) == "multipart/form-data"


async def _raw(request: Request) -> bytes:
    if (kind := _media_type(request)) not in ("", *_IMAGES):
        raise Problem("media-type-unsupported", f"{kind}: send multipart/form-data or one of {', '.join(_IMAGES)}")
    data = await request.body()
    if not data:
        raise Problem("invalid-request", "body: there is no picture in it")
    return data


async def _pictures(request: Request, field: str, most: int) -> list[bytes]:
    """The uploaded files of `field`, at least one. Raises Problem naming the field."""
    async with request.form(max_files=most, max_fields=10, max_part_size=2**16) as form:
        files = [value for value in form.getlist(field) if isinstance(value, UploadFile)]
        if not files:
            raise Problem("invalid-request", f"{field}: there is no file of that name in the form")
        return [await file.read() for file in files]
