"""Decodes WebRTC frames one by one, and gives them their times. One thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from stream.decoding.costly_lane import COSTLY_LANE
from stream.decoding.encoded_frame import EncodedFrame, parameter_sets, vp8_size_wh
from stream.decoding.frame_guard import FrameGuard
from stream.decoding.image_header import PixelLimit
from stream.decoding.pts_clock import MICROSECONDS

_REBASE_S = 5.0


class SessionClock:
    """Turns RTP times into microseconds since the session's first frame, strictly increasing.

    An RTP clock that jumps against the arrival times by more than 5 s (a sender that changed its source) is set anew,
    so that the time between two frames is that between their arrivals.
    """

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self._now_90khz = 0
        self._last_us = -1

    def pts_us(self, frame: EncodedFrame) -> int:
        """The presentation time of the next frame, in microseconds. Call once a frame, in order."""
        if self._last is not None:
            step = frame.timestamp - self._last[0]
            arrived_90khz = int((frame.arrived_s - self._last[1]) * 90_000)
            self._now_90khz += step if abs(step - arrived_90khz) < _REBASE_S * 90_000 else arrived_90khz
        self._last = frame.timestamp, frame.arrived_s
        self._last_us = max(self._last_us + 1, self._now_90khz * 100 // 9)
        return self._last_us


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame out of the decoder and the seconds it took."""

    image: av.VideoFrame
    decode_s: float


class FrameDecoder:
    """One codec at a time, one thread, no delay: a frame in, its frame out. Frame size may change in flight."""

    def __init__(self, limit: PixelLimit, given_up: Callable[[], bool] = lambda: False) -> None:
        """given_up: whether nobody wants the frames any more, asked while a costly one waits for its turn."""
        self._limit, self._given_up = limit, given_up
        self._codec: VideoCodecContext | None = None
        self._guard = FrameGuard("", limit)
        self._name = ""

    def decode(self, frame: EncodedFrame, pts_us: int) -> DecodedFrame | None:
        """Decode a frame, whose `pts` is in microseconds; None for one that is not shown.

        Raises av.FFmpegError; TooLargeError and GivenUpError before anything is decoded.
        """
        begun_s = time.perf_counter()
        codec = self._context(frame.codec)
        self._guard.check(frame.data, frame.is_key)
        packet = av.Packet(frame.data)
        packet.pts = pts_us
        packet.time_base = MICROSECONDS
        if self._guard.costly:
            images = COSTLY_LANE.run(lambda: codec.decode(packet), self._given_up)
        else:
            images = codec.decode(packet)
        if images:
            self._guard.note_size((images[-1].width, images[-1].height))
        return DecodedFrame(images[-1], time.perf_counter() - begun_s) if images else None

    def _context(self, name: str) -> VideoCodecContext:
        if self._codec is None or name != self._name:
            codec = av.CodecContext.create(name, "r")
            assert isinstance(codec, VideoCodecContext)
            codec.flags |= Flags.low_delay  # WebRTC knows no B-frames: each frame comes out at once
            codec.thread_count = 1  # frame threads would delay frames; streams are parallel already
            self._guard = FrameGuard(name, self._limit)
            codec.options = self._guard.options
            self._codec, self._name = codec, name
        return self._codec


def configuration(frame: EncodedFrame) -> bytes | None:
    """What identifies the decoder configuration of a key frame; None where only decoding shows it."""
    if frame.codec == "vp8":
        size_wh = vp8_size_wh(frame.data)
        return None if size_wh is None else b"vp8 %d %d" % size_wh
    return b"h264 " + parameter_sets(frame.data)
