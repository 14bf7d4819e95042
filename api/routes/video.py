"""The picture for browsers, over WebSockets. Runs on the event loop.

A text message is the configuration of a decoder (`livesight.video/1`, for WebCodecs' VideoDecoder), again whenever it
changes; a binary message is one encoded picture: 1 byte kind (0 delta, 1 key, 2 JPEG), 8 bytes `pts_us`, big-endian
and signed, and its data. `{"skipped": n}` tells a viewer that lagged how many pictures were left out up to the key
frame that follows. One that accepts nothing for `viewer_timeout_s` is cut off with close 1013 (api/http/server.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter
from starlette.websockets import WebSocket

from api.http.hub import Hub
from api.http.sockets import frame_writer, serve
from api.routes.context import Context
from api.routes.detections import StreamIdInPath
from api.settings import ApiSettings
from api.video.channel import Channel
from api.video.mjpeg import Feeds
from api.video.viewer import VideoViewer, ViewerLimits
from workers.node.node import Node

router = APIRouter()


class Videos:
    """The channels that somebody looks at. On the event loop; `close` ends them."""

    def __init__(self, node: Node, hub: Hub, feeds: Feeds, settings: ApiSettings) -> None:
        self._node = node
        self._hub = hub
        self._feeds = feeds
        self._patience = ViewerLimits(settings.video_queue_bytes, settings.video_lag_s)
        self._channels: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._watching: dict[Channel, int] = {}

    @contextmanager
    def watched(self, stream_id: str) -> Iterator[VideoViewer]:
        """A viewer of a stream's picture. Raises Problem when there are as many as the settings allow."""
        with self._hub.counted(frozenset({stream_id})):
            channel = self._channel(stream_id)
            self._watching[channel] = self._watching.get(channel, 0) + 1
            viewer = channel.join()
            try:
                yield viewer
            finally:
                channel.leave(viewer)
                self._watching[channel] -= 1
                self._drop_unwatched(stream_id, channel)

    async def close(self) -> None:
        """End all channels. Idempotent."""
        tasks = [task for _, task in self._channels.values()]
        self._channels.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _channel(self, stream_id: str) -> Channel:
        known = self._channels.get(stream_id)
        if known is not None and not known[0].ended and not known[1].done():
            return known[0]
        channel = Channel(stream_id, self._node, self._feeds, self._patience)
        self._channels[stream_id] = channel, asyncio.create_task(self._run(stream_id, channel))
        return channel

    async def _run(self, stream_id: str, channel: Channel) -> None:
        with self._hub.attached(channel, frozenset({stream_id})):
            await channel.run()

    def _drop_unwatched(self, stream_id: str, channel: Channel) -> None:
        if self._watching[channel]:
            return
        del self._watching[channel]
        known = self._channels.get(stream_id)
        if known is not None and known[0] is channel:
            del self._channels[stream_id]
            known[1].cancel()


@router.websocket("/v1/streams/{stream_id}/video")
async def video(websocket: WebSocket, stream_id: StreamIdInPath, parts: Context) -> None:
    """The encoded pictures of one stream, from the last key frame on."""
    await asyncio.to_thread(parts.node.stream, stream_id)  # unknown: 404, before the handshake
    with parts.videos.watched(stream_id) as viewer:
        await serve(websocket, _send(websocket, viewer))


async def _send(websocket: WebSocket, viewer: VideoViewer) -> None:
    """Send what waits, each picture after the configuration that it is decoded with.

    While nothing waits pictures do not come this way: `offer` writes them to the connection itself, which costs a
    fraction of a task's turn and two frameworks' `send` (deployment/bench/README.md).
    """
    viewer.write = frame_writer(websocket)
    while True:
        chunk = await viewer.take()
        if skipped := viewer.take_skipped():
            await websocket.send({"type": "websocket.send", "text": f'{{"skipped": {skipped}}}'})
        if chunk.config != viewer.config:
            viewer.config = chunk.config
            await websocket.send({"type": "websocket.send", "text": chunk.config})
        await websocket.send({"type": "websocket.send", "bytes": chunk.data})
