"""Pictures pushed one by one (WebSocket frames). `push` from any thread; decodes in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
import structlog

from stream.config import StreamSettings
from stream.decoding.image_header import ImageHeader, read_header
from stream.decoding.rate import RateMeter
from stream.errors import BadImageError, MailboxClosed
from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED, STAGE_SECONDS, STREAM_UP
from stream.ring import CodecConfig, PacketRing, RingPacket
from stream.sources.source import Source, SourceState, SourceStatus

log = structlog.get_logger(__name__)

OnDropped = Callable[[list[int]], None]
OnFailed = Callable[[int, str], None]
_CODEC_NAMES = {"jpeg": "mjpeg", "png": "png", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class _Pushed:
    """One encoded picture as it arrived."""

    ordinal: int
    data: bytes
    header: ImageHeader
    pts_us: int
    captured_at_ns: int
    arrived_s: float


class FramesSource(Source):
    """The pictures of one connection: one session. Under load the newest wins, and what it replaced is named.

    `on_dropped` gets the ordinals that will never be analysed, `on_failed` an ordinal that could not be decoded and
    why. Both are called on the pushing thread, the decode thread or the closing one: they must only hand over.
    """

    kind = "frames"

    def __init__(
        self,
        stream_id: str,
        settings: StreamSettings,
        on_dropped: OnDropped | None = None,
        on_failed: OnFailed | None = None,
    ) -> None:
        self.id = stream_id
        self.session = new_session()
        self.mailbox: Mailbox[Frame] = Mailbox(
            "newest",
            on_drop=lambda frame: self._drop(frame.ordinal),
            on_left_out=lambda frame: self._drop(frame.ordinal, "max_fps"),
        )
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        self._settings = settings
        self._on_dropped = on_dropped
        self._on_failed = on_failed
        self._encoded: Mailbox[_Pushed] = Mailbox("newest", on_drop=lambda pushed: self._drop(pushed.ordinal))
        self._thread = threading.Thread(target=self._run, name=f"frames-{stream_id}", daemon=True)
        self._lock = threading.Lock()
        self._rate = RateMeter()
        self._first_s: float | None = None
        self._last_pts_us = -1
        self._last_s = 0.0
        self._decoded = 0
        self._header: ImageHeader | None = None
        self._last_error: str | None = None
        self._started = self._closed = False

    def start(self) -> None:
        """Start the decode thread. Once."""
        with self._lock:
            if self._started or self._closed:
                return
            self._started = True
        self._thread.start()
        STREAM_UP.labels(self.id).set(1)

    def push(self, ordinal: int, data: bytes) -> None:
        """Take one encoded picture (JPEG, PNG, WebP). Never blocks on decoding or analysis.

        Raises TooLargeError or BadImageError when its header says no, MailboxClosed once the source is closed.
        """
        arrived_s, captured_at_ns = time.monotonic(), time.time_ns()
        try:
            header = read_header(data, self._settings.image_bytes, self._settings.image_pixels)
        except BadImageError as error:
            self._last_error = str(error)
            FRAMES_DROPPED.labels(self.id, "error").inc()
            raise
        with self._lock:
            if self._closed:
                raise MailboxClosed("the source is closed")
            pushed = _Pushed(ordinal, data, header, self._next_pts_us(arrived_s), captured_at_ns, arrived_s)
            self._keep(pushed)
            self._header = header
        self._encoded.put(pushed)

    def status(self) -> SourceStatus:
        """See Source. `stalled` means that nobody pushed for a while."""
        header = self._header
        return SourceStatus(
            state=self._state(),
            last_error=self._last_error,
            session=self.session,
            size_wh=header.size_wh if header else None,
            codec=_CODEC_NAMES[header.kind] if header else None,
            fps=self._rate.rate(),
            frames=self._decoded,
        )

    def close(self, timeout_s: float = 5.0) -> None:
        """See Source. A picture still waiting to be decoded is named as dropped."""
        with self._lock:
            already, self._closed = self._closed, True
        self._encoded.close()
        if not already and (waiting := self._encoded.take()) is not None:
            self._drop(waiting.ordinal)
        self.mailbox.close()
        self.ring.close()
        if self._started and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        if not already:
            STREAM_UP.labels(self.id).set(0)

    def _state(self) -> SourceState:
        if self._closed:
            return SourceState.ENDED
        if not self._decoded:
            return SourceState.CONNECTING
        silent_s = time.monotonic() - self._last_s
        return SourceState.STALLED if silent_s > self._settings.stalled_after_s else SourceState.LIVE

    def _next_pts_us(self, arrived_s: float) -> int:
        """Microseconds since the first push, strictly increasing. Under the lock."""
        if self._first_s is None:
            self._first_s = arrived_s
        self._last_s = arrived_s
        self._last_pts_us = max(self._last_pts_us + 1, int((arrived_s - self._first_s) * 1e6))
        return self._last_pts_us

    def _keep(self, pushed: _Pushed) -> None:
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

    def _drop(self, ordinal: int, reason: str = "newer") -> None:
        FRAMES_DROPPED.labels(self.id, reason).inc()
        if self._on_dropped is not None:
            self._on_dropped([ordinal])

    def _run(self) -> None:
        """The decode thread."""
        while True:
            try:
                pushed = self._encoded.get()
            except MailboxClosed:
                return
            try:
                frame = self._decode(pushed)
            except Exception as error:  # noqa: BLE001 - one bad picture must not end the stream
                self._fail(pushed.ordinal, error)
                continue
            self._decoded += 1
            self._rate.tick()
            FRAMES_DECODED.labels(self.id).inc()
            STAGE_SECONDS.labels("decode").observe(frame.decode_s)
            try:
                self.mailbox.put(frame)
            except MailboxClosed:
                self._drop(pushed.ordinal)
                return

    def _decode(self, pushed: _Pushed) -> Frame:
        begun_s = time.perf_counter()
        # IMREAD_COLOR turns by EXIF, makes 8 bits of 16 and BGR of grey or alpha
        bgr = cv2.imdecode(np.frombuffer(pushed.data, np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise BadImageError(f"the {pushed.header.kind} picture is damaged")
        picture = av.VideoFrame.from_ndarray(cast("npt.NDArray[np.uint8]", bgr), format="bgr24")
        return Frame(
            stream_id=self.id,
            session=self.session,
            number=pushed.ordinal,
            ordinal=pushed.ordinal,
            pts_us=pushed.pts_us,
            captured_at_ns=pushed.captured_at_ns,
            arrived_s=pushed.arrived_s,
            decode_s=time.perf_counter() - begun_s,
            picture=picture,
        )

    def _fail(self, ordinal: int, error: Exception) -> None:
        expected = isinstance(error, BadImageError)
        self._last_error = str(error) if expected else f"the picture cannot be decoded: {error}"
        log.warning("picture_undecodable", stream=self.id, ordinal=ordinal, error=str(error), exc_info=not expected)
        FRAMES_DROPPED.labels(self.id, "undecoded").inc()
        if self._on_failed is not None:
            self._on_failed(ordinal, self._last_error)
