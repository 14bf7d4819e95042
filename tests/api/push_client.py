"""A client of the frames socket, and the pictures it sends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import cv2
from websockets.asyncio.client import ClientConnection, connect

from tests.peers.numbers import numbered_image

SIZE_WH = (320, 192)


def encoded(number: int, suffix: str = ".jpg", size_wh: tuple[int, int] = SIZE_WH) -> bytes:
    """A numbered picture as JPEG, PNG or WebP."""
    done, data = cv2.imencode(suffix, numbered_image(number, size_wh))
    assert done
    return data.tobytes()


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A small PNG that says it is very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


class Pusher:
    """Sends pictures and gathers the answers by ordinal."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent = 0
        self.results: dict[int, dict[str, Any]] = {}
        self.dropped: list[int] = []
        self.errors: dict[int, dict[str, Any]] = {}
        self.answers: list[int] = []

    async def send(self, data: bytes) -> int:
        """Send one picture; its ordinal."""
        await self.socket.send(data)
        self.sent += 1
        return self.sent - 1

    async def answer(self, timeout_s: float = 15) -> dict[str, Any]:
        """Take one message."""
        async with asyncio.timeout(timeout_s):
            told: dict[str, Any] = json.loads(await self.socket.recv())
        if "dropped" in told:
            self.dropped += told["dropped"]
            self.answers += told["dropped"]
        else:
            (self.errors if "error" in told else self.results)[told["frame"]] = told
            self.answers.append(told["frame"])
        return told

    async def all_answers(self) -> None:
        """Take messages until everything that was sent is answered."""
        while len(self.answers) < self.sent:
            await self.answer()


@contextlib.asynccontextmanager
async def pushing(ws: str, stream_id: str, query: str = "?models=number") -> AsyncIterator[Pusher]:
    """A connection that pushes `stream_id`."""
    socket = await connect(f"{ws}/v1/streams/{stream_id}/frames{query}", max_size=None, compression=None)
    try:
        yield Pusher(socket)
    finally:
        # websockets 17 aborts the transport of a connection that broke while it wrote, which asyncio may have freed
        with contextlib.suppress(AttributeError):
            await socket.close()
