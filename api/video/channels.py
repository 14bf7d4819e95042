"""The video channels that somebody watches, by stream. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.http.result_hub import ResultHub
from api.settings import ApiSettings
from api.video.channel import Channel
from api.video.mjpeg import JpegEncoder
from api.video.video_queue import QueueLimits, VideoQueue
from workers.node.node import Node


class VideoChannels:
    """Opens a channel for a stream's first viewer and ends it after the last. `close` on the event loop."""

    def __init__(self, node: Node, hub: ResultHub, jpeg_encoder: JpegEncoder, settings: ApiSettings) -> None:
        self._node = node
        self._hub = hub
        self._jpeg_encoder = jpeg_encoder
        self._limits = QueueLimits(settings.video_queue_bytes, settings.video_lag_s)
        self._channels: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._viewers: dict[Channel, int] = {}

    @contextmanager
    def watched(self, stream_id: str, write: Callable[[bytes], bool] | None = None) -> Iterator[VideoQueue]:
        """The queue of one more viewer; `write` as in VideoQueue. Raises Problem when there are too many viewers."""
        with self._hub.counted(frozenset({stream_id})):
            channel = self._channel(stream_id)
            self._viewers[channel] = self._viewers.get(channel, 0) + 1
            queue = channel.join(write)
            try:
                yield queue
            finally:
                channel.leave(queue)
                self._viewers[channel] -= 1
                self._end_unwatched(stream_id, channel)

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
        channel = Channel(stream_id, self._node, self._jpeg_encoder, self._limits)
        self._channels[stream_id] = channel, asyncio.create_task(self._run(stream_id, channel))
        return channel

    async def _run(self, stream_id: str, channel: Channel) -> None:
        with self._hub.attached(channel, frozenset({stream_id})):
            await channel.run()

    def _end_unwatched(self, stream_id: str, channel: Channel) -> None:
        if self._viewers[channel]:
            return
        del self._viewers[channel]
        known = self._channels.get(stream_id)
        if known is not None and known[0] is channel:
            del self._channels[stream_id]
            known[1].cancel()
