"""POST /v1/streams/test: try a camera's URL without adding it. Runs on the event loop.

A thread opens the camera, with the code that also opens it for streaming.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Annotated

import cv2
from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.http.errors import Problem
from api.routes.context import Context
from api.routes.streams import check_url
from stream.config import StreamConfig, StreamSettings
from stream.errors import MailboxClosed, SourceError
from stream.sources.source_urls import open_source
from stream.url_redaction import redact
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute

router = APIRouter(tags=["streams"], route_class=GuardedRoute, dependencies=[Depends(Needs("cameras"))])

_CONCURRENCY = threading.BoundedSemaphore(4)
_FIRST_FRAME_S = 10.0
"""A connected camera must send a key frame within this time; connecting has its own timeouts."""


class CameraAddress(BaseModel):
    """The camera to try."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2048)


@router.post(
    "/v1/streams/test",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 422: {"description": "Why the camera delivers no frame."}},
)
async def test_stream(context: Context, address: Annotated[CameraAddress, Body()]) -> Response:
    """Open a camera's URL and answer with its first frame as JPEG; nothing is added or stored."""
    check_url(address.url)
    if not _CONCURRENCY.acquire(blocking=False):
        raise Problem("overloaded", "too many cameras are being tested; try again soon", headers={"retry-after": "5"})
    jpeg = await asyncio.to_thread(_first_frame, address.url, context.stream_settings, context.settings.jpeg_quality)
    return Response(jpeg, headers={"cache-control": "no-store"}, media_type="image/jpeg")


def _first_frame(url: str, settings: StreamSettings, quality: int) -> bytes:
    """In a thread. Raises SourceError with the precise reason. Releases the semaphore."""
    timeout_s = 2 * settings.connect_timeout_s + _FIRST_FRAME_S
    try:
        config = StreamConfig(id=f"test-{secrets.token_hex(6)}", url=url)
        source = open_source(config, settings, live=False, allow_local=False)
        try:
            source.start()
            frame = source.mailbox.get(timeout_s)
            _, encoded = cv2.imencode(".jpg", frame.to_bgr(), [cv2.IMWRITE_JPEG_QUALITY, quality])
        finally:
            source.close()
        return encoded.tobytes()
    except TimeoutError:
        raise SourceError(f"{redact(url)}: connected, but the camera sent no frame within {timeout_s:g} s") from None
    except MailboxClosed:
        raise SourceError(f"{redact(url)}: the stream ended before its first frame") from None
    finally:
        _CONCURRENCY.release()
