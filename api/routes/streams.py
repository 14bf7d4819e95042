"""The streams: list, add, change, remove. Runs on the event loop; the node works in threads."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.http.errors import Problem
from api.routes.context import ApiContext, Context
from api.routes.detections import StreamIdInPath
from stream.config import MaxFps, StreamConfig
from stream.redaction import redact
from workers.card import ModelName
from workers.node.stream_view import StreamView

router = APIRouter(tags=["streams"])

_SCHEMES = ("rtsp", "rtsps", "http", "https")


class Stream(StreamView):
    """A stream and how many look at it."""

    viewers: int = 0


class StreamList(BaseModel):
    """All streams, by id."""

    streams: list[Stream]


class NewStream(StreamConfig):
    """A stream to add: a camera's or a file's URL. Local files and devices are for the command line only."""

    url: str = Field(min_length=1, max_length=2048)
    models: tuple[ModelName, ...] = Field(default=("mask",), min_length=1, max_length=8)


class StreamChanges(BaseModel):
    """What to change; what is left out stays. The stream starts a new session."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(default=None, min_length=1, max_length=2048)
    models: tuple[ModelName, ...] | None = Field(default=None, min_length=1, max_length=8)
    enabled: bool | None = None
    blur: bool | None = None
    max_fps: MaxFps | None = None

    @model_validator(mode="after")
    def _something(self) -> StreamChanges:
        if not self.changes():
            raise ValueError("name at least one of url, models, enabled, blur, max_fps, and a value for it")
        return self

    def changes(self) -> dict[str, Any]:
        """The fields that were given. Null is a value for `max_fps` only: it ends the limit."""
        ended = {"max_fps": None} if "max_fps" in self.model_fields_set else {}
        return {**ended, **self.model_dump(exclude_none=True)}


@router.get("/v1/streams")
async def list_streams(parts: Context) -> StreamList:
    """All streams as they are now."""
    return StreamList(streams=[_shown(parts, view) for view in await asyncio.to_thread(parts.directory.streams)])


@router.post("/v1/streams", status_code=201)
async def add_stream(parts: Context, response: Response, stream: Annotated[NewStream, Body()]) -> Stream:
    """Add a stream; it is kept over restarts. 409 when the id is taken."""
    check_url(stream.url)
    await parts.pushes.evict(stream.id)
    config = StreamConfig.model_validate(stream.model_dump())
    view = await asyncio.to_thread(parts.directory.add, config)
    response.headers["location"] = f"/v1/streams/{view.id}"
    return _shown(parts, view)


@router.get("/v1/streams/{stream_id}")
async def get_stream(parts: Context, stream_id: StreamIdInPath) -> Stream:
    """One stream as it is now."""
    return _shown(parts, await asyncio.to_thread(parts.directory.stream, stream_id))


@router.patch("/v1/streams/{stream_id}")
async def change_stream(parts: Context, stream_id: StreamIdInPath, changes: StreamChanges) -> Stream:
    """Change a stream's URL, its models, how it is analysed, or whether it runs."""
    if changes.url is not None:
        check_url(changes.url)
    view = await asyncio.to_thread(parts.directory.stream, stream_id)
    if view.ephemeral:
        raise Problem("conflict", f"{stream_id} is pushed: it is what its client sends, and cannot be changed here")
    return _shown(parts, await asyncio.to_thread(parts.directory.update, stream_id, changes.changes()))


@router.delete("/v1/streams/{stream_id}", status_code=204)
async def remove_stream(parts: Context, stream_id: StreamIdInPath) -> None:
    """Stop a stream and forget it. A push that feeds it is ended."""
    if parts.directory.shared(stream_id):
        await asyncio.to_thread(parts.directory.remove, stream_id)  # the node that runs it stops, viewers are told
    else:
        await parts.pushes.remove(stream_id)


def _shown(parts: ApiContext, view: StreamView) -> Stream:
    return Stream(**view.model_dump(), viewers=parts.hub.viewers(view.id))


def check_url(url: str) -> None:
    """Only what lies on the network may be named over HTTP. Raises Problem."""
    try:
        address = urlsplit(url)
        fine = address.scheme in _SCHEMES and bool(address.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise Problem(
            "source-refused",
            f"url: {redact(url)[:200]!r} is not taken over HTTP; it must begin with "
            f"{', '.join(f'{scheme}://' for scheme in _SCHEMES)} and name a host",
            extra={"errors": [{"field": "url", "reason": "not a URL that is taken over HTTP"}]},
        )
