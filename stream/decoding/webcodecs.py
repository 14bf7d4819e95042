"""How a browser's decoder is configured for the packets of a ring (WebCodecs' VideoDecoderConfig). Pure.

Codec strings are those of RFC 6381 and of the codecs' ISO BMFF bindings. Streams with a global header (avcC, hvcC)
get it as `description`; in those without, H.264 and H.265 are Annex B, and a decoder needs the parameter sets in every
key frame: `prefix` is put before key frames that come without.
"""

from __future__ import annotations

from dataclasses import dataclass

from stream.decoding.encoded_frame import vp8_size_wh
from stream.decoding.parameter_sets import HeaderError, h264_sequence, h265_sequence, leading_nals, vp9_sequence
from stream.ring import CodecConfig, RingPacket

JPEG = "jpeg"
PASSED_ON = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mjpeg"})
"""The codecs (FFmpeg's names) whose packets are sent to browsers as they are."""

_H264_SLICES = frozenset(range(1, 6))
_H264_SETS = frozenset({7, 8})
_H265_SLICES = frozenset(range(32))
_H265_SETS = frozenset({32, 33, 34})
_VP9_LEVELS = ((36864, 10), (73728, 11), (122880, 20), (245760, 21), (552960, 30), (983040, 31), (2228224, 41))


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """`codec` as WebCodecs names it, or "jpeg"; `size_wh` that of the results; `prefix` goes before the key frame."""

    codec: str
    size_wh: tuple[int, int]
    description: bytes | None = None
    prefix: bytes = b""


def decoder_config(codec: CodecConfig, key: bytes) -> DecoderConfig | None:
    """The configuration of a decoder that begins with the key frame `key`; None when the headers do not give it."""
    try:
        if codec.name == "h264":
            return _h264(codec, key)
        if codec.name == "hevc":
            return _h265(codec, key)
        if codec.name == "vp8":
            return DecoderConfig("vp8", vp8_size_wh(key) or codec.size_wh)
        if codec.name == "vp9":
            return _vp9(key)
        if codec.name == "av1":
            return _av1(codec)
        if codec.name == "mjpeg":
            return DecoderConfig(JPEG, codec.size_wh)
    except HeaderError:
        return None
    return None


def self_contained(codec: CodecConfig, packet: RingPacket) -> bytes:
    """A packet whose decoding needs no global header: H.264 and H.265 as Annex B, with the parameter sets before each
    key frame that has none itself. For muxers, which make their own header of that. Raises HeaderError.
    """
    if codec.name not in ("h264", "hevc"):
        return codec.extradata + packet.data if codec.name == "mpeg4" and packet.is_key else packet.data
    if _is_record(codec.extradata):
        data, sets = _started(packet.data, _length_size(codec)), _sets_in_record(codec)
        return sets + data if packet.is_key else data
    if not packet.is_key:
        return packet.data
    slices, wanted, shift = (_H264_SLICES, _H264_SETS, 0) if codec.name == "h264" else (_H265_SLICES, _H265_SETS, 1)
    return _sets(codec.extradata, packet.data, slices, wanted, shift)[0] + packet.data


def _length_size(codec: CodecConfig) -> int:
    at = 4 if codec.name == "h264" else 21
    if len(codec.extradata) <= at:
        raise HeaderError("avcC or hvcC is too short")
    return (codec.extradata[at] & 3) + 1


def _started(data: bytes, length_size: int) -> bytes:
    """NAL units behind start codes, from NAL units behind their lengths."""
    units, at = [], 0
    while at + length_size < len(data):
        length = int.from_bytes(data[at : at + length_size], "big")
        units.append(data[at + length_size : at + length_size + length])
        at += length_size + length
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def _sets_in_record(codec: CodecConfig) -> bytes:
    """The parameter sets of an avcC (ISO/IEC 14496-15, 5.3.3.1) or hvcC (8.3.3.1) as Annex B."""
    record, units = codec.extradata, []
    groups, at = (2, 5) if codec.name == "h264" else (record[22] if len(record) > 22 else 0, 23)
    try:
        for group in range(groups):
            if codec.name == "h264":
                count, at = record[at] & (0x1F if group == 0 else 0xFF), at + 1
            else:
                count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
            for _ in range(count):
                length = int.from_bytes(record[at : at + 2], "big")
                units.append(record[at + 2 : at + 2 + length])
                at += 2 + length
    except IndexError:
        raise HeaderError("avcC or hvcC is damaged") from None
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def _is_record(extradata: bytes) -> bool:
    """Whether it is an avcC or hvcC, and so packets carry lengths instead of start codes."""
    return extradata[:1] == b"\1"


