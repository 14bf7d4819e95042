"""Looks at the encoded frames of one stream before they are decoded: not too large, not too costly. One thread.

FFmpeg's decoders have the same limit of pixels (`max_pixels`, held at every change of size), as they may understand a
damaged header otherwise than this does; but not of the scans of a JPEG, and their error does not tell the size.
"""

from __future__ import annotations

from stream.decoding.encoded_frame import vp8_size_wh
from stream.decoding.image_formats import ImageLayout, mjpeg_layout
from stream.decoding.image_header import COSTLY_PIXELS, PixelLimit
from stream.decoding.parameter_sets import HeaderError, h264_sequence, h265_sequence, leading_nals, vp9_sequence
from stream.errors import BadImageError, TooLargeError
from stream.metrics import PICTURES_REFUSED

MAX_MJPEG_SCANS = 16
_H264_SPS, _H265_SPS = 7, 33
_H264_SLICES, _H265_SLICES = frozenset(range(1, 6)), frozenset(range(32))


class FrameGuard:
    """codec: FFmpeg's name; extradata: its global header; size_wh: as announced, (0, 0) where it is unknown yet."""

    def __init__(
        self, codec: str, limit: PixelLimit, extradata: bytes = b"", size_wh: tuple[int, int] = (0, 0)
    ) -> None:
        self._codec = codec
        self._limit = limit
        self._in_records = extradata[:1] == b"\1"  # avcC, hvcC: no start codes to look for in packets
        self._layout = ImageLayout(size_wh, 1)
        self._check_size(size_wh)

    @property
    def options(self) -> dict[str, str]:
        """FFmpeg's options of a decoder that hold the same limit."""
        return decoder_options(self._limit)

    @property
    def costly(self) -> bool:
        """Whether the next frame takes so long to decode that others must not wait for it."""
        width, height = self._layout.size_wh
        return width * height * self._layout.passes > COSTLY_PIXELS

    def note_size(self, size_wh: tuple[int, int]) -> None:
        """A frame of this size came out of the decoder."""
        if self._codec != "mjpeg":
            self._layout = ImageLayout(size_wh, 1)

    def check(self, data: bytes, is_key: bool) -> None:
        """Look at an encoded frame. Raises TooLargeError; BadImageError for one that cannot be a frame."""
        if self._codec == "mjpeg":
            self._check_mjpeg(data)
        elif is_key and not self._in_records and (size_wh := announced_size_wh(self._codec, data)) is not None:
            self._check_size(size_wh)

    def _check_size(self, size_wh: tuple[int, int]) -> None:
        if all(size_wh):
            self._limit.check(ImageLayout(size_wh, 1), "a frame")
            self.note_size(size_wh)

    def _check_mjpeg(self, data: bytes) -> None:
        layout = mjpeg_layout(data)
        if layout is None:
            raise BadImageError("a frame has no JPEG header")
        if layout.passes > MAX_MJPEG_SCANS:
            PICTURES_REFUSED.labels(self._limit.setting).inc()
            raise TooLargeError(f"a frame has {layout.passes} scans; the limit is {MAX_MJPEG_SCANS}")
        self._limit.check(layout, "a frame")
        self._layout = layout


def decoder_options(limit: PixelLimit) -> dict[str, str]:
    """FFmpeg's options that hold a limit."""
    return {"max_pixels": str(limit.max_pixels)}


def announced_size_wh(codec: str, data: bytes) -> tuple[int, int] | None:
    """The size that an encoded key frame announces, H.264 and H.265 as Annex B; None where it cannot be read."""
    try:
        if codec == "vp8":
            return vp8_size_wh(data)
        if codec == "vp9":
            return vp9_sequence(data).size_wh
        if codec == "h264":
            sets = [nal for kind, nal in leading_nals(data, _H264_SLICES, 0) if kind == _H264_SPS]
            return h264_sequence(sets[-1]).size_wh if sets else None
        if codec == "hevc":
            sets = [nal for kind, nal in leading_nals(data, _H265_SLICES, 1) if kind == _H265_SPS]
            return h265_sequence(sets[-1]).size_wh if sets else None
    except HeaderError:
        return None
    return None
