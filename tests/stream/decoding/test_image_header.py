"""What images say of themselves, and that their cost is bounded before they are decoded."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from stream.config import StreamSettings
from stream.decoding.frame_guard import FrameGuard
from stream.decoding.image_header import ImageHeader, frame_limit, image_limit, read_header
from stream.decoding.stills import decode_bgr
from stream.errors import BadImageError, TooLargeError
from tests.peers.hostile_pictures import chunk, packed_texts, png, progressive_jpeg, sized_jpeg

LIMIT = image_limit(StreamSettings())
BYTES = 16 * 2**20


def header_of(data: bytes) -> ImageHeader:
    return read_header(data, BYTES, LIMIT)


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or Image.effect_noise((321, 123), 80).convert("RGB")).save(out, kind, **options)
    return out.getvalue()


def with_thumbnail() -> bytes:
    """A camera's JPEG: another whole JPEG in its EXIF."""
    exif = Image.Exif()
    exif[0x010E] = saved("JPEG", Image.new("RGB", (160, 120)), progressive=True).decode("latin1")
    return saved("JPEG", exif=exif)


@pytest.mark.parametrize(
    ("make", "kind", "passes"),
    [
        (lambda: saved("JPEG"), "jpeg", 1),
        (lambda: saved("JPEG", progressive=True), "jpeg", 10),
        (lambda: saved("JPEG", restart_marker_rows=1), "jpeg", 1),
        (lambda: saved("JPEG", Image.new("CMYK", (321, 123))), "jpeg", 1),
        (lambda: saved("JPEG", icc_profile=np.random.default_rng(1).bytes(300_000)), "jpeg", 1),
        (lambda: saved("MPO", save_all=True, append_images=[Image.new("RGB", (9000, 9000))]), "jpeg", 1),
        (lambda: saved("JPEG") + b"\xff\xda\0\0" * 500, "jpeg", 1),  # what follows the end: a phone's film
        (with_thumbnail, "jpeg", 1),
        (lambda: saved("PNG"), "png", 1),
        (lambda: saved("PNG", Image.new("RGBA", (321, 123))), "png", 2),
        (lambda: saved("WEBP"), "webp", 1),
        (lambda: saved("WEBP", lossless=True), "webp", 1),
        (lambda: saved("WEBP", exif=Image.Exif().tobytes()), "webp", 1),
        (lambda: saved("WEBP", save_all=True, append_images=[Image.new("RGB", (321, 123))]), "webp", 1),
    ],
)
def test_size_and_passes(make: Callable[[], bytes], kind: str, passes: int) -> None:
    data = make()
    assert header_of(data) == ImageHeader(kind, (321, 123), passes)  # type: ignore[arg-type]
    assert decode_bgr(data, header_of(data)).shape == (123, 321, 3)


def test_a_phones_progressive_photo_is_taken() -> None:
    assert header_of(progressive_jpeg((4032, 3024), 12)).passes == 12


@pytest.mark.parametrize("scans", [50, 3000])
def test_a_jpeg_of_many_scans_is_refused_at_once(scans: int) -> None:
    data = progressive_jpeg((4000, 3000), scans)
    begun_s = time.thread_time()
    with pytest.raises(TooLargeError, match=r"4000x3000 pixels in at least 17 scans.*stream.image_pixels"):
        header_of(data)
    assert time.thread_time() - begun_s < 0.5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (sized_jpeg((4097, 3072)), "4097x3072 pixels; the limit is 12582912 .stream.image_pixels."),
        (sized_jpeg((0, 100)), "no pixels"),
        (sized_jpeg((100, 0)), "no pixels"),  # its height would follow in a DNL segment
        (
            saved("JPEG")[:-2].replace(b"\xff\xda", b"\xff\xc0\0\x0b\x08\xff\xff\xff\xff\1\1\x11\0\xff\xda"),
            "more than one",
        ),
        (saved("JPEG").replace(b"\xff\xc0", b"\xff\xc9"), "SOF9.*not supported"),
        (saved("JPEG")[:300], "damaged"),
        (b"\xff\xd8\xff\xd9", "damaged"),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * 5000, "more than 4096 segments"),
        (b"\xff\xd8" + b"\xff\xd8" * 5000, "more than 4096 segments"),
        (saved("PNG").replace(b"IHDR", b"IDHR"), "damaged"),
        (saved("WEBP")[:24], "damaged"),
        (b"RIFF\xff\xff\xff\xffWEBPABCD" + bytes(40), "damaged"),
    ],
)
def test_lies_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadImageError, match=message):
        header_of(data)


