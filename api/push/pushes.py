"""Streams that clients push: which push feeds which stream, and when it is removed. Runs on the event loop.

A push to an unknown id creates an ephemeral stream. When the push ends, the stream stays, ended, for
`StreamSettings.ephemeral_s`, so that its viewers and figures survive a short interruption; a new push takes it over,
and after that time it is removed. While it is fed, its id is busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from api.http.errors import Problem
from api.http.result_hub import ResultHub
from stream.config import StreamConfig
from stream.sources.source import Source
from workers.errors import StreamExists, StreamUnknown
from workers.memory import return_free_memory
from workers.node.node import Node

log = structlog.get_logger(__name__)

_GIVE_BACK_AFTER_S = 5.0  # several streams that end together are one occasion


@dataclass(eq=False, slots=True)
class Push:
    """One push. `on_removed` is called when its stream is removed; `linger` removes the stream after the push."""

    stream_id: str
    on_removed: Callable[[], None]
    linger: asyncio.Task[None] | None = None


class Pushes:
    """The pushed streams of this process; everything that removes a stream goes through `remove`."""

    def __init__(self, node: Node, hub: ResultHub) -> None:
        self._node = node
        self._hub = hub
        self._pushes: dict[str, Push] = {}
        self._giving_back: asyncio.Task[None] | None = None

    @property
    def feeding(self) -> int:
        """How many pushes are active."""
        return sum(push.linger is None for push in self._pushes.values())

    async def refuse_busy(self, stream_id: str) -> None:
        """Raises Problem when a push to this id would be refused; call it before costly work."""
        push = self._pushes.get(stream_id)
        if push is None or push.linger is None:
            try:
                self._node.streams.view(stream_id)
            except StreamUnknown:
                return
            raise _busy(stream_id)

    async def begin(self, source: Source, config: StreamConfig, on_removed: Callable[[], None]) -> Push:
        """Run the stream `source.id` from `source`, as `config` says.

        Raises Problem (stream-busy), ModelError, EngineError; `source` is closed then.
        """
        push = Push(source.id, on_removed)
        try:
            await self.evict(source.id)
            await asyncio.to_thread(self._node.streams.attach, source, config)
        except StreamExists as error:
            await asyncio.to_thread(source.close)
            raise _busy(source.id) from error
        except BaseException:
            await asyncio.shield(asyncio.to_thread(source.close))
            raise
        self._pushes[source.id] = push
        return push

    def end(self, push: Push) -> None:
        """The push is over and its source closed; the stream is removed later."""
        if self._pushes.get(push.stream_id) is push and push.linger is None:
            push.linger = asyncio.create_task(self._forget(push))

    async def evict(self, stream_id: str) -> None:
        """Remove a stream that only lingers, to make room for a new one."""
        push = self._pushes.get(stream_id)
        if push is not None and push.linger is not None:
            await self._remove(stream_id)

    async def remove(self, stream_id: str) -> None:
        """Remove any stream; ends its push and its viewers. Raises StreamUnknown."""
        await self._remove(stream_id)
        self._hub.end_stream(stream_id)

    async def close(self) -> None:
        """Forget the pushes; the node closes their streams. Idempotent."""
        lingering = [push.linger for push in self._pushes.values() if push.linger is not None]
        self._pushes.clear()
        if self._giving_back is not None:
            lingering.append(self._giving_back)
        for task in lingering:
            task.cancel()
        await asyncio.gather(*lingering, return_exceptions=True)

    async def _remove(self, stream_id: str) -> None:
        push = self._pushes.pop(stream_id, None)
        if push is not None and push.linger is not None:
            if push.linger is not asyncio.current_task():
                push.linger.cancel()
        elif push is not None:
            push.on_removed()
        await asyncio.to_thread(self._node.streams.remove, stream_id)
        if self._giving_back is None or self._giving_back.done():
            self._giving_back = asyncio.create_task(_give_back_soon())

    async def _forget(self, push: Push) -> None:
        await asyncio.sleep(self._node.stream_settings.ephemeral_s)
        if self._pushes.get(push.stream_id) is push:
            try:
                await self.remove(push.stream_id)
            except StreamUnknown:
                log.info("pushed_stream_gone_already", stream=push.stream_id)


async def _give_back_soon() -> None:
    await asyncio.sleep(_GIVE_BACK_AFTER_S)
    await asyncio.to_thread(return_free_memory)


def _busy(stream_id: str) -> Problem:
    return Problem("stream-busy", f"another client or camera feeds stream {stream_id}")
