"""Takes encoded frames out of aiortc 1.16 before it decodes them. Runs on the event loop.

aiortc has no public hook for encoded frames; its queues behind the decoder are unbounded, it delivers a frame
only when the next one has begun, and its decoder's errors end nowhere. So one receiver's jitter buffer is replaced by
`FrameAssembler`, which hands complete frames over at once, and its decoder thread ends as soon as it begins. This
is the only module that knows aiortc's private names; `tap_receiver` refuses an aiortc it was not written for.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import aiortc
from aiortc import RTCRtpReceiver

from stream.decoding.encoded_frame import EncodedFrame, is_key
from stream.errors import TapError

AIORTC_VERSION = "1.16."
_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_QUEUE = "_RTCRtpReceiver__decoder_queue"
_CODECS = "_RTCRtpReceiver__codecs"
_CODEC_NAMES = {"video/vp8": "vp8", "video/h264": "h264"}
_MAX_PACKETS = 2048  # waiting behind a missing one
_MAX_PARTS = 8192  # of one frame, 10 MB
_GAP_S = 0.25
_PLI_INTERVAL_S = 0.5

OnFrame = Callable[[EncodedFrame], None]


class Packet(Protocol):
    """The parts of aiortc's RtpPacket that are used; `_data` is the payload without the codec's RTP header."""

    marker: int
    payload_type: int
    sequence_number: int
    ssrc: int
    timestamp: int
    _data: bytes


class FrameAssembler:
    """Assembles RTP packets into frames; replaces aiortc's JitterBuffer.

    A frame is delivered with its last packet (marker bit, or the next frame's first packet). A packet missing for
    0.25 s, retransmission included, is given up: then nothing is delivered until the next key frame, which the
    peer is asked for (PLI, at most every 0.5 s). `on_frame` is called on the event loop and must not block.
    """

    def __init__(
        self, codecs: Mapping[int, Any], on_frame: OnFrame, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.last_packet_s = clock()
        self._codecs = codecs
        self._on_frame = on_frame
        self._clock = clock
        self._ssrc: int | None = None
        self._next = 0
        self._early: dict[int, Packet] = {}  # beyond a gap, by sequence number
        self._gap: tuple[int, float] | None = None  # the number missing, and since when
        self._parts: list[Packet] = []  # of the frame that is being put together
        self._broken: int | None = None  # timestamp of a frame whose beginning may be missing
        self._origin = self._last_timestamp = 0
        self._needs_key = self._wants_key = True
        self._asked_s = self._grace_until_s = -_PLI_INTERVAL_S
        self._lost = 0

    def request_key(self) -> None:
        """Ask the peer for a key frame until one arrives; other frames are delivered meanwhile. Any thread."""
        self._wants_key = True

    def add(self, packet: Packet) -> tuple[bool, None]:
        """aiortc's interface: returns whether to send a PLI now, and no frame for aiortc's own decoder."""
        now_s = self.last_packet_s = self._clock()
        if packet.ssrc != self._ssrc:
            self._restart(packet)
            self._grace_until_s = now_s + _PLI_INTERVAL_S  # it begins with a key frame without being asked
        ahead = (packet.sequence_number - self._next) & 0xFFFF
        if ahead < 0x8000:
            self._early[packet.sequence_number] = packet
        elif 0x10000 - ahead > _MAX_PACKETS:  # far behind: the sender began anew
            self._restart(packet)
            self._early[packet.sequence_number] = packet
        self._advance()
        self._check_gap(now_s)
        if self._wants_key and now_s >= max(self._asked_s + _PLI_INTERVAL_S, self._grace_until_s):
            self._asked_s = now_s
            return True, None
        return False, None

    def _restart(self, packet: Packet) -> None:
        if self._ssrc is not None:
            self._lose()
        self._ssrc, self._next = packet.ssrc, packet.sequence_number
        self._early.clear()
        self._gap = self._broken = None
        self._parts = []

    def _advance(self) -> None:
        """Take the packets that follow without a gap."""
        while (packet := self._early.pop(self._next, None)) is not None:
            self._next = (self._next + 1) & 0xFFFF
            if self._parts and packet.timestamp != self._parts[0].timestamp:
                self._complete()
            self._parts.append(packet)
            if packet.marker:
                self._complete()
            elif len(self._parts) >= _MAX_PARTS:
                self._lose()
                self._parts, self._broken = [], packet.timestamp

    def _check_gap(self, now_s: float) -> None:
        """Wait for a missing packet a while, then skip it."""
        if not self._early:
            self._gap = None
            return
        if self._gap is None or self._gap[0] != self._next:
            self._gap = (self._next, now_s)
        if now_s - self._gap[1] < _GAP_S and len(self._early) < _MAX_PACKETS:
            return
        self._lose()
        self._parts = []
        self._next = min(self._early, key=lambda number: (number - self._next) & 0xFFFF)
        self._broken = self._early[self._next].timestamp
        self._gap = None
        self._advance()

    def _lose(self) -> None:
        self._lost += 1
        self._needs_key = self._wants_key = True
        self._grace_until_s = -_PLI_INTERVAL_S

    def _complete(self) -> None:
        """All packets of a frame are there: deliver it if it can be decoded."""
        parts, self._parts = self._parts, []
        data = b"".join(part._data for part in parts)
        codec = _CODEC_NAMES.get(self._codecs[parts[0].payload_type].mimeType.lower())
        timestamp = parts[0].timestamp
        if not data or codec is None or timestamp == self._broken:
            return
        self._broken = None
        key = is_key(codec, data)
        if self._needs_key and not key:
            self._lost += 1
            return
        if key:
            self._needs_key = self._wants_key = False
        lost, self._lost = self._lost, 0
        self._on_frame(
            EncodedFrame(codec, data, self._unwrap(timestamp), key, time.time_ns(), self.last_packet_s, lost)
        )

    def _unwrap(self, timestamp: int) -> int:
        """RTP time counts on when its 32 bits are full (after 13 hours)."""
        forward = (timestamp - self._last_timestamp) & 0xFFFFFFFF
        self._origin += forward if forward < 0x80000000 else forward - 0x100000000
        self._last_timestamp = timestamp
        return self._origin


class _EndedQueue:
    """Replaces the receiver's decoder queue: its thread reads the end at once, so joining it never waits."""

    def get(self) -> None:
        """What aiortc's decoder thread calls."""

    def put(self, item: object) -> None:
        """What aiortc calls at the end; frames never come here."""


def tap_receiver(receiver: RTCRtpReceiver, on_frame: OnFrame) -> FrameAssembler:
    """Pass every encoded frame of a receiver that has not started yet to `on_frame`.

    Raises TapError for an aiortc that the tap was not written for.
    """
    if not aiortc.__version__.startswith(AIORTC_VERSION):
        raise TapError(f"aiortc {AIORTC_VERSION}x is required, but {aiortc.__version__} is installed")
    missing = [name for name in (_BUFFER, _QUEUE, _CODECS) if not hasattr(receiver, name)]
    if missing or not isinstance(getattr(receiver, _QUEUE), queue.Queue):
        raise TapError(f"aiortc {aiortc.__version__} lacks expected internals: {', '.join(missing) or _QUEUE}")
    codecs: Mapping[int, Any] = getattr(receiver, _CODECS)  # filled when the receiver starts
    assembler = FrameAssembler(codecs, on_frame)
    setattr(receiver, _BUFFER, assembler)
    setattr(receiver, _QUEUE, _EndedQueue())
    return assembler
