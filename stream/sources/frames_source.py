"""Images pushed one by one (WebSocket frames). `push` from any thread; decodes in its own thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import av
import structlog

from stream.config import StreamConfig, StreamSettings
from stream.decoding.costly_lane import GivenUpError
from stream.decoding.image_header import ImageHeader, frame_limit, read_header
from stream.decoding.stills import decode_still
from stream.errors import BadImageError, MailboxClosed
from stream.frame import Frame, new_session
from stream.mailbox import DropReason, Mailbox
from stream.metrics import FRAMES_DROPPED
from stream.ring import CodecConfig, PacketRing, RingPacket
from stream.sources.source import Source

log = structlog.get_logger(__name__)

OnDropped = Callable[[list[int]], None]
OnFailed = Callable[[int, str], None]
_CODEC_NAMES = {"jpeg": "mjpeg", "png": "png", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class _Pushed:
    """One encoded image as it arrived."""

    ordinal: int
    data: bytes
    header: ImageHeader
    pts_us: int
    captured_at_ns: int
    arrived_s: float


class FramesSource(Source):
    """The images of one connection, one session. Under load the newest replaces older ones, which are reported.

    `on_dropped` gets the ordinals that will never be analysed, `on_failed` an ordinal that could not be decoded and
    why. Both are called on the pushing thread, the decode thread or the closing one: they must only hand over.
    """

    kind = "frames"
    thread_prefix = "frames"

    def __init__(
        self,
        config: StreamConfig,
        settings: StreamSettings,
        on_dropped: OnDropped | None = None,
        on_failed: OnFailed | None = None,
    ) -> None:
        super().__init__(config, settings, pushed=True)
        self.session = new_session()
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        self._limit = frame_limit(settings)
        self._on_dropped = on_dropped
        self._on_failed = on_failed
        self._encoded: Mailbox[_Pushed] = Mailbox(
            "newest", on_drop=lambda pushed, reason: self._drop(pushed.ordinal, reason)
        )
        self._first_s: float | None = None
        self._last_pts_us = -1
        self._health.session_started(self.session, None, None)

    def push(self, ordinal: int, data: bytes) -> None:
        """Take one encoded image (JPEG, PNG, WebP). Never blocks on decoding or analysis.

        Raises TooLargeError or BadImageError when its header says no, MailboxClosed once the source is closed.
        """
        arrived_s, captured_at_ns = time.monotonic(), time.time_ns()
        try:
            header = read_header(data, self._settings.image_bytes, self._limit)
        except BadImageError as error:
            self._health.frame_failed(str(error))
            FRAMES_DROPPED.labels(self.id, "error").inc()
            raise
        with self._lock:
            if self._stopping.is_set():
                raise MailboxClosed("the source is closed")
            pushed = _Pushed(ordinal, data, header, self._next_pts_us(arrived_s), captured_at_ns, arrived_s)
            self._record(pushed)
        self._health.received()
        self._encoded.put(pushed)

    def _wake(self) -> None:
        """Report an image that still waits to be decoded as dropped."""
        self._encoded.close()
        if (waiting := self._encoded.take()) is not None:
            self._drop(waiting.ordinal)

    def _on_drop(self, frame: Frame, reason: DropReason) -> None:
        self._drop(frame.ordinal, reason)

    def _next_pts_us(self, arrived_s: float) -> int:
        """Microseconds since the first push, strictly increasing. Under the lock."""
        if self._first_s is None:
            self._first_s = arrived_s
        self._last_pts_us = max(self._last_pts_us + 1, int((arrived_s - self._first_s) * 1e6))
        return self._last_pts_us

    def _record(self, pushed: _Pushed) -> None:
        """Put a JPEG into the ring; a new size or kind is a new configuration. Under the lock."""
        config = CodecConfig(_CODEC_NAMES[pushed.header.kind], b"", pushed.header.size_wh)
        if self.ring.codec != config:
            self.ring.configure(config)
        if pushed.header.kind != "jpeg":
            return
        self.ring.append(
            RingPacket(
                session=self.session,
                pts_us=pushed.pts_us,
                dts_us=pushed.pts_us,
                is_key=True,
                data=pushed.data,
                captured_at_ns=pushed.captured_at_ns,
            )
        )

    def _drop(self, ordinal: int, reason: DropReason = "newer") -> None:
        FRAMES_DROPPED.labels(self.id, reason).inc()
        if self._on_dropped is not None:
            self._on_dropped([ordinal])

    def _deliver_all(self) -> None:
        """See Source."""
        while True:
            pushed = self._encoded.get()
            try:
                frame = self._decode(pushed)
            except GivenUpError:
                self._drop(pushed.ordinal)
                continue
            except Exception as error:  # noqa: BLE001 - one bad image must not end the stream
                self._fail(pushed.ordinal, error)
                continue
            try:
                self._deliver(frame, _CODEC_NAMES[pushed.header.kind])
            except MailboxClosed:
                self._drop(pushed.ordinal)
                raise

    def _decode(self, pushed: _Pushed) -> Frame:
        begun_s = time.perf_counter()
        still = decode_still(pushed.data, pushed.header, self._stopping.is_set)
        image = av.VideoFrame.from_numpy_buffer(still.bgr, format="bgr24")  # not a copy: 30 ms for 9 megapixels
        return Frame(
            stream_id=self.id,
            session=self.session,
            number=pushed.ordinal,
            ordinal=pushed.ordinal,
            pts_us=pushed.pts_us,
            captured_at_ns=pushed.captured_at_ns,
            arrived_s=pushed.arrived_s,
            decode_s=time.perf_counter() - begun_s,
            image=image,
            small=still.small,
        )

    def _fail(self, ordinal: int, error: Exception) -> None:
        """Bad images are their sender's, who could fill the disk with log: counted, and told to the sender."""
        expected = isinstance(error, BadImageError)
        reason = str(error) if expected else f"the image cannot be decoded: {error}"
        self._health.frame_failed(reason)
        if not expected:
            log.warning("image_undecodable", stream=self.id, ordinal=ordinal, error=str(error), exc_info=True)
        FRAMES_DROPPED.labels(self.id, "undecoded").inc()
        if self._on_failed is not None:
            self._on_failed(ordinal, reason)
