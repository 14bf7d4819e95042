"""Runs inference on uploaded images in a few threads of its own. Called on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

from starlette.requests import ClientDisconnect, Request

from api.http.errors import Problem
from api.settings import ApiSettings
from stream.config import StreamSettings
from stream.decoding.image_header import image_limit, read_header
from stream.decoding.still import Image, Still
from stream.decoding.stills import decode_bgr, decode_still
from workers.bus.result import FrameResult
from workers.node.node import Node

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

_COSTLY_AT_ONCE = 4
"""Images above `COSTLY_PIXELS`, decoded or waiting for that. They hold up each other, but no small ones."""


class Predictor:
    """Bounds how many predictions run and wait at a time. `close` on the event loop."""

    def __init__(self, node: Node, settings: ApiSettings) -> None:
        self._node = node
        self._limit = settings.predict_at_once + settings.predict_waiting
        self._pending = self._costly = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(settings.predict_at_once, thread_name_prefix="predict")
        self._decoders = ThreadPoolExecutor(_COSTLY_AT_ONCE, thread_name_prefix="decode-costly")

    async def predict(self, data: bytes, models: tuple[str, ...] | None) -> FrameResult:
        """Analyse one encoded image. Raises Problem (overloaded), BadImageError, ModelError, EngineError."""
        return await self.on_image(data, self._node.models.analyse_image, models)

    async def on_image(self, data: bytes, work: Callable[[Still, *Arguments], T], *arguments: *Arguments) -> T:
        """Decode an image and call `work` with it (turned by its EXIF), both in threads.

        Raises Problem (overloaded), TooLargeError, BadImageError, and whatever `work` raises. Work that has not begun
        when this is cancelled is not done.
        """
        limits = self._node.stream_settings
        header = await asyncio.to_thread(read_header, data, limits.image_bytes, image_limit(limits))
        if not header.costly:
            return await self._run(lambda: work(decode_still(data, header), *arguments))
        if self._costly >= _COSTLY_AT_ONCE:
            raise _overloaded(f"{self._costly} large images are already being decoded")
        self._costly += 1
        unwanted = threading.Event()
        try:
            still = await asyncio.wrap_future(
                self._decoders.submit(decode_still, data, header, lambda: unwanted.is_set() or self._closing.is_set())
            )
            return await self._run(lambda: work(still, *arguments))
        finally:
            unwanted.set()
            self._costly -= 1

    async def close(self) -> None:
        """End the threads after what they are computing. Idempotent."""
        self._closing.set()
        for pool in (self._decoders, self._pool):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._pending >= self._limit:
                raise _overloaded(f"{self._limit} predictions are already running or waiting")
            self._pending += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._done)  # not in a finally: a thread works on when a client disconnects
        return await asyncio.wrap_future(future)

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self._pending -= 1


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled when the client has gone. The request's body must have been read.

    Raises ClientDisconnect, and whatever `work` raises.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _overloaded(detail: str) -> Problem:
    return Problem("overloaded", f"{detail}; try again later", headers={"retry-after": "1"})


def decode_image(data: bytes, limits: StreamSettings) -> Image:
    """A JPEG, PNG or WebP as u8 HWC BGR, rotated by its EXIF. Raises TooLargeError, BadImageError."""
    return decode_bgr(data, read_header(data, limits.image_bytes, image_limit(limits)))
