"""Reads the images that a request uploads, as a multipart form or as the raw body. Runs on the event loop."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.http.errors import Problem

FILE = {"type": "string", "format": "binary"}
"""The JSON Schema of a file, uploaded or answered."""

_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_FORM = "multipart/form-data"


def upload_body(field: str, schema: dict[str, Any], raw: bool) -> dict[str, Any]:
    """OpenAPI of a request that uploads images in the form field `field` or, with `raw`, as the body itself."""
    form = {"schema": {"type": "object", "properties": {field: schema}, "required": [field]}}
    images = {media_type: {"schema": FILE} for media_type in _MEDIA_TYPES} if raw else {}
    return {"requestBody": {"required": True, "content": {_FORM: form, **images}}}


async def uploaded_image(request: Request) -> bytes:
    """The encoded image in the form field `file`, or the body itself. Raises Problem."""
    if _media_type(request) == _FORM:
        return (await _files(request, "file", 1))[0]
    return await _raw(request)


async def uploaded_images(request: Request, limit: int) -> list[bytes]:
    """The encoded images in the form field `files`, 1 to `limit`. Raises Problem."""
    if _media_type(request) != _FORM:
        raise Problem("media-type-unsupported", f"send the images as {_FORM}, in fields named files")
    return await _files(request, "files", limit)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


async def _raw(request: Request) -> bytes:
    if (kind := _media_type(request)) not in ("", *_MEDIA_TYPES):
        detail = f"{kind} is not supported; send {_FORM} or one of {', '.join(_MEDIA_TYPES)}"
        raise Problem("media-type-unsupported", detail)
    data = await request.body()
    if not data:
        raise Problem("invalid-request", "body: empty; send an image")
    return data


async def _files(request: Request, field: str, limit: int) -> list[bytes]:
    async with request.form(max_files=limit, max_fields=10, max_part_size=2**16) as form:
        files = [value for value in form.getlist(field) if isinstance(value, UploadFile)]
        if not files:
            raise Problem("invalid-request", f"{field}: the form has no file in this field")
        return [await file.read() for file in files]
