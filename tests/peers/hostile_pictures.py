"""Pictures that are small to send and dear to decode, and such that lie."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SOS, _EOI = b"\xff\xda", b"\xff\xd9"


@functools.cache
def progressive_jpeg(size_wh: tuple[int, int], scans: int) -> bytes:
    """A grey progressive JPEG that goes over its pixels `scans` times (6 at least): its last scan is repeated."""
    out = io.BytesIO()
    Image.new("L", size_wh, 128).save(out, "JPEG", progressive=True, quality=50)
    data = out.getvalue()
    body, last = data[: data.rindex(_EOI)], data[data.rindex(_SOS) : data.rindex(_EOI)]
    return body + last * (scans - data.count(_SOS)) + _EOI


def sized_jpeg(size_wh: tuple[int, int]) -> bytes:
    """A JPEG of a few hundred bytes whose frame header claims `size_wh`."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG")
    data = bytearray(out.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", size_wh[1], size_wh[0])
    return bytes(data)


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(image: np.ndarray, before: bytes = b"", more_bytes: int = 0, interlaced: bool = False) -> bytes:
    """A PNG of u8 HWC RGB with chunks `before` its data and so many bytes (unpacked) too much."""
    height, width, _ = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    packer = zlib.compressobj(9)
    packed = [packer.compress(rows)]
    packed += [packer.compress(bytes(2**20)) for _ in range(more_bytes >> 20)]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    data = b"".join([*packed, packer.flush()])
    return PNG_SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def packed_texts(count: int, unpacked_bytes: int = 7 * 2**20) -> bytes:
    """So many texts that libpng unpacks, for nobody."""
    return chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(unpacked_bytes), 9)) * count
