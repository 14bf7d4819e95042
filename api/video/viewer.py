"""What waits for one viewer of encoded pictures. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import Counter
from websockets.frames import Frame, Opcode

from api.http.viewer import ViewerEnded

SKIPPED = Counter("livesight_video_skipped", "Encoded pictures that a viewer who lagged did not get.")

DELTA, KEY, PICTURE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class VideoChunk:
    """One picture on its way out; the same object for all viewers.

    config: the text message that a viewer must have got before it; framed: the binary message as a whole WebSocket
    frame, which is the same for all viewers, for what a server sends is not masked; size: of the message in bytes;
    is_key: decoding can begin here; sent_s: the loop's time when it was fanned out.
    """

    config: str
    framed: bytes
    size: int
    is_key: bool
    pts_us: int
    sent_s: float

    @classmethod
    def of(cls, config: str, kind: int, pts_us: int, data: bytes, sent_s: float) -> VideoChunk:
        """With the head that DESIGN 4 fixes: one byte kind, eight bytes pts_us, big-endian, signed."""
        message = bytes((kind,)) + pts_us.to_bytes(8, "big", signed=True) + data
        framed = Frame(Opcode.BINARY, message).serialize(mask=False)
        return cls(config, framed, len(message), kind != DELTA, pts_us, sent_s)

    @property
    def data(self) -> bytes:
        """The binary message."""
        return self.framed[-self.size :]


@dataclass(frozen=True, slots=True)
class ViewerLimits:
    """How much may wait for a viewer before it skips to the next key frame: bytes, and seconds of lag."""

    most_bytes: int
    most_s: float


class VideoViewer:
    """Keeps packets in decode order until the viewer's connection takes them.

    One that lags more than its `patience` loses what waits, up to the newest key frame, or, when there is none in it,
    all until the next one comes. So what it gets can always be decoded.
    """

    def __init__(self, patience: ViewerLimits, request_key: Callable[[], object] | None = None) -> None:
        self.config: str | None = None  # what the viewer was told last; for whoever sends
        self.write: Callable[[bytes], bool] | None = None  # a frame at once, if the connection takes it now
        self._patience = patience
        self._request_key = request_key
        self._idle = False  # somebody waits in `take`, so all that was taken is sent
        self._waiting: deque[VideoChunk] = deque()
        self._bytes = 0
        self._most_bytes = patience.most_bytes
        self._until_key = True
        self._begun = False
        self._changed = asyncio.Event()
        self._ended: ViewerEnded | None = None
        self._untold = 0
        self._since_s = 0.0  # the loop's time when what waits longest was fanned out, or when the viewer began

    def begin(self, chunks: Iterable[VideoChunk], now_s: float) -> None:
        """Give a new viewer the pictures from the last key frame on, at once and whatever their size."""
        self._waiting.extend(chunks)
        if self._waiting:
            self._until_key, self._begun = False, True
            self._bytes = sum(chunk.size for chunk in self._waiting)
            self._most_bytes = self._patience.most_bytes + self._bytes
            self._since_s = now_s
            self._changed.set()

    def offer(self, chunk: VideoChunk) -> None:
        """Add the next packet, or leave it out; one that can be written at once does not wait. Never blocks."""
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
        late = self._bytes > self._most_bytes or chunk.sent_s - self._since_s > self._patience.most_s
        if late and len(self._waiting) > 1:
            self._skip(chunk.sent_s)
        self._changed.set()

    def end(self, code: int, reason: str) -> None:
        """Nothing comes any more: `take` raises ViewerEnded once what waits is taken."""
        self._ended = self._ended or ViewerEnded(code, reason)
        self._changed.set()

    async def take(self) -> VideoChunk:
        """The next picture. Raises ViewerEnded once nothing waits. Cancelling loses nothing."""
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
        """How many pictures were left out since this was last asked."""
        untold, self._untold = self._untold, 0
        return untold

    def _written(self, chunk: VideoChunk) -> bool:
        """Whether the picture went out here and now: nothing is to be said before it, and the connection takes it."""
        if self.write is None or not self._idle or self._waiting or self._untold or self._ended is not None:
            return False
        return chunk.config == self.config and self.write(chunk.framed)

    def _skip(self, now_s: float) -> None:
        """Go on with the newest group of pictures if something lies before it, else with the next one."""
        before = len(self._waiting)
        newest = next(index for index in range(before - 1, -1, -1) if index == 0 or self._waiting[index].is_key)
        kept = list(self._waiting)[newest:] if newest else []
        self._waiting = deque(kept)
        self._bytes = sum(chunk.size for chunk in kept)
        self._most_bytes = self._patience.most_bytes
        self._since_s = kept[0].sent_s if kept else now_s
        if not kept or (len(kept) > 1 and self._bytes > self._most_bytes):
            self._waiting.clear()
            self._bytes, self._until_key = 0, True
            if self._request_key is not None:
                self._request_key()
        self._count(before - len(self._waiting))

    def _count(self, pictures: int) -> None:
        self._untold += pictures
        SKIPPED.inc(pictures)
