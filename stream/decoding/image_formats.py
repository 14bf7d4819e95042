"""What the headers of JPEG, PNG and WebP say: size, and how often a decoder goes over the pixels. Pure.

JPEG: ITU-T T.81 annex B; PNG: its specification, third edition, 5 and 11; WebP: RFC 9649. Nothing is decoded, and the
time is bounded by the bytes, whatever they hold.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from stream.errors import BadImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_SEGMENTS = 4096  # markers of a JPEG; a large one with profiles and thumbnails has some hundred
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)  # no stuffed byte, no fill byte, no restart
_DECODABLE = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all of them Huffman coded
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """`size_wh` in pixels; `passes`: how often decoding goes over all of them (scans of a JPEG)."""

    size_wh: tuple[int, int]
    passes: int


def jpeg_layout(data: bytes, most: int) -> ImageLayout:
    """A JPEG's size and scans, up to its end marker, read as libjpeg reads them. Raises BadImageError.

    most: pixels × scans that are allowed. Scans above it are not counted to their end.
    """
    size_wh: tuple[int, int] | None = None
    scans = segments = 0
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        kind, at = found[1][0], found.end()
        segments += 1
        if segments > MAX_SEGMENTS:
            raise BadImageError(f"the JPEG has more than {MAX_SEGMENTS} segments")
        if kind == _EOI:
            break
        if kind in (_SOI, _TEM):
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            if scans:
                break  # cut short: what was read can be shown
            raise BadImageError("the JPEG's header is damaged")
        if kind in _FRAME_HEADERS:
            if size_wh is not None:
                raise BadImageError("the JPEG has more than one frame header")
            size_wh = _frame_header(kind, data[at : at + length])
        elif kind == _SOS:
            scans += 1
            if size_wh is not None and size_wh[0] * size_wh[1] * scans > most:
                break
        at += length
    if size_wh is None or not scans:
        raise BadImageError("the JPEG's header is damaged: it has no " + ("scan" if size_wh else "frame header"))
    return ImageLayout(size_wh, scans)


def _frame_header(kind: int, segment: bytes) -> tuple[int, int]:
    """Width and height of a frame header, its length included."""
    if kind not in _DECODABLE:
        raise BadImageError(f"JPEGs of this kind (SOF{kind - 0xC0}) are not supported; send baseline or progressive")
    if len(segment) < 8:
        raise BadImageError("the JPEG's frame header is damaged")
    height, width = struct.unpack(">HH", segment[3:7])
    return width, height


def mjpeg_layout(data: bytes) -> ImageLayout | None:
    """The most that a frame of MJPEG can make FFmpeg do; None where it has no frame header.

    FFmpeg looks for markers in more places than libjpeg does, and after the end marker too (a second field): every
    place that may be one counts.
    """
    sizes = []
    at = data.find(b"\xff")
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, max(at, 0))
        if found is None:
            break
        kind, at = found[1][0], found.end()
        if kind in _FRAME_HEADERS and len(data) >= at + 7:
            height, width = struct.unpack(">HH", data[at + 3 : at + 7])
            sizes.append((width, height))
        length = int.from_bytes(data[at : at + 2], "big")
        if kind not in (_SOI, _EOI, _TEM) and 2 <= length <= len(data) - at:
            at += length
    if not sizes:
        return None
    return ImageLayout(max(sizes, key=lambda size_wh: size_wh[0] * size_wh[1]), max(1, data.count(b"\xff\xda")))


def png_layout(data: bytes) -> ImageLayout:
    """A PNG's size. Sixteen bits, alpha and interlacing are counted as further passes. Raises BadImageError."""
    width, height, depth, colour, interlaced = png_header(data)
    passes = -(-PNG_CHANNELS[colour] * depth // 24) * (2 if interlaced else 1)
    return ImageLayout((width, height), passes)


def png_header(data: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, bits a channel, colour type, whether interlaced. Raises BadImageError."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise BadImageError("the PNG's header is damaged")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", data[16:29])
    if colour not in PNG_CHANNELS or depth not in (1, 2, 4, 8, 16) or compression or filtering or interlace > 1:
        raise BadImageError("the PNG's header is damaged")
    return width, height, depth, colour, bool(interlace)


def webp_layout(data: bytes) -> ImageLayout:
    """A WebP's size, or that of its canvas. Of an animation the first frame is decoded. Raises BadImageError."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise BadImageError("the WebP's header is damaged")
    if kind == b"VP8X":
        return ImageLayout((int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1), 1)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return ImageLayout((width & 0x3FFF, height & 0x3FFF), 1)
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return ImageLayout(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), 1)
    raise BadImageError("the WebP's header is damaged")
