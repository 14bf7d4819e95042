"""The encoded frames that wait for one viewer, and what it skips when it lags. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import Counter
from websockets.frames import Frame, Opcode

from api.http.viewer_queue import ViewerEnded

SKIPPED = Counter("livesight_video_skipped", "Encoded frames that a viewer who lagged did not get.")

DELTA, KEY, JPEG_IMAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class VideoChunk:
    """One encoded frame on its way out; one object for all viewers.

    config: the text message that a viewer must have got before it; framed: the binary message as a whole WebSocket
    frame, identical for all viewers because servers do not mask; size: of the message in bytes; is_key: decoding can
    start here; sent_s: the loop's time when it was fanned out.
    """

    config: str
    framed: bytes
    size: int
    is_key: bool
    pts_us: int
    sent_s: float

    @classmethod
    def of(cls, config: str, kind: int, pts_us: int, data: bytes, sent_s: float) -> VideoChunk:
        """With the header of the protocol: one byte kind, eight bytes pts_us, big-endian, signed."""
        message = bytes((kind,)) + pts_us.to_bytes(8, "big", signed=True) + data
        framed = Frame(Opcode.BINARY, message).serialize(mask=False)
        return cls(config, framed, len(message), kind != DELTA, pts_us, sent_s)

    @property
    def data(self) -> bytes:
        """The binary message."""
        return self.framed[-self.size :]


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait for a viewer before it skips to the next key frame: bytes, and seconds of lag."""

    max_bytes: int
    max_s: float


class VideoQueue:
    """Holds chunks in decode order until the viewer's connection takes them.

    A viewer that exceeds `limits` loses what waits, up to the newest key frame, or all until the next key frame when
    none waits. So a viewer can always decode what it gets.
    """

    def __init__(
        self,
        limits: QueueLimits,
        request_key: Callable[[], object] | None = None,
        write: Callable[[bytes], bool] | None = None,
    ) -> None:
        """`request_key` asks the source for a key frame.

        `write` sends a whole WebSocket frame at once if the connection has room, and returns whether it did.
        """
        self.config: str | None = None  # the configuration sent last; set by the sender
        self._limits = limits
        self._request_key = request_key
        self._write = write
        self._idle = False  # a sender waits in `take`, so everything taken is sent
        self._waiting: deque[VideoChunk] = deque()
        self._bytes = 0
        self._max_bytes = limits.max_bytes
        self._until_key = True
        self._begun = False
        self._changed = asyncio.Event()
        self._ended: ViewerEnded | None = None
        self._unreported = 0
        self._since_s = 0.0  # the loop's time when the oldest waiting chunk was fanned out, or when the viewer began

    def begin(self, chunks: Iterable[VideoChunk], now_s: float) -> None:
        """Give a new viewer the frames from the last key frame on, at once and whatever their size."""
        self._waiting.extend(chunks)
        if self._waiting:
            self._until_key, self._begun = False, True
            self._bytes = sum(chunk.size for chunk in self._waiting)
            self._max_bytes = self._limits.max_bytes + self._bytes
            self._since_s = now_s
            self._changed.set()

    def offer(self, chunk: VideoChunk) -> None:
        """Write the next chunk at once, queue it, or skip it. Never blocks."""
        if self._until_key and not chunk.is_key:
            self._count(1 if self._begun else 0)
            return
        self._until_key, self._begun = False, True
        if self._written(chunk):
            return
        if not self._waiting:
            self._since_s = chunk.sent_s
        self._waiting.append(chunk)
        self._bytes += chunk.size
        late = self._bytes > self._max_bytes or chunk.sent_s - self._since_s > self._limits.max_s
        if late and len(self._waiting) > 1:
            self._skip(chunk.sent_s)
        self._changed.set()

    def end(self, code: int, reason: str) -> None:
        """No chunk follows: `take` raises ViewerEnded once the queue is empty."""
        self._ended = self._ended or ViewerEnded(code, reason)
        self._changed.set()

    async def take(self) -> VideoChunk:
        """The next chunk. Raises ViewerEnded once the queue is empty and ended. Cancelling loses nothing."""
        while not self._waiting:
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            self._idle = True
            try:
                await self._changed.wait()
            finally:
                self._idle = False
        chunk = self._waiting.popleft()
        self._bytes -= chunk.size
        self._since_s = max(self._since_s, self._waiting[0].sent_s if self._waiting else 0.0)
        return chunk

    def take_skipped(self) -> int:
        """How many frames were skipped since the last call."""
        skipped, self._unreported = self._unreported, 0
        return skipped

    def _written(self, chunk: VideoChunk) -> bool:
        """Whether the chunk was written here and now: no message must precede it, and the connection has room."""
        if self._write is None or not self._idle or self._waiting or self._unreported or self._ended is not None:
            return False
        return chunk.config == self.config and self._write(chunk.framed)

    def _skip(self, now_s: float) -> None:
        """Go on with the newest group of frames if something waits before it, else with the next one."""
        before = len(self._waiting)
        newest = next(index for index in range(before - 1, -1, -1) if index == 0 or self._waiting[index].is_key)
        rest = list(self._waiting)[newest:] if newest else []
        self._waiting = deque(rest)
        self._bytes = sum(chunk.size for chunk in rest)
        self._max_bytes = self._limits.max_bytes
        self._since_s = rest[0].sent_s if rest else now_s
        if not rest or (len(rest) > 1 and self._bytes > self._max_bytes):
            self._waiting.clear()
            self._bytes, self._until_key = 0, True
            if self._request_key is not None:
                self._request_key()
        self._count(before - len(self._waiting))

    def _count(self, frames: int) -> None:
        self._unreported += frames
        SKIPPED.inc(frames)
