"""What was just seen: POST /v1/streams/{id}/clips and GET …/results. Runs on the event loop; cutting in a thread."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from api.http.parameters import StreamIdInPath
from api.routes.context import Context
from api.video.clip_cutter import FOREVER_US, ClipRequest, cut_from_ring, results_of
from workers.access.declaration import MaySeePictures, MaySeeResults
from workers.access.guarded_route import GuardedRoute
from workers.bus.media import FROM_HEADER, RESULT_LINES, SESSION_HEADER, TO_HEADER

router = APIRouter(tags=["images"], route_class=GuardedRoute)

_CONCURRENCY = asyncio.Semaphore(4)


@router.post(
    "/v1/streams/{stream_id}/clips",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}, "video/webm": {}}, "description": "The clip."},
        404: {"description": "The stream does not exist, or has no encoded packets."},
        409: {"description": "The stream is blurred but its packets are not, or the session is over."},
        416: {"description": "That time is no longer stored, or not yet."},
    },
)
async def cut_clip(
    context: Context, principal: MaySeePictures, stream_id: StreamIdInPath, clip: ClipRequest
) -> Response:
    """Cut the video from `from_us` to `to_us` as MP4 (VP8 and VP9: WebM), without re-encoding.

    It starts at the key frame before `from_us`; the X-Livesight headers say what it covers. Its results are those of
    `…/results` from the first of these times to the last; the frame of a result is shown at its `pts_us` less the
    first.
    """
    async with _CONCURRENCY:
        cut = await asyncio.to_thread(cut_from_ring, context.node, stream_id, clip)
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{stream_id}-{cut.from_us}.{cut.file.suffix}"',
        SESSION_HEADER: cut.session,
        FROM_HEADER: str(cut.from_us),
        TO_HEADER: str(cut.to_us),
        "x-livesight-pictures": str(cut.frames),
    }
    return Response(cut.file.data, headers=headers, media_type=cut.file.media_type)


class RecentSpan(ClipRequest):
    """The same for results; without times all that are kept."""

    from_us: int = Field(default=0, ge=0, le=FOREVER_US, description="From this time on, in the stream's `pts_us`.")
    to_us: int = Field(default=FOREVER_US, ge=0, le=FOREVER_US, description="Up to this time, itself included.")


@router.get(
    "/v1/streams/{stream_id}/results",
    response_class=Response,
    responses={
        200: {"content": {RESULT_LINES: {}}, "description": "A frame result (livesight.frame/1) a line, in order."},
        409: {"description": "The session is over."},
    },
)
async def list_recent_results(
    context: Context, principal: MaySeeResults, stream_id: StreamIdInPath, span: Annotated[RecentSpan, Query()]
) -> Response:
    """The results of the frames that a clip can still be cut of, from `from_us` to `to_us`.

    They are of one session, the newest, which a header names. A frame that was not analysed has none.
    """
    lines = await asyncio.to_thread(results_of, context.node, stream_id, span)
    headers = {"cache-control": "no-store", **({} if lines.session is None else {SESSION_HEADER: lines.session})}
    return Response(lines.data, headers=headers, media_type=RESULT_LINES)
