"""GET, POST, PATCH and DELETE /v1/streams. Runs on the event loop; the node works in threads."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.http.error_responses import invalid
from api.http.errors import Problem
from api.http.parameters import StreamIdInPath
from api.routes.context import ApiContext, Context
from stream.config import DEFAULT_MODELS, MaxFps, ModelName, SaysWho, StreamConfig
from stream.network.camera_address import SCHEMES, CameraAddress
from workers.access.declaration import MaySeeResults, Needs
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal
from workers.access.roles import ROLE_OF
from workers.errors import Forbidden, SecretLocked
from workers.node.stream_view import StreamView
from workers.secrets.stored_stream import LockedStream

router = APIRouter(tags=["streams"], route_class=GuardedRoute)

MayChangeCameras = Annotated[Principal, Depends(Needs("cameras"))]

_CAMERA = "the camera"
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"]*[^\s'\":;,.)]")
_NUMBERS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?P<bracketed>[0-9a-fA-F:.]+)\])(?::\d{1,5})?(?![\w.]*\w)"
    r"|(?<![\w.:])[0-9a-fA-F]*(?::[0-9a-fA-F]*){2,7}(?!\w)"
)
"""What may be the address of a host, perhaps with a port."""


class Stream(StreamView):
    """A stream and how many viewers it has. Its address is there for whoever may change it."""

    viewers: int = 0


class StreamAddress(BaseModel):
    """The whole address of a camera, for who may change it. Its password never leaves the service."""

    url: str | None = Field(description="Without user and password; null for a pushed stream.")
    user: str | None
    has_password: bool


class StreamList(BaseModel):
    """All streams that the principal may see, ordered by id."""

    streams: list[Stream]


class NewStream(StreamConfig):
    """A stream to add, with a network URL. Local files and devices need the command line or configuration."""

    url: str = Field(min_length=1, max_length=2048)
    models: tuple[ModelName, ...] = Field(default=DEFAULT_MODELS, min_length=1, max_length=8)


class StreamChanges(BaseModel):
    """The fields to change; the others stay. A new session begins, unless only `max_fps` or `identity` changes."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", json_schema_extra={"minProperties": 1})

    url: str | None = Field(default=None, min_length=1, max_length=2048)
    user: str | None = Field(default=None, max_length=256, description="Null: the camera asks for none.")
    password: str | None = Field(default=None, max_length=1024, description="Write-only. Null: removed.")
    models: tuple[ModelName, ...] | None = Field(default=None, min_length=1, max_length=8)
    enabled: bool | None = None
    blur: bool | None = None
    max_fps: MaxFps | None = None
    identity: SaysWho | None = None

    @model_validator(mode="after")
    def _something(self) -> StreamChanges:
        if not self.changes():
            raise ValueError(
                "give a value for at least one of url, user, password, models, enabled, blur, max_fps, identity"
            )
        return self

    def changes(self) -> dict[str, Any]:
        """The fields that were given. Null is a value of `max_fps`, `user` and `password` only: it removes them."""
        removed: dict[str, Any] = dict.fromkeys(self.model_fields_set & {"max_fps", "user", "password"})
        return {**removed, **self.model_dump(exclude_none=True)}


@router.get("/v1/streams")
async def list_streams(context: Context, principal: MaySeeResults) -> StreamList:
    """List all streams with their current state."""
    seen = principal.scope("results")
    views = [view for view in context.directory.streams() if view.id in seen]
    return StreamList(streams=[_shown(context, view, principal) for view in views])


@router.post(
    "/v1/streams",
    status_code=201,
    responses={
        201: {"headers": {"Location": {"description": "The stream's address.", "schema": {"type": "string"}}}},
        409: {"description": "A stream with this id exists, or there are as many as may be."},
    },
)
async def add_stream(
    context: Context, principal: MayChangeCameras, response: Response, stream: Annotated[NewStream, Body()]
) -> Stream:
    """Add a stream; it survives restarts. 409 when a stream with this id exists."""
    if not principal.may("cameras", stream.id):  # whether it exists or not
        raise Forbidden(f"this needs the role {ROLE_OF['cameras']} on stream {stream.id} (action cameras)")
    check_address(stream.address)
    await context.pushes.evict(stream.id)
    config = StreamConfig.model_validate(stream.model_dump())
    view = await asyncio.to_thread(context.directory.add, config)
    response.headers["location"] = f"/v1/streams/{view.id}"
    return _shown(context, view, principal)


