"""Tries a camera's address without adding it: its first picture, or why there is none. Runs on the event loop.

The camera is opened in a thread, by the same code that opens it for good.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Annotated

import cv2
from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.http.errors import Problem
from api.routes.context import Context
from api.routes.streams import check_url
from stream.config import StreamConfig, StreamSettings
from stream.errors import MailboxClosed, SourceError
from stream.redaction import redact
from stream.sources.source_urls import open_source

router = APIRouter(tags=["streams"])

_AT_ONCE = threading.BoundedSemaphore(4)
_FIRST_PICTURE_S = 10.0
"""A camera that is connected sends a key frame within this time; the connection has its own time-outs."""


class Address(BaseModel):
    """The camera to try."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2048)


@router.post(
    "/v1/streams/test",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 422: {"description": "why there is no picture, in words"}},
)
async def test_stream(parts: Context, address: Annotated[Address, Body()]) -> Response:
    """Open a camera's address, and answer with its first picture as JPEG; nothing is added or kept."""
    check_url(address.url)
    if not _AT_ONCE.acquire(blocking=False):
        raise Problem("overloaded", "other cameras are being tried just now", headers={"retry-after": "5"})
    picture = await asyncio.to_thread(_first_picture, address.url, parts.stream_settings, parts.settings.jpeg_quality)
    return Response(picture, headers={"cache-control": "no-store"}, media_type="image/jpeg")


def _first_picture(url: str, settings: StreamSettings, quality: int) -> bytes:
    """In a thread. Raises SourceError with the precise reason. Gives the turn back."""
    try:
        config = StreamConfig(id=f"test-{secrets.token_hex(6)}", url=url)
        source = open_source(config, settings, live=False, allow_local=False)
        try:
            source.start()
            frame = source.mailbox.get(2 * settings.connect_timeout_s + _FIRST_PICTURE_S)
            _, encoded = cv2.imencode(".jpg", frame.to_bgr(), [cv2.IMWRITE_JPEG_QUALITY, quality])
        finally:
            source.close()
        return encoded.tobytes()
    except TimeoutError:
        raise SourceError(f"{redact(url)}: connected, but no picture came") from None
    except MailboxClosed:
        raise SourceError(f"{redact(url)}: the stream ended before its first picture") from None
    finally:
        _AT_ONCE.release()
