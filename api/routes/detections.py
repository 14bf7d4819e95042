"""WS /v1/streams/{id}/detections and /v1/detections: live results. Runs on the event loop.

A text message is one frame result (livesight.frame/1). A viewer that keeps up gets every result, one that lags skips
to the newest, one that reads nothing for `viewer_timeout_s` is closed with 1013 (api/server/slow_clients.py, which has
the transport). An unknown stream is refused with 404 before the handshake; when a stream is removed, its viewers get
close 1001. `/v1/detections` never ends: a stream it names may be added later. It shows what the principal may see.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.websockets import WebSocket

from api.http.parameters import StreamIdInPath
from api.http.result_hub import Streams
from api.http.sockets import serve
from api.http.viewer_queue import ViewerQueue
from api.routes.context import ApiContext, Context
from workers.access.declaration import MaySeeResults, check

router = APIRouter()


@router.websocket("/v1/streams/{stream_id}/detections")
async def stream_detections(
    websocket: WebSocket, stream_id: StreamIdInPath, context: Context, _: MaySeeResults
) -> None:
    """The results of one stream."""
    context.directory.stream(stream_id)  # unknown: 404, before the handshake
    await _serve(websocket, context, frozenset({stream_id}))


@router.websocket("/v1/detections")
async def detections(
    websocket: WebSocket,
    context: Context,
    principal: MaySeeResults,
    stream: Annotated[list[str] | None, Query(max_length=1000)] = None,
) -> None:
    """The results of all streams, or of those named by `?stream=a&stream=b`."""
    for stream_id in stream or ():
        check(principal, "results", stream_id)
    await _serve(websocket, context, frozenset(stream) if stream else principal.scope("results"))


async def _serve(websocket: WebSocket, context: ApiContext, streams: Streams) -> None:
    with context.hub.watched(streams) as queue:
        await serve(websocket, _send(websocket, queue))


async def _send(websocket: WebSocket, queue: ViewerQueue) -> None:
    """Send what waits. While the transport is full, newer results replace those that wait in the queue."""
    while True:
        result = await queue.take()
        await websocket.send({"type": "websocket.send", "text": result.text})
