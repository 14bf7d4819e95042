"""Reads what a request enrols or looks for: an uploaded picture, or which event or track has it. On the event loop.

One address takes both, so the body is read here and not by FastAPI.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import UploadFile
from starlette.requests import Request

from monitoring.core.errors import BadQuery
from workers.validation import first_reason

_FILE: Final = {"type": "string", "format": "binary"}
_IMAGES: Final = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_FORM: Final = "multipart/form-data"
_JSON: Final = "application/json"


class ChosenPicture(BaseModel):
    """The picture of an event, or of a track: one of the two."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    event_id: uuid.UUID | None = Field(default=None, description="An event about the track.")
    track: uuid.UUID | None = Field(default=None, description="The track's id.")

    @model_validator(mode="after")
    def _one(self) -> ChosenPicture:
        if (self.event_id is None) == (self.track is None):
            raise ValueError("name either an event (event_id) or a track (track)")
        return self


def picture_body(chosen: bool) -> dict[str, Any]:
    """OpenAPI of such a request. chosen: an event or a track may be named instead."""
    form = {"schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]}}
    content: dict[str, Any] = {_FORM: form, **{kind: {"schema": _FILE} for kind in _IMAGES}}
    if chosen:
        content[_JSON] = {"schema": ChosenPicture.model_json_schema()}
    return {"requestBody": {"required": True, "content": content}}


async def picture_in(request: Request, chosen: bool) -> bytes | ChosenPicture:
    """The encoded picture that was uploaded, as form field `file` or as the body; or, if `chosen`, which one it is.

    Raises BadQuery.
    """
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if chosen and kind == _JSON:
        try:
            return ChosenPicture.model_validate_json(await request.body())
        except ValidationError as error:
            raise BadQuery(f"body: {first_reason(error, 'body')}") from error
    if kind == _FORM:
        return await _form_file(request)
    if kind not in ("", *_IMAGES):
        others = f"{_FORM}, {_JSON}" if chosen else _FORM
        raise BadQuery(f"content-type: {kind} is not supported; send {others}, or one of {', '.join(_IMAGES)}")
    data = await request.body()
    if not data:
        raise BadQuery("body: empty; send a picture")
    return data


async def _form_file(request: Request) -> bytes:
    async with request.form(max_files=1, max_fields=10, max_part_size=2**16) as form:
        for value in form.getlist("file"):
            if isinstance(value, UploadFile):
                return await value.read()
    raise BadQuery("file: the form has no file in this field")
