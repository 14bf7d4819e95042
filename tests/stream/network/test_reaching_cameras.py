"""FFmpeg connects to nothing that was not checked: not by redirects, playlists or keys, over RTSP or HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import av
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from stream.config import StreamConfig, StreamSettings
from stream.errors import AddressRefused, SourceError
from stream.network.networks import NetworkSettings
from stream.sources.connect import Connection, connect
from stream.sources.source_urls import network_target
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.redirecting import HttpPages, Recorder, RtspRedirect

KEY, IV = bytes(range(16)), bytes(16)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder: Path = tmp_path_factory.mktemp("segments")
    return make_numbered(folder / "clip.ts", ClipSpec(frames=30, gop=10)).read_bytes()


PATIENT = StreamSettings(connect_timeout_s=20)
HASTY = StreamSettings(connect_timeout_s=2, stall_timeout_s=1)


def reach(url: str, *, closed: int | None = None, settings: StreamSettings = PATIENT, **fields: str) -> Connection:
    """Connect, while a port of this machine is reserved for something else."""
    networks = NetworkSettings(reserved=() if closed is None else (f"localhost:{closed}", f"127.0.0.1:{closed}"))
    settings = settings.model_copy(update={"networks": networks})
    return connect(network_target(StreamConfig(id="cam", url=url, **fields)), settings, live=True)


def frames(connection: Connection) -> int:
    try:
        return sum(1 for packet in connection.packets() if packet.size)
    finally:
        connection.close()


def test_one_request_arrives_and_nothing_else(recorder: Recorder) -> None:
    with pytest.raises(SourceError):
        reach(f"rtsp://user:p%40ss@127.0.0.1:{recorder.port}/asked-once", settings=HASTY)
    # By its path: what another process's test still asks for at a port that was its own a moment ago comes here, too.
    lines = [line for line in recorder.received.decode().split("\r\n") if "/asked-once" in line]
    assert len(lines) == 1 and re.fullmatch(r"OPTIONS rtsp://127\.0\.0\.1:\d+/asked-once RTSP/1\.0", lines[0])
    assert b"p@ss" not in recorder.received


@pytest.mark.parametrize(
    "location", ["rtsp://127.0.0.1:{port}/x", "rtsp://localhost:{port}/", "rtsps://127.0.0.1:{port}/"]
)
def test_an_rtsp_redirect_to_what_is_denied_is_not_followed(recorder: Recorder, location: str) -> None:
    with RtspRedirect() as camera:
        camera.location = location.format(port=recorder.port)
        with pytest.raises(AddressRefused, match="refused by policy"):
            reach(camera.url, closed=recorder.port)
    assert recorder.connections == 0


def test_an_rtsp_redirect_is_followed_without_the_password(recorder: Recorder) -> None:
    with RtspRedirect() as camera:
        camera.location = f"rtsp://127.0.0.1:{recorder.port}/other"
        with pytest.raises(SourceError):
            reach(camera.url, settings=HASTY, user="admin", password="hunter2")
    assert recorder.received.count(b"/other RTSP/1.0") == 1


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:{port}/", "file:/etc/passwd", "", "rtsp://127.0.0.1:{port}/%0d%0aX"]
)
def test_other_redirects_are_refused(recorder: Recorder, location: str) -> None:
    with RtspRedirect() as camera:
        camera.location = location.format(port=recorder.port)
        with pytest.raises(SourceError):
            reach(camera.url)
    assert recorder.connections == 0


def test_an_http_redirect_is_followed_where_it_may(recorder: Recorder, segment: bytes) -> None:
    with HttpPages() as camera:
        camera.pages = {"/cam": "/clip.ts", "/clip.ts": ("video/mp2t", segment)}
        assert frames(reach(f"{camera.url}/cam")) == 30
        camera.pages["/cam"] = f"http://127.0.0.1:{recorder.port}/x"
        with pytest.raises(AddressRefused, match="refused by policy"):
            reach(f"{camera.url}/cam", closed=recorder.port)
    assert recorder.connections == 0


def playlist(*lines: str) -> tuple[str, bytes]:
    head = ("#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0")
    return "application/vnd.apple.mpegurl", "\n".join((*head, *lines, "#EXT-X-ENDLIST", "")).encode()


def test_a_playlist_plays_also_behind_a_redirect(segment: bytes) -> None:
    with HttpPages() as camera:
        camera.pages = {
            "/cam": "/live/index.m3u8",
            "/live/index.m3u8": playlist("#EXTINF:1.2,", "a.ts"),
            "/live/a.ts": ("video/mp2t", segment),
        }
        assert frames(reach(f"{camera.url}/cam")) == 30


def test_an_encrypted_playlist_plays(segment: bytes) -> None:
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(KEY), modes.CBC(IV)).encryptor()
    secret = encryptor.update(padder.update(segment) + padder.finalize()) + encryptor.finalize()
    with HttpPages() as camera:
        keyed = f'#EXT-X-KEY:METHOD=AES-128,URI="{camera.url}/key",IV=0x{IV.hex()}'
        camera.pages = {
            "/a.m3u8": playlist(keyed, "#EXTINF:1.2,", "a.ts"),
            "/key": ("application/octet-stream", KEY),
            "/a.ts": ("video/mp2t", secret),
        }
        assert frames(reach(f"{camera.url}/a.m3u8")) == 30


def test_segments_may_be_parts_of_a_file(segment: bytes) -> None:
    half = len(segment) // 188 // 2 * 188
    with HttpPages() as camera:
        ranges = f"#EXT-X-BYTERANGE:{half}@100", f"#EXT-X-BYTERANGE:{len(segment) - half}"
        lines = [line for one in ranges for line in (one, "#EXTINF:0.6,", "all.bin.ts")]
        camera.pages = {
            "/a.m3u8": playlist(*lines),
            "/all.bin.ts": ("video/mp2t", bytes(100) + segment + bytes(5000)),
        }
        assert frames(reach(f"{camera.url}/a.m3u8")) == 30
        assert camera.parts == [f"bytes=100-{99 + half}", f"bytes={100 + half}-{99 + len(segment)}"]


def test_a_playlist_plays_on_without_what_is_missing(segment: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with HttpPages() as camera:
        names = ["a.ts", "gone.ts", "gone-too.ts", "a.ts"]
        camera.pages = {
            "/a.m3u8": playlist("\n#EXT-X-DISCONTINUITY\n".join(f"#EXTINF:1.2,\n{name}" for name in names)),
            "/a.ts": ("video/mp2t", segment),
        }
        assert frames(reach(f"{camera.url}/a.m3u8")) == 60
    assert "Traceback" not in capfd.readouterr().err


def test_what_failed_is_told() -> None:
    with HttpPages() as camera:
        camera.pages = {"/a.m3u8": playlist("#EXTINF:1.2,", "gone.ts")}
        with pytest.raises(SourceError, match="404 Not Found"):
            reach(f"{camera.url}/a.m3u8")


def test_a_playlist_of_many_variants_plays(segment: bytes) -> None:
    """FFmpeg opens the first segment of each before it leaves any out."""
    with HttpPages() as camera:
        names = [f"v{index}" for index in range(12)]
        variants = [f"#EXT-X-STREAM-INF:BANDWIDTH={index + 1}00000\n{name}.m3u8" for index, name in enumerate(names)]
        camera.pages = {"/a.m3u8": ("application/x-mpegurl", "\n".join(("#EXTM3U", *variants, "")).encode())}
        # larger than what FFmpeg reads of each to see what it is: the connections stay open
        large = segment + (b"\x47\x1f\xff\x10" + bytes(184)) * 40_000
        for name in names:
            camera.pages[f"/{name}.m3u8"] = playlist("#EXTINF:1.2,", f"{name}.ts")
            camera.pages[f"/{name}.ts"] = ("video/mp2t", large)
        connection = reach(f"{camera.url}/a.m3u8")
        try:
            assert next(connection.packets()).size
        finally:
            connection.close()


def test_a_playlist_without_anything_new_is_given_up(segment: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server answers at once each time: nothing is silent."""
    monkeypatch.setattr("stream.sources.ffmpeg_options._BETWEEN_SEGMENTS_S", 1.0)
    with HttpPages() as camera:
        kind, text = playlist(*["#EXTINF:1.2,", "a.ts", "#EXT-X-DISCONTINUITY"] * 3)
        live = text.replace(b"#EXT-X-ENDLIST\n", b"")
        camera.pages = {"/a.m3u8": (kind, live), "/a.ts": ("video/mp2t", segment)}
        assert frames(reach(f"{camera.url}/a.m3u8", settings=HASTY)) > 0  # and then it ends


