"""Moving pictures as a series of JPEGs: one encoder a variant, however many look. Runs on the event loop.

Pictures are drawn and encoded in `Feeds`' own threads, and only while somebody looks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from api.http.hub import Hub
from api.http.viewer import Viewer, ViewerEnded
from api.settings import ApiSettings
from api.video.draw import jpeg
from workers.bus.result import FrameResult
from workers.errors import StreamUnknown
from workers.node.node import Node

_MOST_KEPT = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """One encoded picture and what it shows."""

    data: bytes
    result: FrameResult


@dataclass(frozen=True, slots=True)
class Variant:
    """What is encoded once for all that want it."""

    stream_id: str
    overlay: bool
    width: int | None = None


class Feed:
    """The newest picture of one variant, for any number of viewers."""

    def __init__(self) -> None:
        self.viewers = 0
        self.task: asyncio.Task[None] | None = None
        self._newest: EncodedImage | None = None
        self._number = 0
        self._over = False
        self._changed = asyncio.Condition()

    async def put(self, picture: EncodedImage) -> None:
        """A new picture takes the place of the last."""
        async with self._changed:
            self._newest = picture
            self._number += 1
            self._changed.notify_all()

    async def end(self) -> None:
        """No picture comes any more."""
        async with self._changed:
            self._over = True
            self._changed.notify_all()

    async def pictures(self, fps: float) -> AsyncIterator[EncodedImage]:
        """Pictures, the newest each time, at most `fps` a second; ends with the stream."""
        loop = asyncio.get_running_loop()
        seen, due = 0, loop.time()
        while True:
            async with self._changed:
                while not (self._over or self._number > seen):
                    await self._changed.wait()
                if self._over or self._newest is None:
                    return
                seen, picture = self._number, self._newest
            yield picture
            due = max(due + 1 / fps, loop.time() - 1 / fps)
            await asyncio.sleep(max(0.0, due - loop.time()))


class Feeds:
    """The feeds somebody looks at. `close` on the event loop."""

    def __init__(self, node: Node, hub: Hub, settings: ApiSettings) -> None:
        self._node = node
        self._hub = hub
        self._settings = settings
        self._feeds: dict[Variant, Feed] = {}
        self._encoded: dict[Variant, EncodedImage] = {}  # the newest of each variant, the one encoded last at the end
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="picture")

    async def still(self, variant: Variant) -> EncodedImage | None:
        """The newest picture; None before the first. Raises StreamUnknown."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._encode, variant, None)

    @contextmanager
    def feed(self, variant: Variant) -> Iterator[Feed]:
        """The feed of a variant, which runs while somebody is in this context."""
        feed = self._feeds.get(variant)
        if feed is None:
            feed = self._feeds[variant] = Feed()
            feed.task = asyncio.create_task(self._run(variant, feed))
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if not feed.viewers and feed.task is not None:
                feed.task.cancel()
                if self._feeds.get(variant) is feed:
                    del self._feeds[variant]

    async def close(self) -> None:
        """End all feeds and the threads. Idempotent."""
        tasks = [feed.task for feed in self._feeds.values() if feed.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _run(self, variant: Variant, feed: Feed) -> None:
        """Encode the newest picture after each result, at most as often as the settings allow."""
        loop = asyncio.get_running_loop()
        arrivals = Viewer(1)
        shown: tuple[str, int] | None = None
        try:
            with self._hub.attached(arrivals, frozenset({variant.stream_id})):
                while True:
                    started = loop.time()
                    picture = await loop.run_in_executor(self._pool, self._encode, variant, shown)
                    if picture is not None:
                        shown = (picture.result.session, picture.result.pts_us)
                        await feed.put(picture)
                    await asyncio.sleep(max(0.0, started + 1 / self._settings.mjpeg_fps - loop.time()))
                    await arrivals.take()
        except (ViewerEnded, StreamUnknown):
            pass
        except Exception:
            log.exception("mjpeg_failed", stream=variant.stream_id)
        finally:
            if self._feeds.get(variant) is feed:
                del self._feeds[variant]
            await feed.end()

    def _encode(self, variant: Variant, shown: tuple[str, int] | None) -> EncodedImage | None:
        """In a thread: the newest picture, or None when there is none that was not `shown` (session, pts_us) yet."""
        latest = self._node.latest(variant.stream_id)
        if latest is None or _identity(latest[1]) == shown:
            return None
        with self._lock:
            known = self._encoded.get(variant)
        if known is not None and _identity(known.result) == _identity(latest[1]):
            return known
        picture = EncodedImage(jpeg(*latest, variant.overlay, self._settings.jpeg_quality, variant.width), latest[1])
        with self._lock:
            self._encoded.pop(variant, None)
            self._encoded[variant] = picture
            if len(self._encoded) > _MOST_KEPT:
                del self._encoded[next(iter(self._encoded))]
        return picture


def _identity(result: FrameResult) -> tuple[str, int]:
    return result.session, result.pts_us
