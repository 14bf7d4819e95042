"""Results as they come, over WebSockets. Runs on the event loop.

A text message is one frame result (livesight.frame/1). A viewer that keeps up gets every result, one that lags skips
to the newest, one that accepts nothing for `viewer_timeout_s` is cut off with close 1013 (api/http/server.py, where the
transport is). An unknown stream is refused with 404 before the handshake; when a stream is removed, its viewers get
close 1001. `/v1/detections` never ends: a stream it names may come later.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.websockets import WebSocket

from api.http.sockets import serve
from api.http.viewer import Viewer
from api.routes.context import ApiContext, Context
from stream.config import STREAM_ID_PATTERN

router = APIRouter()

StreamIdInPath = Annotated[str, Path(pattern=STREAM_ID_PATTERN)]


@router.websocket("/v1/streams/{stream_id}/detections")
async def stream_detections(websocket: WebSocket, stream_id: StreamIdInPath, parts: Context) -> None:
    """The results of one stream."""
    await asyncio.to_thread(parts.directory.stream, stream_id)  # unknown: 404, before the handshake
    await _serve(websocket, parts, frozenset({stream_id}))


@router.websocket("/v1/detections")
async def detections(
    websocket: WebSocket, parts: Context, stream: Annotated[list[str] | None, Query(max_length=1000)] = None
) -> None:
    """The results of all streams, or of those named by `?stream=a&stream=b`."""
    await _serve(websocket, parts, frozenset(stream) if stream else None)


async def _serve(websocket: WebSocket, parts: ApiContext, streams: frozenset[str] | None) -> None:
    with parts.hub.watched(streams) as viewer:
        await serve(websocket, _send(websocket, viewer))


async def _send(websocket: WebSocket, viewer: Viewer) -> None:
    """Send what waits. While the transport is full, newer results take the place of what waits in the viewer."""
    while True:
        result = await viewer.take()
        await websocket.send({"type": "websocket.send", "text": result.text})