@pytest.mark.parametrize(
    "lines",
    [
        ("#EXTINF:1.2,", "http://127.0.0.1:{port}/a.ts"),
        ('#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{port}/key"', "#EXTINF:1.2,", "a.ts"),
        ('#EXT-X-MAP:URI="http://127.0.0.1:{port}/init.mp4"', "#EXTINF:1.2,", "a.ts"),
        ("#EXTINF:1.2,", "/elsewhere.ts"),
        ("#EXTINF:1.2,", "file:///etc/passwd"),
        ("#EXTINF:1.2,", "rtsp://127.0.0.1:{port}/a"),
    ],
)
def test_what_a_playlist_names_is_checked(recorder: Recorder, segment: bytes, lines: tuple[str, ...]) -> None:
    with HttpPages() as camera, ExitStack() as stack:
        camera.pages = {
            "/a.m3u8": playlist(*(line.format(port=recorder.port) for line in lines)),
            "/elsewhere.ts": f"http://127.0.0.1:{recorder.port}/a.ts",
            "/a.ts": ("video/mp2t", segment),
        }
        stack.enter_context(pytest.raises((SourceError, av.FFmpegError, OSError)))
        assert frames(reach(f"{camera.url}/a.m3u8", closed=recorder.port)) == 30
        pytest.fail("it played")
    assert recorder.connections == 0


def test_a_password_goes_to_its_own_server_only(segment: bytes) -> None:
    with HttpPages() as camera, HttpPages() as other:
        other.pages = {"/clip.ts": ("video/mp2t", segment)}
        camera.pages = {"/cam": f"{other.url}/clip.ts"}
        assert frames(reach(f"{camera.url}/cam", user="admin", password="hunter2")) == 30
        assert [secret for _, secret in other.asked] == [None]


def test_signing_in_goes_on_after_a_redirect(segment: bytes) -> None:
    """Digest is for one path: the page that redirects wants it, and the one that it redirects to."""
    with HttpPages() as camera, HttpPages() as other:
        camera.digest = frozenset({"/cam", "/live/clip.ts"})
        camera.pages = {"/cam": "/live/clip.ts", "/live/clip.ts": ("video/mp2t", segment)}
        assert frames(reach(f"{camera.url}/cam", user="admin", password="secret")) == 30
        other.digest = frozenset({"/clip.ts"})
        other.pages = {"/clip.ts": ("video/mp2t", segment)}
        camera.pages["/cam"] = f"{other.url}/clip.ts"
        with pytest.raises(SourceError, match="401 Unauthorized"):
            reach(f"{camera.url}/cam", user="admin", password="secret")
        assert [secret for _, secret in other.asked] == [None]
