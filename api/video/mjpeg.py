"""Stills and MJPEG: each image is encoded once, however many viewers want it. Runs on the event loop.

Drawing and encoding happen in the threads of `JpegEncoder`, and only while somebody watches.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from api.http.result_hub import ResultHub
from api.http.viewer_queue import ViewerEnded, ViewerQueue
from api.settings import ApiSettings
from workers.bus.result import FrameResult
from workers.errors import StreamUnknown
from workers.images.draw import jpeg
from workers.node.node import Node

_CACHE_SIZE = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """One JPEG and the result of the frame it shows."""

    data: bytes
    result: FrameResult


@dataclass(frozen=True, slots=True)
class JpegOptions:
    """Which JPEG is wanted: the stream, whether boxes are drawn, and the maximum width in pixels."""

    stream_id: str
    overlay: bool
    width: int | None = None


class JpegStream:
    """The newest image with some options, for any number of viewers."""

    def __init__(self) -> None:
        self.viewers = 0
        self.task: asyncio.Task[None] | None = None
        self._newest: EncodedImage | None = None
        self._number = 0
        self._over = False
        self._changed = asyncio.Condition()

    async def put(self, image: EncodedImage) -> None:
        """Replace the newest image."""
        async with self._changed:
            self._newest = image
            self._number += 1
            self._changed.notify_all()

    async def end(self) -> None:
        """No image follows."""
        async with self._changed:
            self._over = True
            self._changed.notify_all()

    async def images(self, fps: float) -> AsyncIterator[EncodedImage]:
        """The newest image each time, at most `fps` a second; ends with the stream."""
        loop = asyncio.get_running_loop()
        seen, due = 0, loop.time()
        while True:
            async with self._changed:
                while not (self._over or self._number > seen):
                    await self._changed.wait()
                if self._over or self._newest is None:
                    return
                seen, image = self._number, self._newest
            yield image
            due = max(due + 1 / fps, loop.time() - 1 / fps)
            await asyncio.sleep(max(0.0, due - loop.time()))


class JpegEncoder:
    """Encodes stills, and streams of JPEGs while somebody watches them. `close` on the event loop."""

    def __init__(self, node: Node, hub: ResultHub, settings: ApiSettings) -> None:
        self._node = node
        self._hub = hub
        self._settings = settings
        self._streams: dict[JpegOptions, JpegStream] = {}
        self._encoded: dict[JpegOptions, EncodedImage] = {}  # the newest by options, the last encoded at the end
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="jpeg")

    async def still(self, options: JpegOptions) -> EncodedImage | None:
        """The newest analysed frame; None before the first. Raises StreamUnknown."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._encode, options, None)

    @contextmanager
    def stream(self, options: JpegOptions) -> Iterator[JpegStream]:
        """A stream of JPEGs, which is encoded while anybody is in this context."""
        stream = self._streams.get(options)
        if stream is None:
            stream = self._streams[options] = JpegStream()
            stream.task = asyncio.create_task(self._run(options, stream))
        stream.viewers += 1
        try:
            yield stream
        finally:
            stream.viewers -= 1
            if not stream.viewers and stream.task is not None:
                stream.task.cancel()
                if self._streams.get(options) is stream:
                    del self._streams[options]

    async def close(self) -> None:
        """End all streams and the threads. Idempotent."""
        tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _run(self, options: JpegOptions, stream: JpegStream) -> None:
        """Encode the newest frame after each result, at most as often as the settings allow."""
        loop = asyncio.get_running_loop()
        arrivals = ViewerQueue(1)
        shown: tuple[str, int] | None = None
        try:
            with self._hub.attached(arrivals, frozenset({options.stream_id})):
                while True:
                    started = loop.time()
                    image = await loop.run_in_executor(self._pool, self._encode, options, shown)
                    if image is not None:
                        shown = (image.result.session, image.result.pts_us)
                        await stream.put(image)
                    await asyncio.sleep(max(0.0, started + 1 / self._settings.mjpeg_fps - loop.time()))
                    await arrivals.take()
        except (ViewerEnded, StreamUnknown):
            pass
        except Exception:
            log.exception("mjpeg_failed", stream=options.stream_id)
        finally:
            if self._streams.get(options) is stream:
                del self._streams[options]
            await stream.end()

    def _encode(self, options: JpegOptions, shown: tuple[str, int] | None) -> EncodedImage | None:
        """In a thread: the newest frame, or None without one newer than `shown` (session, pts_us)."""
        latest = self._node.streams.latest(options.stream_id)
        if latest is None or _identity(latest[1]) == shown:
            return None
        with self._lock:
            known = self._encoded.get(options)
        if known is not None and _identity(known.result) == _identity(latest[1]):
            return known
        image = EncodedImage(jpeg(*latest, options.overlay, self._settings.jpeg_quality, options.width), latest[1])
        with self._lock:
            self._encoded.pop(options, None)
            self._encoded[options] = image
            if len(self._encoded) > _CACHE_SIZE:
                del self._encoded[next(iter(self._encoded))]
        return image


def _identity(result: FrameResult) -> tuple[str, int]:
    return result.session, result.pts_us
