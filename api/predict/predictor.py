"""Runs inference on uploaded images in a few threads of its own. Called on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple, cast

import cv2
import numpy as np
import numpy.typing as npt

from api.http.errors import Problem
from api.settings import ApiSettings
from stream.config import StreamSettings
from stream.decoding.image_header import read_header
from stream.errors import BadImageError
from workers.bus.result import FrameResult
from workers.node.node import Node

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class Predictor:
    """Bounds how many predictions run and wait at a time. `close` on the event loop."""

    def __init__(self, node: Node, settings: ApiSettings) -> None:
        self._node = node
        self._limit = settings.predict_at_once + settings.predict_waiting
        self._pending = 0
        self._pool = ThreadPoolExecutor(settings.predict_at_once, thread_name_prefix="predict")

    async def predict(self, data: bytes, models: tuple[str, ...] | None) -> FrameResult:
        """Analyse one encoded image. Raises Problem (overloaded), BadImageError, ModelError, EngineError."""
        return await self.run(self._predict, data, models)

    async def run(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run `work` in one of the threads. Raises Problem (overloaded) and whatever `work` raises."""
        if self._pending >= self._limit:
            detail = f"{self._limit} predictions are already running or waiting; try again later"
            raise Problem("overloaded", detail, headers={"retry-after": "1"})
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        future.add_done_callback(self._done)  # not in a finally: the thread works on when a client disconnects
        return await asyncio.shield(future)

    async def close(self) -> None:
        """End the threads after what they are computing. Idempotent."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()  # marks it as retrieved in case nobody awaits the future any more

    def _predict(self, data: bytes, models: tuple[str, ...] | None) -> FrameResult:
        return self._node.models.analyse_image(decode_image(data, self._node.stream_settings), models)


def decode_image(data: bytes, limits: StreamSettings) -> npt.NDArray[np.uint8]:
    """A JPEG, PNG or WebP as u8 HWC BGR, rotated by its EXIF. Raises TooLargeError, BadImageError."""
    header = read_header(data, limits.image_bytes, limits.image_pixels)
    image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image_bgr is None:
        raise BadImageError(f"the {header.kind} image is damaged")
    return cast("npt.NDArray[np.uint8]", image_bgr)
