"""The frames of one WHIP peer. `receive` on the event loop, never blocking; decodes in its own thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import av

from stream.config import StreamConfig, StreamSettings
from stream.decoding.costly_lane import GivenUpError
from stream.decoding.encoded_frame import EncodedFrame
from stream.decoding.image_header import frame_limit
from stream.errors import TooLargeError
from stream.frame import Frame, new_session
from stream.metrics import FRAMES_DROPPED
from stream.ring import CodecConfig, PacketRing, RingPacket
from stream.sources.health import SourceState
from stream.sources.source import Source
from stream.webrtc.whip_decoder import DecodedFrame, FrameDecoder, SessionClock, configuration

MAX_WAITING = 30  # encoded frames, a second of them; more and decoding goes on at the next key frame
MAX_BACKLOG = 300  # encoded frames while the decode thread gets no CPU at all, or has not been started


class WhipSource(Source):
    """A Source fed by `receive`. `close` may be called from any thread and ends the peer's session too.

    Encoded frames enter the ring in the decode thread, right before they are decoded or skipped.

    on_stop: called once when the source is stopped, by whomever; on_finished: when the decode thread has ended too;
    request_key: asks the peer for a key frame. All on any thread; they must not block.
    """

    kind = "whip"
    thread_prefix = "whip"

    def __init__(
        self,
        config: StreamConfig,
        settings: StreamSettings,
        on_stop: Callable[[], None] | None = None,
        on_finished: Callable[[], None] | None = None,
        request_key: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config, settings, pushed=True)
        self.session = new_session()
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        self.request_key = request_key
        self._on_stop = on_stop
        self._on_finished = on_finished
        self._waiting: deque[EncodedFrame] = deque()
        self._changed = threading.Condition()
        self._decoder = FrameDecoder(frame_limit(settings), self._stopping.is_set)
        self._clock = SessionClock()
        self._configuration: bytes | None = None
        self._number = self._undecoded = self._flooded = 0
        self._until_key = False

    def receive(self, frame: EncodedFrame) -> None:
        """Take one encoded frame. Any thread, never blocks. Frames that come before `start` wait for it."""
        with self._changed:
            if self._stopping.is_set():
                return
            if len(self._waiting) >= MAX_BACKLOG:
                self._flooded += len(self._waiting)
                self._waiting.clear()
            self._waiting.append(frame)
            self._changed.notify()
        self._health.received()

    def _wake(self) -> None:
        with self._changed:
            self._waiting.clear()
            self._changed.notify()
        if self._on_stop is not None:
            self._on_stop()

    def _finished(self) -> None:
        if self._on_finished is not None:
            self._on_finished()

    def _last_state(self, error: str | None) -> SourceState:
        """A push that delivered frames has ended; one that never did and had an error has failed."""
        failed = not self._health.frames and (error or self._health.last_error)
        return SourceState.FAILED if failed else SourceState.ENDED

    def _deliver_all(self) -> None:
        """See Source."""
        while batch := self._next_batch():
            shed = self._shed(batch)
            for index, frame in enumerate(batch):
                if self._stopping.is_set():
                    return
                self._take(frame, shed=index < shed)

    def _next_batch(self) -> list[EncodedFrame]:
        """All frames that wait to be decoded; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping.is_set())
            batch = list(self._waiting)
            self._waiting.clear()
            flooded, self._flooded = self._flooded, 0
        if flooded:
            self._skip(flooded)
            self._wait_for_key()
        return batch

    def _shed(self, batch: list[EncodedFrame]) -> int:
        """How many frames not to decode: when too many wait, those before the newest key frame."""
        if len(batch) <= MAX_WAITING:
            return 0
        for index in range(len(batch) - 1, 0, -1):
            if batch[index].is_key:
                return index
        self._wait_for_key()
        return len(batch)

    def _wait_for_key(self) -> None:
        self._until_key = True
        self._request_key()

    def _request_key(self) -> None:
        if self.request_key is not None:
            self.request_key()

    def _take(self, frame: EncodedFrame, shed: bool) -> None:
        """Append one encoded frame to the ring, then decode it."""
        self._skip(frame.lost_before)
        pts_us = self._clock.pts_us(frame)
        packet = RingPacket(self.session, pts_us, pts_us, frame.is_key, frame.data, frame.captured_at_ns)
        if frame.is_key and configuration(frame) != self._configuration:
            decoded = self._decode(frame, pts_us)  # the new size is known after decoding
            self._configure(frame, decoded)
            self.ring.append(packet)
        else:
            self.ring.append(packet)
            if self.ring.crowded:
                self._request_key()  # WebRTC sends key frames on request only; without one the ring would run empty
            decoded = None if shed else self._decode(frame, pts_us)
        if shed:
            self._skip(1)
        elif decoded is not None:
            self._hand_over(frame, pts_us, decoded)

    def _configure(self, frame: EncodedFrame, decoded: DecodedFrame | None) -> None:
        """The ring begins anew: other codec, other size or other parameters."""
        size_wh = (decoded.image.width, decoded.image.height) if decoded else (0, 0)
        self._configuration = configuration(frame) if decoded else None
        self.ring.configure(CodecConfig(frame.codec, b"", size_wh))

    def _decode(self, frame: EncodedFrame, pts_us: int) -> DecodedFrame | None:
        """Decode a frame; None when it is skipped, not shown, or damaged (then all before the next key frame are)."""
        if self._until_key and not frame.is_key:
            self._skip(1)
            return None
        self._until_key = False
        try:
            return self._decoder.decode(frame, pts_us)
        except GivenUpError:
            return None  # the source is closed
        except (av.FFmpegError, TooLargeError) as error:
            reason = error if isinstance(error, TooLargeError) else f"a {frame.codec} frame cannot be decoded: {error}"
            self._health.frame_failed(str(reason))
            self._skip(1)
            self._wait_for_key()
            return None

    def _hand_over(self, frame: EncodedFrame, pts_us: int, decoded: DecodedFrame) -> None:
        number, self._number = self._number, self._number + 1
        if number == 0:
            self._health.session_started(self.session, frame.codec, None)
        self._deliver(
            Frame(
                stream_id=self.id,
                session=self.session,
                number=number,
                ordinal=number + self._undecoded,
                pts_us=pts_us,
                captured_at_ns=frame.captured_at_ns,
                arrived_s=frame.arrived_s,
                decode_s=decoded.decode_s,
                image=decoded.image,
            ),
            frame.codec,
        )

    def _skip(self, count: int) -> None:
        """Count frames that were never decoded; those before the first decoded one belong to no session."""
        if count and self._number:
            self._undecoded += count
            FRAMES_DROPPED.labels(self.id, "undecoded").inc(count)
