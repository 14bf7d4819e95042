"""GET snapshot.jpg and mjpeg of a stream. Runs on the event loop; threads draw and encode (api/video/mjpeg.py)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.http.errors import Problem
from api.http.parameters import StreamIdInPath
from api.routes.context import Context
from api.video.mjpeg import EncodedImage, JpegOptions, JpegStream
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute

router = APIRouter(tags=["images"], route_class=GuardedRoute, dependencies=[Depends(Needs("pictures"))])

_BOUNDARY = "livesight-frame"
_NO_STORE = {"cache-control": "no-store"}
_Again = Annotated[
    str | None, Query(alias="t", max_length=64, description="Anything: another value has browsers ask again.")
]
_Overlay = Annotated[bool, Query(description="Draw boxes and labels into the picture.")]
_FRAME = {
    name: {"description": what, "schema": {"type": "string"}}
    for name, what in (
        ("X-Livesight-Session", "The session of the frame that is shown."),
        ("X-Livesight-Frame", "Its number in the session."),
        ("X-Livesight-Pts-Us", "Its time in the session, as in results."),
        ("X-Livesight-Captured-At-Ns", "When it arrived, in nanoseconds since 1970."),
    )
}


@router.get(
    "/v1/streams/{stream_id}/snapshot.jpg",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "headers": _FRAME},
        503: {"description": "No frame of the stream was analysed yet; or the service is overloaded."},
    },
)
async def get_live_picture(
    context: Context,
    stream_id: StreamIdInPath,
    overlay: _Overlay = False,
    width: Annotated[int | None, Query(ge=16, le=8192, description="Maximum width in pixels; never enlarges.")] = None,
    again: _Again = None,
) -> Response:
    """The newest analysed frame, with its boxes when `overlay=1`; the X-Livesight headers identify it."""
    image = await context.jpeg_encoder.still(JpegOptions(stream_id, overlay, width))
    if image is None:
        detail = f"no frame of stream {stream_id} was analysed yet; try again later"
        raise Problem("no-picture", detail, headers={"retry-after": "1"})
    return Response(image.data, headers={**_NO_STORE, **_identity(image)}, media_type="image/jpeg")


@router.get(
    "/v1/streams/{stream_id}/mjpeg",
    response_class=StreamingResponse,
    responses={200: {"content": {"multipart/x-mixed-replace": {}}}},
)
async def get_mjpeg(
    context: Context,
    stream_id: StreamIdInPath,
    overlay: _Overlay = True,
    fps: Annotated[float, Query(gt=0, le=60, description="Maximum images a second.")] = 15.0,
    again: _Again = None,
) -> StreamingResponse:
    """The stream as multipart JPEGs, for players without other codecs; ends when the stream is removed."""
    context.node.streams.view(stream_id)
    viewing = ExitStack()
    viewing.enter_context(context.hub.counted(frozenset({stream_id})))
    stream = viewing.enter_context(context.jpeg_encoder.stream(JpegOptions(stream_id, overlay)))
    return _CountedResponse(
        viewing,
        _multipart(stream, min(fps, context.settings.mjpeg_fps)),
        f"multipart/x-mixed-replace; boundary={_BOUNDARY}",
    )


class _CountedResponse(StreamingResponse):
    """A response that counts as a viewer until it ends or the client leaves."""

    def __init__(self, viewing: ExitStack, body: AsyncGenerator[bytes, None], media_type: str) -> None:
        super().__init__(body, headers=_NO_STORE, media_type=media_type)
        self._viewing = viewing
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._viewing:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._body.aclose()


async def _multipart(stream: JpegStream, fps: float) -> AsyncGenerator[bytes, None]:
    """The body. A boundary follows each image at once: players show a part when they see its end."""
    yield f"--{_BOUNDARY}\r\n".encode()
    async for image in stream.images(fps):
        fields = {"content-type": "image/jpeg", "content-length": str(len(image.data)), **_identity(image)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        yield b"".join((head.encode(), b"\r\n", image.data, f"\r\n--{_BOUNDARY}\r\n".encode()))


def _identity(image: EncodedImage) -> dict[str, str]:
    """Which frame it shows, so that clients can match results to it."""
    result = image.result
    return {
        "x-livesight-session": result.session,
        "x-livesight-frame": str(result.frame),
        "x-livesight-pts-us": str(result.pts_us),
        "x-livesight-captured-at-ns": str(result.captured_at_ns),
    }
