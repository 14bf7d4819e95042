"""FramesSource with real encoded frames: numbering, dropping, limits, damage."""

from __future__ import annotations

import io
import queue
import resource
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from stream.config import StreamConfig, StreamSettings
from stream.decoding.image_header import image_limit, read_header
from stream.errors import BadImageError, MailboxClosed, TooLargeError
from stream.sources.frames_source import FramesSource
from stream.sources.health import SourceState
from tests.peers.numbers import numbered_image, read_number
from tests.stream.consume import wait_for

WAIT_S = 20.0


def encoded(number: int, suffix: str = ".jpg", size_wh: tuple[int, int] = (320, 240)) -> bytes:
    """A frame with `number` drawn into it."""
    return cv2.imencode(suffix, numbered_image(number, size_wh))[1].tobytes()


@contextmanager
def source(**settings: object) -> Iterator[tuple[FramesSource, queue.Queue[int], queue.Queue[tuple[int, str]]]]:
    dropped: queue.Queue[int] = queue.Queue()
    failed: queue.Queue[tuple[int, str]] = queue.Queue()
    pushed = FramesSource(
        StreamConfig(id="cam"),
        StreamSettings.model_validate(settings),
        on_dropped=lambda ordinals: [dropped.put(ordinal) for ordinal in ordinals] and None,
        on_failed=lambda ordinal, reason: failed.put((ordinal, reason)),
    )
    pushed.start()
    try:
        yield pushed, dropped, failed
    finally:
        pushed.close()
        assert not pushed._thread.is_alive()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_each_frame_comes_back_under_its_own_ordinal(suffix: str) -> None:
    with source() as (pushed, dropped, _):
        last_pts_us = -1
        for ordinal in (0, 1, 5, 700):
            pushed.push(ordinal, encoded(ordinal + 40, suffix))
            frame = pushed.mailbox.get(WAIT_S)
            assert (frame.number, frame.ordinal, frame.session) == (ordinal, ordinal, pushed.session)
            assert read_number(frame.to_bgr()) == ordinal + 40
            assert frame.size_wh == (320, 240)
            assert frame.pts_us > last_pts_us
            last_pts_us = frame.pts_us
        assert dropped.empty()
        assert pushed.status().state is SourceState.LIVE
        assert pushed.status().frames == 4
    assert pushed.status().state is SourceState.ENDED


def test_every_push_is_either_a_frame_or_named_as_dropped() -> None:
    with source() as (pushed, dropped, failed):
        taken: list[int] = []
        for ordinal in range(200):
            pushed.push(ordinal, encoded(ordinal))
            if ordinal % 7 == 0 and (frame := pushed.mailbox.take()):
                assert read_number(frame.to_bgr()) == frame.number
                taken.append(frame.number)
        taken.append(pushed.mailbox.get(WAIT_S).number)
        while taken[-1] != 199:  # the newest is never lost
            taken.append(pushed.mailbox.get(WAIT_S).number)
        named = list(dropped.queue)
        assert sorted(taken + named) == list(range(200))
        assert taken == sorted(taken)
        assert failed.empty()


def test_closing_names_what_was_still_waiting() -> None:
    pushed_ordinals = list(range(30))
    with source() as (pushed, dropped, _):
        for ordinal in pushed_ordinals:
            pushed.push(ordinal, encoded(ordinal))
    left = pushed.mailbox.take()
    assert sorted([*dropped.queue, *([left.number] if left else [])]) == pushed_ordinals
    with pytest.raises(MailboxClosed):
        pushed.push(30, encoded(30))
    pushed.close()


