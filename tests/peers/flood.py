"""A flood of connections that never become requests: some send nothing, some half a header, some half a body.

A process of its own, which opens again what the server closes. `python -m tests.peers.flood PORT COUNT AGAIN_PER_S`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from types import TracebackType

from workers.descriptors import raise_limit

KINDS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Never: en",
    b"POST /v1/streams HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\nhalf",
)
AT_ONCE = 100


class Flood:
    """Once entered, `count` connections have been opened; they are held, or opened again, until it is left."""

    def __init__(self, port: int, count: int, again_per_s: int = 50) -> None:
        self._arguments = [str(port), str(count), str(again_per_s)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Flood:
        command = [sys.executable, "-m", "tests.peers.flood", *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n", "the flood did not begin"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait(10)
        self._process.stdout.close()


async def flood(port: int, count: int, again_per_s: int) -> None:
    """Until the process is killed."""
    gate = asyncio.Semaphore(AT_ONCE)
    opened = asyncio.Event()
    left = count

    async def hold(number: int) -> None:
        nonlocal left
        first = True
        while True:
            with suppress(OSError):
                async with gate:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(KINDS[number % len(KINDS)])
                if first:
                    first, left = False, left - 1
                    if not left:
                        opened.set()
                with suppress(OSError):
                    await reader.read(-1)  # until the server closes
                writer.close()
            await asyncio.sleep(count / again_per_s * (0.5 + number / count))

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(hold(number))
        await opened.wait()
        sys.stdout.write("open\n")
        sys.stdout.flush()


if __name__ == "__main__":
    raise_limit()
    asyncio.run(flood(*(int(argument) for argument in sys.argv[1:])))
