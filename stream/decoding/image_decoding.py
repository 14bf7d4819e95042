"""Turns the bytes of a JPEG, PNG or WebP into pixels, whatever it costs. Any thread.

`stream/decoding/stills.py` decides where that is done. This is loaded by the process that decodes costly stills, so it
imports little.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stream.decoding.image_formats import PNG_CHANNELS, PNG_SIGNATURE, png_header
from stream.errors import BadImageError

MAX_CHUNKS = 20_000
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"})
_SLACK_BYTES = 2**16  # some writers end a PNG's data a little late
_INFLATED_BYTES = 2**20
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def decode_pixels(data: bytes, kind: str) -> npt.NDArray[np.uint8]:
    """The image as u8 HWC BGR, turned by its EXIF; 8 bits of 16, and without alpha.

    kind: "jpeg", "png" or "webp". What it costs was bounded by its header (`stream/decoding/image_header.py`). Raises
    BadImageError.
    """
    if kind == "png":
        data = needed_png(data)
    try:
        image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise BadImageError(f"the {kind} image cannot be decoded: {error.err}") from error
    if image_bgr is None:
        raise BadImageError(f"the {kind} image is damaged")
    return cast("npt.NDArray[np.uint8]", image_bgr)


def needed_png(data: bytes) -> bytes:
    """A PNG with only the chunks that its pixels need. Raises BadImageError for more data than it has pixels.

    libpng unpacks texts and profiles that nobody asked for (a minute and a half for 7 MB of them), and data behind the
    last pixel.
    """
    kept = [PNG_SIGNATURE]
    left = _unpacked_bytes(data) + _SLACK_BYTES
    unpacker = zlib.decompressobj()
    for name, begin, end in _chunks(data):
        if name not in _NEEDED:
            continue
        kept.append(data[begin - 8 : end + 4])
        if name != b"IDAT" or unpacker.eof:
            continue
        left -= _unpack(unpacker, data[begin:end], left)
        if left < 0:
            raise BadImageError("the PNG has more data than pixels")
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of the data of each chunk."""
    at = len(PNG_SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at + 8, min(end, len(data))
        at = end + 4
    raise BadImageError(f"the PNG has more than {MAX_CHUNKS} chunks")


def _unpack(unpacker: zlib._Decompress, packed: bytes, most: int) -> int:
    """How many bytes come out of `packed`; a little more than `most` where there are more."""
    found = 0
    try:
        while packed and found <= most and not unpacker.eof:
            found += len(unpacker.decompress(packed, _INFLATED_BYTES))
            packed = unpacker.unconsumed_tail
    except zlib.error as error:
        raise BadImageError(f"the png image is damaged: {error}") from error
    return found


def _unpacked_bytes(data: bytes) -> int:
    """The bytes of all rows, each with its filter."""
    width, height, depth, colour, interlaced = png_header(data)
    bits = depth * PNG_CHANNELS[colour]
    total = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
