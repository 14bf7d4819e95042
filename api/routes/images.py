"""Stills and MJPEG of a stream. Runs on the event loop; drawing and encoding happen in threads (api/video/mjpeg.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.http.errors import Problem
from api.routes.context import Context
from api.routes.detections import StreamIdInPath
from api.video.mjpeg import EncodedImage, Feed, Variant

router = APIRouter(tags=["pictures"])

_BOUNDARY = "livesight-frame"
_NO_STORE = {"cache-control": "no-store"}


@router.get(
    "/v1/streams/{stream_id}/snapshot.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 503: {"description": "no picture was analysed yet"}},
)
async def snapshot(
    parts: Context,
    stream_id: StreamIdInPath,
    overlay: bool = False,
    width: Annotated[int | None, Query(ge=16, le=8192, description="Most pixels across; never enlarged.")] = None,
) -> Response:
    """The newest analysed picture, with its boxes when `overlay=1`; its identity is in the X-Livesight headers."""
    picture = await parts.feeds.still(Variant(stream_id, overlay, width))
    if picture is None:
        raise Problem("no-picture", f"no picture of {stream_id} was analysed yet", headers={"retry-after": "1"})
    return Response(picture.data, headers={**_NO_STORE, **_identity(picture)}, media_type="image/jpeg")


@router.get(
    "/v1/streams/{stream_id}/mjpeg",
    response_class=StreamingResponse,
    responses={200: {"content": {"multipart/x-mixed-replace": {}}}},
)
async def mjpeg(
    parts: Context,
    stream_id: StreamIdInPath,
    overlay: bool = True,
    fps: Annotated[float, Query(gt=0, le=60, description="Most pictures a second.")] = 15.0,
) -> StreamingResponse:
    """The stream as multipart JPEGs, for players that know nothing else; ends when the stream is removed."""
    await asyncio.to_thread(parts.node.stream, stream_id)
    viewing = ExitStack()
    viewing.enter_context(parts.hub.counted(frozenset({stream_id})))
    feed = viewing.enter_context(parts.feeds.feed(Variant(stream_id, overlay)))
    return _Watched(
        viewing,
        _parts(feed, min(fps, parts.settings.mjpeg_fps)),
        f"multipart/x-mixed-replace; boundary={_BOUNDARY}",
    )


class _Watched(StreamingResponse):
    """A stream of parts that counts as a viewer until it ends or the client leaves."""

    def __init__(self, viewing: ExitStack, parts: AsyncGenerator[bytes, None], media_type: str) -> None:
        super().__init__(parts, headers=_NO_STORE, media_type=media_type)
        self._viewing = viewing
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._viewing:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._parts.aclose()


async def _parts(feed: Feed, fps: float) -> AsyncGenerator[bytes, None]:
    """The body. A boundary follows each picture at once: players show a part when they see its end."""
    yield f"--{_BOUNDARY}\r\n".encode()
    async for picture in feed.pictures(fps):
        fields = {"content-type": "image/jpeg", "content-length": str(len(picture.data)), **_identity(picture)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        yield b"".join((head.encode(), b"\r\n", picture.data, f"\r\n--{_BOUNDARY}\r\n".encode()))


def _identity(picture: EncodedImage) -> dict[str, str]:
    """Which picture it is, so that results can be laid over it."""
    result = picture.result
    return {
        "x-livesight-session": result.session,
        "x-livesight-frame": str(result.frame),
        "x-livesight-pts-us": str(result.pts_us),
        "x-livesight-captured-at-ns": str(result.captured_at_ns),
    }