def _sets(
    extradata: bytes, key: bytes, slices: frozenset[int], wanted: frozenset[int], shift: int
) -> tuple[bytes, bytes]:
    """(what must go before `key`, all parameter sets), both Annex B. Raises HeaderError when there are none."""
    own = [(kind, nal) for kind, nal in leading_nals(key, slices, shift) if kind in wanted]
    prefix = b""
    if not wanted <= {kind for kind, _ in own}:
        global_sets = [(kind, nal) for kind, nal in leading_nals(extradata, slices, shift) if kind in wanted]
        if not wanted <= {kind for kind, _ in (*global_sets, *own)}:
            raise HeaderError("neither the stream nor its key frame has parameter sets")
        prefix = b"".join(b"\0\0\0\1" + nal for _, nal in global_sets)
        own = [*global_sets, *own]
    return prefix, b"".join(b"\0\0\0\1" + nal for _, nal in own)


def _last(sets: bytes, kind: int, shift: int) -> bytes:
    """The last parameter set of a kind: the one in force."""
    return [nal for found, nal in leading_nals(sets, frozenset(), shift) if found == kind][-1]


def _h264(codec: CodecConfig, key: bytes) -> DecoderConfig:
    if _is_record(codec.extradata):
        if len(codec.extradata) < 7:
            raise HeaderError("avcC is too short")
        return DecoderConfig(f"avc1.{codec.extradata[1:4].hex()}", codec.size_wh, codec.extradata)
    prefix, sets = _sets(codec.extradata, key, _H264_SLICES, _H264_SETS, 0)
    header = h264_sequence(_last(sets, 7, 0))
    return DecoderConfig(f"avc1.{header.profile.hex()}", header.size_wh, None, prefix)


def _h265(codec: CodecConfig, key: bytes) -> DecoderConfig:
    if _is_record(codec.extradata):
        if len(codec.extradata) < 23:
            raise HeaderError("hvcC is too short")
        return DecoderConfig(f"hvc1.{_h265_name(codec.extradata[1:13])}", codec.size_wh, codec.extradata)
    prefix, sets = _sets(codec.extradata, key, _H265_SLICES, _H265_SETS, 1)
    header = h265_sequence(_last(sets, 33, 1))
    return DecoderConfig(f"hev1.{_h265_name(header.profile)}", header.size_wh, None, prefix)


def _h265_name(profile: bytes) -> str:
    """ISO/IEC 14496-15 annex E.3: profile, compatibility flags in reverse bit order, tier and level, constraints."""
    space = ("", "A", "B", "C")[profile[0] >> 6]
    tier = "H" if profile[0] & 0x20 else "L"
    compatible = int(f"{int.from_bytes(profile[1:5], 'big'):032b}"[::-1], 2)
    constraints = [f"{byte:X}" for byte in profile[5:11].rstrip(b"\0")]
    return ".".join((f"{space}{profile[0] & 0x1F}", f"{compatible:X}", f"{tier}{profile[11]}", *constraints))


def _vp9(key: bytes) -> DecoderConfig:
    header = vp9_sequence(key)
    pixels = header.size_wh[0] * header.size_wh[1]
    level = next((number for most, number in _VP9_LEVELS if pixels <= most), 52)
    return DecoderConfig(f"vp09.{header.profile[0]:02}.{level}.{header.profile[1]:02}", header.size_wh)


def _av1(codec: CodecConfig) -> DecoderConfig:
    """From av1C (AV1 in ISO BMFF, 2.3.3); the sequence header itself is in every key frame."""
    if len(codec.extradata) < 4 or codec.extradata[0] != 0x81:
        raise HeaderError("the stream has no av1C header")
    profile, level = codec.extradata[1] >> 5, codec.extradata[1] & 0x1F
    tier = "H" if codec.extradata[2] & 0x80 else "M"
    depth = (12 if codec.extradata[2] & 0x20 else 10) if codec.extradata[2] & 0x40 else 8
    return DecoderConfig(f"av01.{profile}.{level:02}{tier}.{depth:02}", codec.size_wh)
