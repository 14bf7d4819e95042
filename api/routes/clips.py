"""POST /v1/streams/{id}/clips: a clip of what was just seen. Runs on the event loop; cutting in a thread."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.http.parameters import StreamIdInPath
from api.routes.context import Context
from api.video.clip_cutter import FROM_HEADER, SESSION_HEADER, TO_HEADER, ClipRequest, cut_from_ring
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute

router = APIRouter(tags=["images"], route_class=GuardedRoute, dependencies=[Depends(Needs("pictures"))])

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
async def cut_clip(context: Context, stream_id: StreamIdInPath, clip: ClipRequest) -> Response:
    """Cut the video from `from_us` to `to_us` as MP4 (VP8 and VP9: WebM), without re-encoding.

    It starts at the key frame before `from_us`; the X-Livesight headers say what it covers.
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
