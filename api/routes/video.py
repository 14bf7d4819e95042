"""WS /v1/streams/{id}/video: encoded video for browsers. Runs on the event loop.

A text message is the configuration of a decoder (`livesight.video/1`, for WebCodecs' VideoDecoder), sent again whenever
it changes; a binary message is one encoded frame: 1 byte kind (0 delta, 1 key, 2 JPEG), 8 bytes `pts_us`, big-endian
and signed, then the data. `{"skipped": n}` says how many frames a viewer that lagged missed before the key frame that
follows. A viewer that reads nothing for `viewer_timeout_s` is closed with 1013 (api/server/slow_clients.py).
"""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.websockets import WebSocket

from api.http.parameters import StreamIdInPath
from api.http.sockets import frame_writer, serve
from api.routes.context import Context
from api.video.video_queue import VideoQueue
from workers.access.declaration import Needs

router = APIRouter(dependencies=[Depends(Needs("pictures"))])


@router.websocket("/v1/streams/{stream_id}/video")
async def video(websocket: WebSocket, stream_id: StreamIdInPath, context: Context) -> None:
    """The encoded frames of one stream, from the last key frame on."""
    context.node.streams.view(stream_id)  # unknown: 404, before the handshake
    with context.channels.watched(stream_id, frame_writer(websocket)) as queue:
        await serve(websocket, _send(websocket, queue))


async def _send(websocket: WebSocket, queue: VideoQueue) -> None:
    """Send what waits, each frame after the configuration that decodes it.

    While nothing waits, frames do not pass here: the queue's `offer` writes them straight to the connection, which
    costs a fraction of waking a task and of two frameworks' `send` (deployment/bench/README.md).
    """
    while True:
        chunk = await queue.take()
        if skipped := queue.take_skipped():
            await websocket.send({"type": "websocket.send", "text": f'{{"skipped": {skipped}}}'})
        if chunk.config != queue.config:
            queue.config = chunk.config
            await websocket.send({"type": "websocket.send", "text": chunk.config})
        await websocket.send({"type": "websocket.send", "bytes": chunk.data})
