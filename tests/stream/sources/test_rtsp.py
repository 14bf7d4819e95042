"""Cameras over RTSP and HTTP that die, freeze, answer nonsense and return."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from stream.config import StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.errors import MailboxClosed, SourceError
from stream.sources.health import SourceState
from stream.sources.source import Source
from tests.peers.broken_servers import BrokenServer, FreezingServer, GarbageServer, HttpGarbageServer, SilentServer
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.descriptors import none_left
from tests.peers.rtsp import Mount, RtspServer
from tests.stream.consume import Seen, opened, wait_for, watch

pytestmark = pytest.mark.usefixtures("no_thread_left")


def reconnects(stream_id: str) -> float:
    """The reconnect counter of a stream."""
    return REGISTRY.get_sample_value("livesight_stream_reconnects_total", {"stream": stream_id}) or 0.0


def is_up(stream_id: str) -> float | None:
    """The gauge."""
    return REGISTRY.get_sample_value("livesight_stream_up", {"stream": stream_id})


def counts_on(seen: Seen, clip_frames: int = 500) -> bool:
    """Whether the numbers in the frames go on as ordinals and times do, in one session."""
    first = seen.frames[0]
    return len({frame.session for frame in seen.frames}) == 1 and all(
        (frame.ordinal - first.ordinal) % clip_frames
        == (number - seen.numbers[0]) % clip_frames
        == round((frame.pts_us - first.pts_us) / 40_000) % clip_frames
        for frame, number in zip(seen.frames, seen.numbers, strict=True)
    )


class Watcher:
    """Takes all frames of a source in a thread of its own and remembers when they came."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.at_s: list[float] = []
        self._thread = threading.Thread(target=self._run, name="watcher")
        self._thread.start()

    def _run(self) -> None:
        while not self.source.mailbox.closed:
            try:
                self.source.mailbox.get(0.2)
            except TimeoutError:
                continue
            except MailboxClosed:
                return
            self.at_s.append(time.monotonic())

    def rate(self, since_s: float) -> float:
        """Frames a second from then until now."""
        now_s = time.monotonic()
        return sum(at_s >= since_s for at_s in self.at_s) / (now_s - since_s)

    def close(self) -> None:
        """Close the source and wait for the thread."""
        self.source.close()
        self._thread.join(5)


