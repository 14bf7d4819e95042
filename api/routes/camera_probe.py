"""POST /v1/streams/test: try a camera's URL without adding it. Runs on the event loop.

A thread opens the camera, with the code that also opens it for streaming.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Annotated, Any

import cv2
from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from api.http.errors import Problem
from api.routes.context import Context
from api.routes.streams import check_address
from stream.config import StreamConfig, StreamSettings, address_in_parts
from stream.errors import MailboxClosed, SourceError
from stream.sources.source_urls import open_source
from stream.url_redaction import redact
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute

router = APIRouter(tags=["streams"], route_class=GuardedRoute, dependencies=[Depends(Needs("cameras"))])

_CONCURRENCY = threading.BoundedSemaphore(4)
_FIRST_FRAME_S = 10.0
"""A connected camera must send a key frame within this time; connecting has its own timeouts."""


class TriedCamera(BaseModel):
    """The camera to try."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", hide_input_in_errors=True)

    url: str = Field(min_length=1, max_length=2048, repr=False)
    user: str | None = Field(default=None, max_length=256, repr=False)
    password: str | None = Field(default=None, max_length=1024, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _address_in_parts(cls, given: Any) -> Any:
        return address_in_parts(given)


@router.post(
    "/v1/streams/test",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 422: {"description": "Why the camera delivers no frame."}},
)
async def test_stream(context: Context, camera: Annotated[TriedCamera, Body()]) -> Response:
    """Open a camera's URL and answer with its first frame as JPEG; nothing is added or stored."""
    config = StreamConfig(id=f"test-{secrets.token_hex(6)}", **camera.model_dump())
    check_address(config.address)
    if not _CONCURRENCY.acquire(blocking=False):
        raise Problem("overloaded", "too many cameras are being tested; try again soon", headers={"retry-after": "5"})
    jpeg = await asyncio.to_thread(_first_frame, config, context.stream_settings, context.settings.jpeg_quality)
    return Response(jpeg, headers={"cache-control": "no-store"}, media_type="image/jpeg")


def _first_frame(config: StreamConfig, settings: StreamSettings, quality: int) -> bytes:
    """In a thread. Raises SourceError with the precise reason. Releases the semaphore."""
    label = redact(config.url or "")
    timeout_s = 2 * settings.connect_timeout_s + _FIRST_FRAME_S
    try:
        source = open_source(config, settings, live=False, allow_local=False)
        try:
            source.start()
            frame = source.mailbox.get(timeout_s)
            _, encoded = cv2.imencode(".jpg", frame.to_bgr(), [cv2.IMWRITE_JPEG_QUALITY, quality])
        finally:
            source.close()
        return encoded.tobytes()
    except TimeoutError:
        raise SourceError(f"{label}: connected, but the camera sent no frame within {timeout_s:g} s") from None
    except MailboxClosed:
        raise SourceError(f"{label}: the stream ended before its first frame") from None
    finally:
        _CONCURRENCY.release()
