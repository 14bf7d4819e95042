"""Parses the headers of H.264, H.265 and VP9: profile, level and size. Pure.

H.264: ITU-T H.264 7.3.2.1.1; H.265: ITU-T H.265 7.3.2.2 and 7.3.3; VP9: the bitstream specification 6.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_START = b"\0\0\1"


class HeaderError(ValueError):
    """A header is damaged or of an unknown kind."""


@dataclass(frozen=True, slots=True)
class SequenceHeader:
    """`profile`: the bytes that a codec string is made of; `size_wh`: of the frame as it is shown, after cropping."""

    profile: bytes
    size_wh: tuple[int, int]


class BitReader:
    """Reads bits, most significant first, out of a NAL unit or a frame. Raises HeaderError at the end."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        if count > self._left:
            raise HeaderError("the header ends early")
        self._left -= count
        return self._bits >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        """An unsigned Exp-Golomb number."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise HeaderError("a number in the header is too large")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def leading_nals(data: bytes, is_slice: frozenset[int], shift: int) -> Iterator[tuple[int, bytes]]:
    """(type, NAL unit) of an Annex B access unit up to its first coded slice, whose own bytes are not read.

    is_slice: the types of coded slices; shift: 0 for H.264 (five bits), 1 for H.265 (six bits, one to the right).
    """
    mask = 0x1F if shift == 0 else 0x3F
    start = data.find(_START)
    while 0 <= start < len(data) - 3:
        kind = data[start + 3] >> shift & mask
        if kind in is_slice:
            return
        following = data.find(_START, start + 3)
        end = following if following >= 0 else len(data)
        yield kind, data[start + 3 : end].rstrip(b"\0")
        start = following


def h264_sequence(nal: bytes) -> SequenceHeader:
    """Parse a sequence parameter set, its one header byte included. Raises HeaderError."""
    bits = BitReader(_unescaped(nal[1:]))
    profile = bytes(bits.u(8) for _ in range(3))
    bits.ue()
    chroma = 1
    if profile[0] in _HIGH_PROFILES:
        chroma = _skip_high(bits)
    bits.ue()
    _skip_order_count(bits)
    bits.ue()
    bits.u(1)
    width, height = (bits.ue() + 1) * 16, (bits.ue() + 1) * 16
    fields = 2 - bits.u(1)
    if fields == 2:
        bits.u(1)
    bits.u(1)
    unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1) * fields
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.u(1) else (0, 0, 0, 0)
    return SequenceHeader(profile, (width - unit_x * (left + right), height * fields - unit_y * (top + bottom)))


def h265_sequence(nal: bytes) -> SequenceHeader:
    """Parse a sequence parameter set, its two header bytes included. `profile`: the 12 bytes general_profile_space to
    general_level_idc, as hvcC has them too. Raises HeaderError.
    """
    bits = BitReader(_unescaped(nal[2:]))
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    profile = bytes(bits.u(8) for _ in range(12))
    present = [(bits.u(1), bits.u(1)) for _ in range(8 if layers else 0)][:layers]
    for has_profile, has_level in present:
        bits.u(88 * has_profile)
        bits.u(8 * has_level)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    width, height = bits.ue(), bits.ue()
    unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.u(1) else (0, 0, 0, 0)
    return SequenceHeader(profile, (width - unit_x * (left + right), height - unit_y * (top + bottom)))


def vp9_sequence(frame: bytes) -> SequenceHeader:
    """Parse a key frame's header. `profile`: two bytes, the profile and the bits a sample. Raises HeaderError."""
    bits = BitReader(frame[:24])
    if bits.u(2) != 2:
        raise HeaderError("not a VP9 frame")
    profile = bits.u(1) | bits.u(1) << 1
    if profile == 3:
        bits.u(1)
    if bits.u(1) or bits.u(1):
        raise HeaderError("not a key frame")
    bits.u(2)
    if bits.u(24) != 0x498342:
        raise HeaderError("not a VP9 key frame")
    depth = (12 if bits.u(1) else 10) if profile >= 2 else 8
    if bits.u(3) != 7:
        bits.u(1 + (3 if profile in (1, 3) else 0))
    elif profile in (1, 3):
        bits.u(1)
    return SequenceHeader(bytes((profile, depth)), (bits.u(16) + 1, bits.u(16) + 1))


def _unescaped(data: bytes) -> bytes:
    """Without the bytes that keep start codes out."""
    return data.replace(b"\0\0\3", b"\0\0")


def _skip_high(bits: BitReader) -> int:
    """What only the high profiles have; returns chroma_format_idc."""
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_order_count(bits: BitReader) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
