"""A client that sends what it likes, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HALF_HEADER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Never: en"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(path: str, length: int, kind: str = "application/json") -> bytes:
    """The header of a request with a body."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


class RawClient:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send, and wait until the kernel has it."""
        self._writer.write(data)
        await self._writer.drain()

    async def until_closed(self, timeout_s: float = 10) -> bytes:
        """Everything the server still sends, also if a reset ends it. Fails with TimeoutError if it does not close."""
        found = b""
        async with asyncio.timeout(timeout_s):
            try:
                while part := await self._reader.read(65536):
                    found += part
            except ConnectionError:
                pass
        return found

    async def answer(self, ends: bytes = b"", timeout_s: float = 10) -> bytes:
        """What comes next, up to `ends`; empty when the server closed."""
        async with asyncio.timeout(timeout_s):
            found = await self._reader.read(65536)
            while ends not in found:
                found += await self._reader.readexactly(1)
            return found

    @property
    def closed_by_server(self) -> bool:
        """Whether the server closed it, as far as is known without reading."""
        return self._reader.at_eof() or self._reader.exception() is not None

    def abort(self) -> None:
        """Leave without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def raw(port: int) -> AsyncIterator[RawClient]:
    """A connection to the loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = RawClient(reader, writer)
    try:
        yield client
    finally:
        client.abort()
