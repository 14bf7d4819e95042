"""Encoded frames of WebRTC's codecs (VP8, H.264): whether it is a key frame, its size, its parameter sets. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VP8_START = b"\x9d\x01\x2a"
_H264_SLICE, _H264_IDR, _H264_SPS = 1, 5, 7


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One complete encoded frame, and when its last packet arrived.

    codec: "vp8" or "h264" (FFmpeg's names); data: one VP8 frame, or one H.264 access unit as Annex B.
    timestamp: RTP time, unwrapped, in 1/90000 s from an arbitrary origin.
    lost_before: frames missing or undecodable since the one delivered before.
    """

    codec: str
    data: bytes
    timestamp: int
    is_key: bool
    captured_at_ns: int
    arrived_s: float
    lost_before: int


def is_key(codec: str, data: bytes) -> bool:
    """Whether decoding can start here: RFC 6386 section 9.1 (VP8), H.264 table 7-1 (an IDR slice)."""
    if codec == "vp8":
        return bool(data) and not data[0] & 1
    for nal in nal_units(data):
        kind = nal[0] & 0x1F
        if kind in (_H264_SLICE, _H264_IDR):
            return kind == _H264_IDR
    return False


def vp8_size_wh(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels from a VP8 key frame's header; None for anything else."""
    if len(data) < 10 or data[3:6] != _VP8_START:
        return None
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def parameter_sets(data: bytes) -> bytes:
    """The sequence parameter sets of an H.264 access unit in Annex B; they change when the frame's size does."""
    return b"".join(bytes(nal) for nal in nal_units(data) if nal[0] & 0x1F == _H264_SPS)


def nal_units(data: bytes) -> Iterator[memoryview]:
    """The NAL units of an Annex B byte stream without their start codes (and maybe a trailing zero)."""
    view = memoryview(data)
    start = data.find(b"\0\0\1")
    while start >= 0:
        following = data.find(b"\0\0\1", start + 3)
        nal = view[start + 3 : following if following >= 0 else len(data)]
        if nal:
            yield nal
        start = following