@router.get("/v1/streams/{stream_id}")
async def get_stream(context: Context, principal: MaySeeResults, stream_id: StreamIdInPath) -> Stream:
    """One stream with its current state."""
    return _shown(context, context.directory.stream(stream_id), principal)


@router.get(
    "/v1/streams/{stream_id}/address",
    responses={409: {"description": "It is stored encrypted, and the key is not there."}},
)
async def get_stream_address(context: Context, _: MayChangeCameras, stream_id: StreamIdInPath) -> StreamAddress:
    """Where a stream's camera is, in full."""
    config = context.directory.config(stream_id)
    if isinstance(config, LockedStream):
        raise SecretLocked(f"stream {stream_id}: {config.reason}")
    return StreamAddress(url=config.url, user=config.user, has_password=config.password is not None)


@router.patch(
    "/v1/streams/{stream_id}",
    responses={409: {"description": "The stream is pushed by a client, being changed, or cannot be decrypted."}},
)
async def change_stream(
    context: Context, principal: MayChangeCameras, stream_id: StreamIdInPath, changes: StreamChanges
) -> Stream:
    """Change a stream's URL, its models, how it is analysed, or whether it runs."""
    if changes.url is not None:
        check_address(_address(stream_id, changes))
    view = context.directory.stream(stream_id)
    if view.ephemeral:
        raise Problem(
            "conflict", f"stream {stream_id} is pushed by a client and cannot be changed; push it with other parameters"
        )
    view = await asyncio.to_thread(context.directory.update, stream_id, changes.changes())
    return _shown(context, view, principal)


@router.delete("/v1/streams/{stream_id}", status_code=204)
async def remove_stream(context: Context, _: MayChangeCameras, stream_id: StreamIdInPath) -> None:
    """Stop and remove a stream; ends a push that feeds it."""
    if context.directory.shared(stream_id):
        await asyncio.to_thread(context.directory.remove, stream_id)  # its node stops it, and viewers are closed
    else:
        await context.pushes.remove(stream_id)


def _address(stream_id: str, changes: StreamChanges) -> CameraAddress | None:
    """The camera's address as it is asked for. Raises Problem."""
    try:
        return StreamConfig(id=stream_id, url=changes.url, user=changes.user, password=changes.password).address
    except ValidationError as error:
        raise invalid(error.errors()) from None


def _shown(context: ApiContext, view: StreamView, principal: Principal) -> Stream:
    """Where a camera is concerns whoever may change it; others see that it is there, and how it does."""
    shown = view.model_dump()
    if not principal.may("cameras", view.id):
        shown |= {"url": None, "last_error": view.last_error and without_addresses(view.last_error, view.url)}
    return Stream(**shown, viewers=context.hub.viewers(view.id))


def without_addresses(reason: str, url: str | None) -> str:
    """What is wrong, for whoever may not know where the camera is: with its host's name and all addresses left out."""
    reason = _NUMBERS.sub(_without_number, _URL.sub(_CAMERA, reason))
    try:
        host = url and urlsplit(url).hostname
    except ValueError:
        host = None
    return re.sub(rf"(?<![\w.-]){re.escape(host)}(?::\d+)?(?![\w-])", _CAMERA, reason, flags=re.I) if host else reason


def _without_number(found: re.Match[str]) -> str:
    """Times of day look like addresses too."""
    text = found[0]
    if "." in text or found["bracketed"]:
        return _CAMERA
    end = ":" if text.endswith(":") and not text.endswith("::") else ""
    try:
        ipaddress.ip_address(text.removesuffix(end))
    except ValueError:
        return text
    return _CAMERA + end


def check_address(address: CameraAddress | None) -> None:
    """Only addresses in a network are accepted over HTTP. Raises Problem for others."""
    if address is None:
        raise Problem(
            "source-refused",
            "url: local files and devices are not accepted over HTTP; it must start with "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}",
            extra={"errors": [{"field": "url", "reason": "not a URL that is accepted over HTTP"}]},
        )