def test_a_damaged_frame_fails_alone() -> None:
    whole = encoded(3, ".png")
    with source() as (pushed, _, failed):
        pushed.push(0, whole[: len(whole) // 3])
        ordinal, reason = failed.get(timeout=WAIT_S)
        assert ordinal == 0
        assert "png" in reason
        pushed.push(1, whole)
        assert pushed.mailbox.get(WAIT_S).number == 1
        assert pushed.status().last_error == reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"GIF89a" + bytes(40),
        encoded(1)[:12],
        b"RIFF\x00\x00\x00\x00WEBPVP8X",
        b"\x89PNG\r\n\x1a\n" + bytes(30),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut webp", "zeros png"],
)
def test_what_is_no_frame_is_refused_before_decoding(data: bytes) -> None:
    with source() as (pushed, _, failed):
        with pytest.raises(BadImageError) as caught:
            pushed.push(0, data)
        assert not isinstance(caught.value, TooLargeError)
        pushed.push(1, encoded(9))
        assert read_number(pushed.mailbox.get(WAIT_S).to_bgr()) == 9
        assert failed.empty()


def png_bomb(width: int, height: int) -> bytes:
    """A small PNG that would fill width x height x 3 bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width * 3)) for _ in range(64))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")


def webp_bomb(width: int, height: int) -> bytes:
    """An animated WebP with a canvas of width x height and one frame of one pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    pixel = cv2.imencode(".webp", np.zeros((1, 1, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()[12:]
    canvas = chunk(b"VP8X", b"\x02\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))
    body = b"WEBP" + canvas + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", bytes(12) + b"\x64\0\0\0" + pixel)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_bomb(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims width x height."""
    data = bytearray(encoded(1))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


BOMBS = {
    "png": png_bomb(9_000, 9_000),
    "huge png": png_bomb(30_000, 30_000),
    "webp": webp_bomb(9_000, 9_000),
    "huge webp": webp_bomb(16_000, 16_000),
    "jpeg": jpeg_bomb(9_000, 9_000),
    "huge jpeg": jpeg_bomb(60_000, 60_000),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_without_being_unpacked(bomb: bytes) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with source() as (pushed, _, _failed), pytest.raises(TooLargeError):
        pushed.push(0, bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 16 * 1024


def test_limits_in_bytes_and_pixels_are_the_settings() -> None:
    def png(pixels: np.ndarray) -> bytes:
        return cv2.imencode(".png", pixels)[1].tobytes()

    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    with source(image_bytes=2000, frame_pixels=320 * 240) as (pushed, _, _failed):
        with pytest.raises(TooLargeError, match="bytes"):
            pushed.push(0, png(noise))
        with pytest.raises(TooLargeError, match="pixels"):
            pushed.push(1, png(np.zeros((240, 336, 3), np.uint8)))
        pushed.push(2, png(np.zeros((240, 320, 3), np.uint8)))
        assert pushed.mailbox.get(WAIT_S).number == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_exif_turn_is_applied(kind: str) -> None:
    still = Image.new("RGB", (160, 80), "white")
    exif = still.getexif()
    exif[0x0112] = 6  # turn a quarter clockwise to look at it
    packed = io.BytesIO()
    still.save(packed, kind, exif=exif)
    with source() as (pushed, _, _failed):
        pushed.push(0, packed.getvalue())
        assert pushed.mailbox.get(WAIT_S).size_wh == (80, 160)


def test_grey_alpha_and_deep_frames_become_bgr() -> None:
    images = [
        np.full((32, 48), 200, np.uint8),
        np.full((32, 48, 4), 200, np.uint8),
        np.full((32, 48, 3), 200 * 257, np.uint16),
    ]
    with source() as (pushed, _, _failed):
        for ordinal, pixels in enumerate(images):
            pushed.push(ordinal, cv2.imencode(".png", pixels)[1].tobytes())
            frame = pushed.mailbox.get(WAIT_S)
            assert frame.image.format.name == "bgr24"
            assert (frame.to_bgr() == 200).all()


def test_jpegs_are_in_the_ring_untouched() -> None:
    with source() as (pushed, _, _failed):
        jpegs = [encoded(number) for number in range(3)]
        for ordinal, jpeg in enumerate(jpegs):
            pushed.push(ordinal, jpeg)
        packets = pushed.ring.cut(0, 2**62)
        assert [packet.data for packet in packets] == jpegs
        assert all(packet.is_key and packet.session == pushed.session for packet in packets)
        assert pushed.ring.codec is not None
        assert (pushed.ring.codec.name, pushed.ring.codec.size_wh) == ("mjpeg", (320, 240))
        pushed.push(3, encoded(3, ".png"))
        assert pushed.ring.codec.name == "png" and pushed.ring.from_key() == []
        pushed.push(4, encoded(4, size_wh=(640, 480)))
        assert (pushed.ring.codec.name, pushed.ring.codec.size_wh) == ("mjpeg", (640, 480))
        assert [packet.pts_us for packet in pushed.ring.from_key()] > [packets[-1].pts_us]


def test_no_thread_is_left_after_many_connections() -> None:
    before = threading.active_count()
    for _ in range(50):
        with source() as (pushed, _, _failed):
            pushed.push(0, encoded(1))
    assert threading.active_count() == before


def test_the_header_alone_tells_the_size() -> None:
    for suffix, kind in ((".jpg", "jpeg"), (".png", "png"), (".webp", "webp")):
        header = read_header(encoded(1, suffix), 2**20, image_limit(StreamSettings()))
        assert (header.kind, header.size_wh) == (kind, (320, 240))


def test_a_sender_that_pauses_is_stalled_but_up() -> None:
    """It sends when it likes: a pause is no lost camera."""

    def up() -> float | None:
        return REGISTRY.get_sample_value("livesight_stream_up", {"stream": "cam"})

    with source(stalled_after_s=0.1) as (pushed, _, _):
        pushed.push(0, encoded(0))
        pushed.mailbox.get(WAIT_S)
        wait_for(lambda: pushed.status().state is SourceState.STALLED)
        assert up() == 1
        pushed.push(1, encoded(1))
        pushed.mailbox.get(WAIT_S)
        assert up() == 1 and pushed.status().frames == 2
    assert up() == 0 and pushed.status().state is SourceState.ENDED
