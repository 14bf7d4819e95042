"""Type and size of a still image from its header, before anything is decoded. Pure."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image, UnidentifiedImageError

from stream.errors import BadImageError, TooLargeError

Kind = Literal["jpeg", "png", "webp"]
_FORMATS = ("JPEG", "PNG", "WEBP")
_KINDS: dict[str, Kind] = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image says of itself. `size_wh` in pixels, before its EXIF turn."""

    kind: Kind
    size_wh: tuple[int, int]


def read_header(data: bytes, max_bytes: int, max_pixels: int) -> ImageHeader:
    """Check bytes, type and pixels of a JPEG, PNG or WebP; Pillow reads the header only, no pixel is decoded.

    Raises TooLargeError above the limits, BadImageError for anything else that is wrong with it.
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"the image has {len(data)} bytes; the limit is {max_bytes} (stream.image_bytes)")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            kind, size_wh = _KINDS.get(image.format or ""), image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(f"too many pixels; the limit is {max_pixels} (stream.image_pixels)") from error
    except UnidentifiedImageError as error:
        raise BadImageError("not a JPEG, PNG or WebP image") from error
    except (OSError, SyntaxError, ValueError, LookupError, OverflowError, EOFError) as error:
        raise BadImageError(f"the image's header is damaged: {error}") from error
    if kind is None:
        raise BadImageError("not a JPEG, PNG or WebP image")
    width, height = size_wh
    if width < 1 or height < 1:
        raise BadImageError(f"the image has no pixels: {width}x{height}")
    if width * height > max_pixels:
        raise TooLargeError(f"the image has {width}x{height} pixels; the limit is {max_pixels} (stream.image_pixels)")
    return ImageHeader(kind, size_wh)
