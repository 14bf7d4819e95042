"""The pictures of one WHIP peer. `receive` on the event loop, never blocking; decodes in its own thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import av
import structlog

from stream.config import StreamSettings
from stream.decoding.encoded import EncodedFrame
from stream.decoding.rate import RateMeter
from stream.errors import MailboxClosed
from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED, STAGE_SECONDS, STREAM_UP
from stream.ring import CodecConfig, PacketRing, RingPacket
from stream.sources.source import Source, SourceState, SourceStatus
from stream.webrtc.whip_decoder import DecodedFrame, FrameDecoder, SessionClock, configuration

log = structlog.get_logger(__name__)

MOST_WAITING = 30  # encoded pictures, a second of them; more and decoding goes on at the next key picture
MOST_HELD = 300  # encoded pictures while the decode thread gets no CPU at all, or has not been started


def _nothing() -> None:
    """Nobody is to be told."""


class WhipSource(Source):
    """A Source fed by `receive`. `close` may be called from any thread and ends the peer's session too.

    Encoded pictures enter the ring in the decode thread, right before they are decoded or skipped.
    """

    kind = "whip"

    def __init__(self, stream_id: str, settings: StreamSettings) -> None:
        self.id = stream_id
        self.session = new_session()
        self.mailbox: Mailbox[Frame] = Mailbox(
            "newest",
            on_drop=lambda _: self._count_dropped("newer", 1),
            on_left_out=lambda _: self._count_dropped("max_fps", 1),
        )
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        self.on_close: Callable[[], None] = _nothing  # close() was called
        self.on_stopped: Callable[[], None] = _nothing  # the decode thread is through
        self.request_key: Callable[[], None] = _nothing  # any thread: deliver from the next key picture on
        self._settings = settings
        self._waiting: deque[EncodedFrame] = deque()
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"whip-{stream_id}", daemon=True)
        self._started = self._stopped = False
        self._decoder = FrameDecoder(settings.image_pixels)
        self._clock = SessionClock()
        self._configuration: bytes | None = None
        self._rate = RateMeter()
        self._number = self._undecoded = self._flooded = 0
        self._until_key = False
        self._size_wh: tuple[int, int] | None = None
        self._codec: str | None = None
        self._last_s = time.monotonic()
        self._last_error: str | None = None

    def start(self) -> None:
        """See Source. Pictures that came before wait for it."""
        with self._wake:
            if self._started or self._stopped:
                return
            self._started = True
            self._thread.start()

    def receive(self, frame: EncodedFrame) -> None:
        """Take one encoded picture. Any thread, never blocks."""
        with self._wake:
            if self._stopped:
                return
            if len(self._waiting) >= MOST_HELD:
                self._flooded += len(self._waiting)
                self._waiting.clear()
            self._waiting.append(frame)
            self._wake.notify()
        self._last_s = frame.arrived_s

    def status(self) -> SourceStatus:
        """See Source."""
        return SourceStatus(
            state=self._state(),
            last_error=self._last_error,
            session=self.session if self._number else None,
            size_wh=self._size_wh,
            codec=self._codec,
            fps=self._rate.rate(),
            frames=self._number,
        )

    def stop(self, error: str | None = None) -> None:
        """Close the mailbox and let the decode thread end; returns at once, any thread. Idempotent.

        `error`: why, where it was no ordinary end.
        """
        with self._wake:
            if self._stopped:
                return
            self._stopped = True
            self._last_error = error or self._last_error
            self._waiting.clear()
            self._wake.notify()
            started = self._started
        self.mailbox.close()
        self.ring.close()
        STREAM_UP.labels(self.id).set(0)
        if not started:
            self.on_stopped()

    def join(self, timeout_s: float) -> None:
        """Wait for the decode thread."""
        if self._started and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """See Source. The peer's connection is closed by the event loop, soon after."""
        self.stop()
        self.on_close()
        self.join(timeout_s)

    def _state(self) -> SourceState:
        if self._stopped:
            return SourceState.FAILED if not self._number and self._last_error else SourceState.ENDED
        if not self._number:
            return SourceState.CONNECTING
        silent_s = time.monotonic() - self._last_s
        return SourceState.STALLED if silent_s > self._settings.stalled_after_s else SourceState.LIVE

    def _run(self) -> None:
        """The decode thread."""
        try:
            while batch := self._next_batch():
                shed = self._shed(batch)
                for index, frame in enumerate(batch):
                    self._take(frame, shed=index < shed)
        except MailboxClosed:
            pass
        except Exception as error:
            log.exception("whip_decode_thread_failed", stream=self.id)
            self.stop(f"decoding failed: {error}")
            self.on_close()
        finally:
            self.on_stopped()

    def _next_batch(self) -> list[EncodedFrame]:
        """All that waits; empty at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._stopped)
            batch = list(self._waiting)
            self._waiting.clear()
            flooded, self._flooded = self._flooded, 0
        if flooded:
            self._skip(flooded)
            self._wait_for_key()
        return batch

    def _shed(self, batch: list[EncodedFrame]) -> int:
        """How many pictures not to decode: with too much behind, those before the newest key picture."""
        if len(batch) <= MOST_WAITING:
            return 0
        for index in range(len(batch) - 1, 0, -1):
            if batch[index].is_key:
                return index
        self._wait_for_key()
        return len(batch)

    def _wait_for_key(self) -> None:
        self._until_key = True
        self.request_key()

    def _take(self, frame: EncodedFrame, shed: bool) -> None:
        """One encoded picture: into the ring, then to the decoder."""
        self._skip(frame.lost_before)
        pts_us = self._clock.pts_us(frame)
        packet = RingPacket(self.session, pts_us, pts_us, frame.is_key, frame.data, frame.captured_at_ns)
        if frame.is_key and configuration(frame) != self._configuration:
            decoded = self._decode(frame, pts_us)  # the picture tells the new size
            self._configure(frame, decoded)
            self.ring.append(packet)
        else:
            self.ring.append(packet)
            if self.ring.crowded:
                self.request_key()  # WebRTC sends key pictures on request only; without one the ring would run empty
            decoded = None if shed else self._decode(frame, pts_us)
        if shed:
            self._skip(1)
        elif decoded is not None:
            self._hand_over(frame, pts_us, decoded)

    def _configure(self, frame: EncodedFrame, decoded: DecodedFrame | None) -> None:
        """The ring begins anew: other codec, other size or other parameters."""
        size_wh = (decoded.picture.width, decoded.picture.height) if decoded else (0, 0)
        self._configuration = configuration(frame) if decoded else None
        self._codec = frame.codec
        self.ring.configure(CodecConfig(frame.codec, b"", size_wh))

    def _decode(self, frame: EncodedFrame, pts_us: int) -> DecodedFrame | None:
        """The picture, or None: shed, not to be shown, or broken (then nothing is decoded before the next key)."""
        if self._until_key and not frame.is_key:
            self._skip(1)
            return None
        self._until_key = False
        try:
            return self._decoder.decode(frame, pts_us)
        except av.FFmpegError as error:
            self._last_error = f"a {frame.codec} picture cannot be decoded: {error}"
            log.warning("picture_undecodable", stream=self.id, codec=frame.codec, error=str(error))
            self._skip(1)
            self._wait_for_key()
            return None

    def _hand_over(self, frame: EncodedFrame, pts_us: int, decoded: DecodedFrame) -> None:
        number, self._number = self._number, self._number + 1
        if number == 0:
            STREAM_UP.labels(self.id).set(1)
        self._size_wh = decoded.picture.width, decoded.picture.height
        self._rate.tick()
        FRAMES_DECODED.labels(self.id).inc()
        STAGE_SECONDS.labels("decode").observe(decoded.decode_s)
        self.mailbox.put(
            Frame(
                stream_id=self.id,
                session=self.session,
                number=number,
                ordinal=number + self._undecoded,
                pts_us=pts_us,
                captured_at_ns=frame.captured_at_ns,
                arrived_s=frame.arrived_s,
                decode_s=decoded.decode_s,
                picture=decoded.picture,
            )
        )

    def _skip(self, pictures: int) -> None:
        """Count pictures that were never decoded; those before the first one are of no session."""
        if pictures and self._number:
            self._undecoded += pictures
            self._count_dropped("undecoded", pictures)

    def _count_dropped(self, reason: str, pictures: int) -> None:
        FRAMES_DROPPED.labels(self.id, reason).inc(pictures)
