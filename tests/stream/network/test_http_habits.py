"""HTTP cameras are read as leniently as FFmpeg and browsers read them: odd heads, odd parts, redirects, signing in."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from itertools import islice

import pytest
from PIL import Image
from structlog.testing import capture_logs

from stream.config import StreamConfig, StreamSettings
from stream.errors import SourceError
from stream.network.http_heads import take_head
from stream.sources.connect import connect
from stream.sources.source_urls import network_target
from tests.peers.broken_servers import SilentServer
from tests.peers.habit_cameras import HEADS, STREAMS, HabitCamera
from tests.stream.consume import opened, wait_for

SETTINGS = StreamSettings(connect_timeout_s=10)


@pytest.fixture(scope="module")
def camera() -> Iterator[HabitCamera]:
    images = []
    for shade in (40, 120, 200):
        out = io.BytesIO()
        Image.new("RGB", (64, 48), (shade, shade, shade)).save(out, "JPEG")
        images.append(out.getvalue())
    with HabitCamera(images) as running:
        assert isinstance(running, HabitCamera)
        yield running


def sizes(camera: HabitCamera, path: str, settings: StreamSettings = SETTINGS) -> list[tuple[int, int]]:
    """The sizes of four frames, decoded."""
    url = f"http://admin:secret@127.0.0.1:{camera.port}/{path}"
    connection = connect(network_target(StreamConfig(id="cam", url=url)), settings, live=True)
    try:
        decoded = connection.container.decode(connection.video)
        return [(frame.width, frame.height) for frame in islice(decoded, 4)]
    finally:
        connection.close()


@pytest.mark.parametrize("habit", [*HEADS, *STREAMS])
def test_a_stream_plays_whatever_habits_the_camera_has(camera: HabitCamera, habit: str) -> None:
    assert sizes(camera, habit) == [(64, 48)] * 4


@pytest.mark.parametrize("path", ["moved/plain", "moved/lf", "basic/plain", "basic/lf", "digest/plain"])
def test_redirects_and_signing_in_with_odd_heads(camera: HabitCamera, path: str) -> None:
    assert sizes(camera, path) == [(64, 48)] * 4


def test_a_challenge_that_nobody_knows_is_a_refusal(camera: HabitCamera) -> None:
    with pytest.raises(SourceError, match="401 Unauthorized"):
        sizes(camera, "odd-digest/plain")


def test_silence_is_told_in_words() -> None:
    class SilentBody(SilentServer):
        scheme = "http"

        def answer(self, connection: object) -> None:
            connection.sendall(HEADS["http-1.0"])  # type: ignore[attr-defined]
            self._closed.wait()

    with SilentBody() as camera, pytest.raises(SourceError, match=r"no video within 0\.5 s of connecting"):
        target = network_target(StreamConfig(id="cam", url=camera.url))
        connect(target, StreamSettings(connect_timeout_s=0.5), live=True)


class FreezingBody(SilentServer):
    """Sends a few parts, then nothing, or a part a byte at a time: `drips`."""

    scheme = "http"

    def __init__(self, frame: bytes, drips: bool) -> None:
        super().__init__()
        self._part, self._drips = STREAMS["plain"].part(frame), drips

    def answer(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(HEADS["http-1.0"] + self._part * 3)
        for sign in self._part * 100:
            if self._closed.wait(0.1 if self._drips else None):
                return
            connection.sendall(bytes([sign]))


@pytest.mark.parametrize("drips", [False, True])
def test_a_camera_that_freezes_is_left_as_others_are(drips: bool) -> None:
    out = io.BytesIO()
    Image.effect_noise((320, 240), 90).save(out, "JPEG")
    settings = StreamSettings(connect_timeout_s=5, stall_timeout_s=1, backoff_min_s=0.1, backoff_max_s=0.1)
    with FreezingBody(out.getvalue(), drips) as camera, capture_logs() as logs:
        source = opened(camera.url, live=True, settings=settings)
        wait_for(lambda: source.status().reconnects >= 1, 30)
        error = source.status().last_error
        source.close()
    assert error is not None and "timed out, no data arrived" in error
    assert "source_failed" not in [entry["event"] for entry in logs]


def test_a_length_is_kept_where_there_is_one_body() -> None:
    data = bytearray(b"HTTP/1.1 200 OK\nContent-Type: image/jpeg\nContent-Length: 3\nContent-Length: 9\n\nabc")
    assert take_head(data) == b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\ncontent-length: 3\r\n\r\n"
    assert data == b"abc"


@pytest.mark.parametrize("text", [b"\xff\xd8\xff\xe0" + bytes(40), b"SSH-2.0-x\r\n\r\n", b"A 20 x\r\n\r\n"])
def test_what_is_no_head_is_left_to_the_parser(text: bytes) -> None:
    assert take_head(bytearray(text)) == text


@pytest.mark.parametrize("whole", [b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_is_waited_for(whole: bytes) -> None:
    assert all(take_head(bytearray(whole[:size])) is None for size in range(len(whole)))