def test_headers_of_garbage_take_no_time() -> None:
    """Sixteen megabytes of what makes a reader of markers work most."""
    for unit in (b"\xff", b"\xff\0", b"\xff\xd8", b"\xff\xd0", b"\xff\xfe\0\2", b"\xff\xda\0\2", b"\xff\xc0\0\2"):
        data = b"\xff\xd8\xff" + unit * (BYTES // len(unit) - 4)
        begun_s = time.thread_time()
        with pytest.raises(BadImageError):
            header_of(data)
        assert time.thread_time() - begun_s < 1.0, unit


def rgb(width: int = 40, height: int = 30) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("before", [packed_texts(100), chunk(b"iCCP", b"p\0\0" + packed_texts(1)), b""])
def test_what_a_png_has_beside_its_pixels_is_not_unpacked(before: bytes) -> None:
    data = png(rgb(), before)
    begun_s = time.thread_time()
    assert (decode_bgr(data, header_of(data))[..., ::-1] == rgb()).all()
    assert time.thread_time() - begun_s < 0.3


def test_a_png_with_more_data_than_pixels_is_refused() -> None:
    data = png(rgb(), more_bytes=500 * 2**20)
    begun_s = time.thread_time()
    with pytest.raises(BadImageError, match="more data than pixels"):
        decode_bgr(data, header_of(data))
    assert time.thread_time() - begun_s < 0.3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pngs_of_all_kinds_are_decoded(mode: str) -> None:
    image = Image.new(mode, (37, 23), 1) if mode == "I;16" else Image.effect_noise((37, 23), 80).convert(mode)
    data = saved("PNG", image)
    assert decode_bgr(data, header_of(data)).shape == (23, 37, 3)


def test_an_interlaced_png_is_decoded() -> None:
    """Adam7 of one grey: every pass has the same rows."""
    rows = b"".join(
        (b"\0" + b"\x64" * n) * m for n, m in ((5, 3), (5, 3), (10, 3), (9, 6), (19, 6), (18, 12), (37, 11))
    )
    head = struct.pack(">IIBBBBB", 37, 23, 8, 0, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert header_of(data).passes == 2
    assert (decode_bgr(data, header_of(data)) == 0x64).all()


def test_a_frame_of_mjpeg_may_not_hide_scans() -> None:
    """FFmpeg looks for them in segments that it does not know, and behind the end."""
    guard = FrameGuard("mjpeg", frame_limit(StreamSettings()))
    plain = saved("JPEG")
    guard.check(plain, True)
    guard.check(plain + plain, True)  # two fields
    guard.check(progressive_jpeg((1920, 1080), 12), True)
    assert guard.costly
    for bomb in (
        progressive_jpeg((4000, 3000), 50),
        plain + progressive_jpeg((4000, 3000), 50),
        plain[:2] + b"\xff\xf0\x80\0" + b"\xff\xda\0\2" * 0x2000 + plain[2:],
        sized_jpeg((16_000, 16_000)),
        plain + sized_jpeg((16_000, 16_000)),
    ):
        with pytest.raises(TooLargeError):
            guard.check(bomb, True)
    with pytest.raises(BadImageError):
        guard.check(b"no JPEG", True)


def test_the_limit_holds_for_what_opencv_decodes() -> None:
    """What the header allows at the most takes a bounded time: libjpeg needs some nanoseconds a pixel and scan."""
    data = progressive_jpeg((2000, 1000), 16)
    header = header_of(data)
    begun_s = time.thread_time()
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
    assert time.thread_time() - begun_s < 50e-9 * 2000 * 1000 * header.passes