@pytest.fixture(scope="module")
def b_frames_h264(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 numbered frames with B-frames."""
    return make_numbered(tmp_path_factory.mktemp("b") / "b.h264", ClipSpec(frames=500, gop=24, b_frames=2))


@pytest.mark.parametrize("with_b_frames", [False, True])
def test_frames_come_in_order_with_their_own_numbers(
    numbered_h264: Path, b_frames_h264: Path, with_b_frames: bool
) -> None:
    clip = b_frames_h264 if with_b_frames else numbered_h264
    with RtspServer({"cam": Mount(clip)}) as server:
        source = opened(server.url("cam"), live=True)
        begun_s = time.monotonic()
        seen = watch(source, lambda seen: len(seen.frames) >= 50)
        assert seen.frames[0].arrived_s - begun_s < 2
        status = source.status()
        source.close()
    assert counts_on(seen)
    assert all(before.captured_at_ns < after.captured_at_ns + 10**9 for before, after in pairwise(seen.frames))
    assert status.codec == "h264" and status.size_wh == (320, 180) and status.last_error is None


def test_a_killed_camera_returns_and_the_other_does_not_notice(numbered_h264: Path) -> None:
    with RtspServer({"dies": Mount(numbered_h264)}) as mortal, RtspServer({"lives": Mount(numbered_h264)}) as steady:
        dies = opened(mortal.url("dies"), live=True, stream_id="dies")
        lives = Watcher(opened(steady.url("lives"), live=True, stream_id="lives"))
        before = watch(dies, lambda seen: len(seen.frames) >= 25)
        lost_before = reconnects("dies")
        wait_for(lambda: lives.at_s != [])
        killed_s = time.monotonic()
        mortal.kill()
        wait_for(lambda: dies.status().state is SourceState.RECONNECTING)
        assert is_up("dies") == 0
        wait_for(lambda: "refused" in (dies.status().last_error or ""))
        mortal.start()
        back_s = time.monotonic()
        while dies.mailbox.take() is not None:
            pass
        after = watch(dies, lambda seen: len(seen.frames) >= 25)
        assert after.frames[0].arrived_s - back_s < 5
        assert lives.rate(killed_s) > 23
        assert counts_on(before) and counts_on(after)
        assert after.frames[0].session > before.frames[0].session
        assert after.frames[0].number < 20
        assert reconnects("dies") - lost_before == 1 == dies.status().reconnects
        assert is_up("dies") == 1 and dies.status().state is SourceState.LIVE
        lives.close()
        dies.close()


def test_without_descriptors_a_camera_waits_and_returns(numbered_h264: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It tries again at the pace of any camera that is away, and writes one line, not one for each try."""
    with RtspServer({"cam": Mount(numbered_h264)}) as server:
        gate = CpuGate()
        with none_left():
            source = opened(server.url("cam"), live=True, cpu_gate=gate)
            wait_for(lambda: source.status().state is SourceState.RECONNECTING)
            wait_for(lambda: source.status().last_error is not None)
            assert "open files" in (source.status().last_error or ""), source.status()
        watch(source, lambda seen: len(seen.frames) >= 5)
        assert source.status().state is SourceState.LIVE
        source.close()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_frozen_camera_stalls_reconnects_and_returns(numbered_h264: Path) -> None:
    with RtspServer({"cam": Mount(numbered_h264)}) as server:
        source = Watcher(opened(server.url("cam"), live=True, stream_id="frozen"))
        wait_for(lambda: len(source.at_s) > 25)
        server.freeze()
        frozen_s = time.monotonic()
        wait_for(lambda: source.source.status().state is SourceState.STALLED, 3)
        assert is_up("frozen") == 0
        wait_for(lambda: source.source.status().state is SourceState.RECONNECTING)
        assert 2.5 < time.monotonic() - frozen_s < 5
        assert "no data for 3 s" in (source.source.status().last_error or "")
        server.thaw()
        thawed_s = time.monotonic()
        wait_for(lambda: source.source.status().state is SourceState.LIVE)
        assert time.monotonic() - thawed_s < 5
        source.close()


@pytest.mark.parametrize(
    "server",
    [
        SilentServer(),
        GarbageServer(),
        HttpGarbageServer(),
        FreezingServer(),
        FreezingServer(answers=("OPTIONS", "DESCRIBE", "SETUP", "PLAY")),
    ],
    ids=lambda server: type(server).__name__,
)
def test_a_camera_that_never_was_one_is_tried_again(server: BrokenServer) -> None:
    settings = StreamSettings(connect_timeout_s=0.5, stall_timeout_s=0.5, backoff_min_s=0.1, backoff_max_s=0.1)
    with server:
        source = opened(server.url, live=True, settings=settings, stream_id="never")
        wait_for(lambda: server.connections >= 3)
        status = source.status()
        begun_s = time.monotonic()
        source.close()
        assert time.monotonic() - begun_s < 2
    assert status.state in (SourceState.RECONNECTING, SourceState.CONNECTING)
    assert "127.0.0.1" in (status.last_error or "") and status.frames == 0


def test_close_does_not_wait_beyond_its_timeout() -> None:
    settings = StreamSettings(connect_timeout_s=2.0)
    with SilentServer() as server:
        source = opened(server.url, live=True, settings=settings)
        wait_for(lambda: server.connections == 1)
        begun_s = time.monotonic()
        source.close(timeout_s=0.2)
        assert time.monotonic() - begun_s < 0.6
        assert source.status().state is SourceState.ENDED
        wait_for(lambda: not any(thread.name == "pull-cam" for thread in threading.enumerate()), 4)


@pytest.mark.parametrize("live", [True, False])
def test_errors_name_what_is_wrong_without_the_password(numbered_h264: Path, live: bool) -> None:
    with RtspServer({"cam": Mount(numbered_h264, user="eve", password="s3cret")}) as server:
        url = server.url("cam")
        for wrong, expected in ((url.replace("s3cret", "gu3ss"), "401"), (url.replace("/cam", "/nix"), "404")):
            source = opened(wrong, live=live)
            if live:
                wait_for(lambda source=source: source.status().last_error is not None)  # type: ignore[misc]
            else:
                with pytest.raises(SourceError, match=expected):
                    source.mailbox.get(5)
            error = source.status().last_error or ""
            source.close()
            assert expected in error and "127.0.0.1" in error
            assert "s3cret" not in error and "gu3ss" not in error and "eve" not in error
        source = opened(url, live=True)
        assert watch(source, lambda seen: len(seen.frames) >= 3).frames
        source.close()


class _Folder(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def web_folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Folder, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_video_over_http_is_read_whole_or_played_at_its_rate(web_folder: tuple[Path, str]) -> None:
    folder, url = web_folder
    make_numbered(folder / "clip.mp4", ClipSpec(frames=50, b_frames=2))
    source = opened(f"{url}/clip.mp4", live=False)
    seen = watch(source, lambda _: False)
    source.close()
    assert seen.numbers == list(range(50))
    source = opened(f"{url}/clip.mp4", live=True)
    begun_s = time.monotonic()
    seen = watch(source, lambda seen: len(seen.frames) >= 70)  # its end counts as a loss: a new session
    assert 2 < time.monotonic() - begun_s < 6
    source.close()
    assert len({frame.session for frame in seen.frames}) == 2


def test_a_playlist_does_not_reach_local_files(
    web_folder: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, url = web_folder
    secret = make_numbered(tmp_path_factory.mktemp("secret") / "secret.ts", ClipSpec(frames=30))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    (folder / "list.m3u8").write_text(playlist)
    source = opened(f"{url}/list.m3u8", live=False)
    with pytest.raises(SourceError):
        source.mailbox.get(5)
    source.close()
