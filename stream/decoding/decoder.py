"""From packets to frames with identity. Runs in its own thread (that of the source)."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import av
from av.video.stream import VideoStream

from stream.decoding.costly_lane import COSTLY_LANE
from stream.decoding.cpu_gate import CpuGate
from stream.decoding.frame_guard import FrameGuard
from stream.decoding.pts_clock import MICROSECONDS, PacketTimes
from stream.frame import Frame
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED, STAGE_SECONDS

_MAX_PENDING = 64  # a decoder holds back at most 16 frames for their order and one for each of up to 16 threads


@dataclass(frozen=True, slots=True)
class ArrivalTime:
    """When a packet arrived: wall clock and time.monotonic()."""

    captured_at_ns: int
    arrived_s: float

    @classmethod
    def now(cls) -> ArrivalTime:
        """This moment."""
        return cls(time.time_ns(), time.monotonic())


@dataclass(frozen=True, slots=True)
class _Pending:
    """A packet in the decoder whose frame has not come out yet."""

    pts_us: int
    arrival: ArrivalTime


class Decoder:
    """Decodes the packets of one session and gives each frame its number, time and arrival.

    A frame belongs to the packet with its time. Where packets carry no presentation times, or wrong ones (decode
    order's), the n-th frame that comes out takes the n-th smallest time. Packets whose frame never came out count
    in `ordinal` and as dropped, reason "undecoded". One thread.
    """

    def __init__(
        self, stream_id: str, session: str, cpu_gate: CpuGate, given_up: Callable[[], bool] = lambda: False
    ) -> None:
        """given_up: whether nobody wants the frames any more, asked while a costly one waits for its turn."""
        self.session = session
        self._given_up = given_up
        self._cpu_gate = cpu_gate
        self._stream_id = stream_id
        self._context: av.VideoCodecContext | None = None
        self._guard: FrameGuard | None = None
        self._pending: list[_Pending] = []
        self._in_order = False
        self._last_us = -1
        self._number = 0
        self._ordinal = 0
        self._newest = ArrivalTime(0, 0.0)
        self._count_decoded = FRAMES_DECODED.labels(stream_id)
        self._observe_decode = STAGE_SECONDS.labels("decode")

    @property
    def in_order(self) -> bool:
        """Whether packets' times turned out not to be their frames', so that only their order counts."""
        return self._in_order

    @property
    def ordinal(self) -> int:
        """How many frames there were so far, decoded or not."""
        return self._ordinal

    def begin(self, context: av.VideoCodecContext, guard: FrameGuard | None = None) -> None:
        """Decode with this context from now on: the file was opened (again). guard: tells which frames are costly."""
        self._context, self._guard = context, guard

    def decode(self, packet: av.Packet[VideoStream], times: PacketTimes, arrival: ArrivalTime) -> list[Frame]:
        """Decode one packet; returns the frames that come out, in presentation order.

        Rewrites the packet's times. Raises av.FFmpegError when the packet is damaged; go on with the next one. Raises
        GivenUpError.
        """
        packet.time_base = MICROSECONDS
        packet.pts = times.pts_us if times.known else None
        packet.dts = times.dts_us
        self._in_order = self._in_order or not times.known
        self._newest = arrival
        insort(self._pending, _Pending(times.pts_us, arrival), key=attrgetter("pts_us"))
        try:
            return self._run(packet)
        finally:
            self._count_lost(max(0, len(self._pending) - self._max_pending()))

    def drain(self) -> list[Frame]:
        """The frames still in the decoder at the end of the file; packets whose frame never came out are counted.

        Raises av.FFmpegError, GivenUpError.
        """
        try:
            return self._run(None)
        finally:
            self._count_lost(len(self._pending))

    def skip_packet(self) -> None:
        """Count a packet that is too late to be decoded; the next one that is decoded must be a key frame."""
        if self._context is not None and self._pending:
            self._context.flush_buffers()
        self._count_lost(len(self._pending), "late")
        self._count_lost(1, "late")

    def _max_pending(self) -> int:
        """How many frames the decoder may hold back; where only their order counts, this is how lost ones are found."""
        context = self._context
        if context is None or not self._in_order:
            return _MAX_PENDING
        threads = context.thread_count if context.thread_count > 1 else 0
        return threads + (context.reorder_depth + 1 if context.reorder_depth else 0)

    def _run(self, packet: av.Packet[VideoStream] | None) -> list[Frame]:
        context = self._context
        if context is None:
            return []
        if self._guard is not None and self._guard.costly:
            images, decode_s = COSTLY_LANE.run(lambda: _timed(context, packet), self._given_up)
        else:
            with self._cpu_gate.decoding():
                images, decode_s = _timed(context, packet)
        return [self._frame(image, decode_s / max(1, len(images))) for image in images]

    def _frame(self, image: av.VideoFrame, decode_s: float) -> Frame:
        origin = self._origin(image.pts)
        image.pts = origin.pts_us
        image.time_base = MICROSECONDS
        frame = Frame(
            stream_id=self._stream_id,
            session=self.session,
            number=self._number,
            ordinal=self._ordinal,
            pts_us=origin.pts_us,
            captured_at_ns=origin.arrival.captured_at_ns,
            arrived_s=origin.arrival.arrived_s,
            decode_s=decode_s,
            image=image,
        )
        self._last_us = origin.pts_us
        self._number += 1
        self._ordinal += 1
        self._count_decoded.inc()
        self._observe_decode.observe(decode_s)
        return frame

    def _origin(self, pts_us: int | None) -> _Pending:
        """The packet that a frame came from; earlier ones whose frames never came out are lost."""
        if pts_us is None or (self._last_us >= 0 and pts_us < self._last_us):
            self._in_order = True  # the stream's presentation times are not: from now on only their order counts
        index = 0
        if not self._in_order and pts_us is not None:
            index = bisect_left(self._pending, pts_us, key=attrgetter("pts_us"))
            if index == len(self._pending) or self._pending[index].pts_us != pts_us:
                return _Pending(max(pts_us, self._last_us + 1), self._newest)  # a second frame of one packet
        if not self._pending:
            return _Pending(self._last_us + 1, self._newest)
        self._count_lost(index)
        return self._pending.pop(0)

    def _count_lost(self, count: int, reason: str = "undecoded") -> None:
        if count:
            del self._pending[:count]
            self._ordinal += count
            FRAMES_DROPPED.labels(self._stream_id, reason).inc(count)


def _timed(context: av.VideoCodecContext, packet: av.Packet[VideoStream] | None) -> tuple[list[av.VideoFrame], float]:
    """The frames that come out, and the seconds it took."""
    begun_s = time.perf_counter()
    return context.decode(packet), time.perf_counter() - begun_s
