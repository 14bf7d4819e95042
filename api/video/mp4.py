"""Muxes packets of a ring into MP4 or WebM, without re-encoding. Any thread; blocks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from stream.decoding.parameter_sets import HeaderError
from stream.decoding.webcodecs import decoder_config, self_contained
from stream.ring import CodecConfig, RingPacket

_MICROSECONDS = Fraction(1, 1_000_000)
_WEBM = frozenset({"vp8", "vp9"})


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A file in memory."""

    data: bytes
    media_type: str
    suffix: str


def clip_file(codec: CodecConfig, packets: Sequence[RingPacket]) -> ClipFile:
    """MP4; WebM for VP8 and VP9, as browsers want them. `packets` in decode order, beginning with a key frame.

    The file's clock starts at the first frame shown. Raises HeaderError where the packets do not say how to decode
    them, av.FFmpegError or ValueError where the container does not support the codec.
    """
    webm = codec.name in _WEBM
    out = io.BytesIO()
    with ExitStack() as stack:
        container = stack.enter_context(av.open(out, "w", format="webm" if webm else "mp4"))
        stream = _add_stream(stack, container, codec, packets[0])
        begin_us = min(packet.pts_us for packet in packets)
        for packet in packets:
            muxed = av.Packet(self_contained(codec, packet))
            muxed.stream = stream
            muxed.time_base = _MICROSECONDS
            muxed.pts, muxed.dts = packet.pts_us - begin_us, min(packet.dts_us, packet.pts_us) - begin_us
            muxed.is_keyframe = packet.is_key
            container.mux(muxed)
    return ClipFile(out.getvalue(), "video/webm" if webm else "video/mp4", "webm" if webm else "mp4")


def _add_stream(stack: ExitStack, container: OutputContainer, codec: CodecConfig, first: RingPacket) -> VideoStream:
    if codec.name == "mjpeg":  # a JPEG has nothing to extract for the file's header, and needs nothing there
        images = stack.enter_context(av.open(io.BytesIO(first.data), format="mjpeg"))
        stream = container.add_stream_from_template(images.streams.video[0], opaque=True)
        stream.time_base = _MICROSECONDS
        return stream
    config = decoder_config(codec, first.data)
    width, height = codec.size_wh if config is None else config.size_wh
    if width < 1 or height < 1:
        raise HeaderError("the packets do not say how to decode them")
    muxed = container.add_mux_stream(codec.name, rate=25, width=width, height=height, time_base=_MICROSECONDS)
    assert isinstance(muxed, VideoStream)
    return muxed
