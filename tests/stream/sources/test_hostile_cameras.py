"""Cameras whose frames are huge, or cost far more to decode than to send; memory is that of a process of their own."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from stream.config import StreamSettings
from stream.decoding.costly_lane import COSTLY_LANE, CostlyLane
from stream.sources.health import SourceState
from stream.sources.pull_source import PullSource
from tests.peers.hostile_pictures import progressive_jpeg, sized_jpeg
from tests.peers.mjpeg_camera import MjpegCamera, SnapshotCamera
from tests.stream.consume import QUICK, opened, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_left")

WATCH = """
import resource, sys, time
from stream.config import StreamConfig, StreamSettings
from stream.sources.source_urls import open_source
settings = StreamSettings(backoff_min_s=0.1, backoff_max_s=0.2)
source = open_source(StreamConfig(id="cam", url=sys.argv[1]), settings, live=True, allow_local=True)
before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source.start()
deadline_s = time.monotonic() + 30
while source.status().last_error is None and time.monotonic() < deadline_s:
    time.sleep(0.05)
print("SEEN", source.status().last_error)
print("SEEN", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib)
source.close()
"""


def grown(url: str) -> tuple[str, float]:
    """The last error of a process that tries a camera, and by how many MB its memory grew."""
    done = subprocess.run([sys.executable, "-c", WATCH, url], capture_output=True, text=True, timeout=60, check=True)
    error, kib = (line.removeprefix("SEEN ") for line in done.stdout.splitlines() if line.startswith("SEEN "))
    return error, int(kib) / 1024


def grey_jpeg(size_wh: tuple[int, int]) -> bytes:
    """A JPEG, all grey."""
    out = io.BytesIO()
    Image.new("L", size_wh, 90).save(out, "JPEG", quality=20)
    return out.getvalue()


def test_an_mjpeg_camera_of_256_megapixels_costs_no_memory() -> None:
    with MjpegCamera([sized_jpeg((16_000, 16_000))]) as camera:
        error, megabytes = grown(camera.url)
    assert "16000x16000 pixels; the limit is 36000000 (stream.frame_pixels)" in error
    assert megabytes < 150


@pytest.mark.parametrize("scans", [50, 3000])
def test_a_camera_that_sends_many_scans_is_left(scans: int) -> None:
    with MjpegCamera([progressive_jpeg((4000, 3000), scans)]) as camera:
        source = opened(camera.url, live=True, settings=QUICK)
        wait_for(lambda: source.status().reconnects >= 2)
        status = source.status()
        begun_s = time.monotonic()
        source.close()
        assert time.monotonic() - begun_s < 3
    assert status.frames == 0 and f"{scans} scans" in (status.last_error or "")


@pytest.mark.parametrize("image", [False, True])
def test_a_closed_source_gives_up_its_costly_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: bool
) -> None:
    """It waits for its turn, which does not come: a camera's, and a file's."""
    lane, asked, go_on = CostlyLane(1), threading.Event(), threading.Event()
    whole = COSTLY_LANE.place

    def place(given_up: Callable[[], bool] = lambda: False) -> AbstractContextManager[None]:
        asked.set()
        return whole(given_up)

    for name, value in vars(lane).items():
        monkeypatch.setattr(COSTLY_LANE, name, value)
    holder = threading.Thread(target=lane.run, args=(lambda: go_on.wait(60),))
    holder.start()
    monkeypatch.setattr(COSTLY_LANE, "place", place)
    picture = progressive_jpeg((1600, 1200), 12)
    path = tmp_path / "costly.jpg"
    path.write_bytes(picture)
    try:
        with MjpegCamera([picture]) as camera:
            source = opened(path if image else camera.url, live=True, settings=QUICK)
            assert asked.wait(30)
            begun_s = time.monotonic()
            source.close(30)
            assert time.monotonic() - begun_s < 20
    finally:
        go_on.set()
        holder.join(20)


def test_a_snapshot_of_many_scans_is_not_decoded() -> None:
    with SnapshotCamera(progressive_jpeg((4000, 3000), 50)) as camera:
        source = opened(camera.url, live=True, settings=QUICK)
        wait_for(lambda: "scans" in (source.status().last_error or ""))
        source.close()
    assert source.status().frames == 0


def test_the_size_is_looked_at_in_each_frame() -> None:
    """Small at first, then large: the camera is left and tried again, and the small frames are shown."""
    small = [grey_jpeg((640, 360))] * 3
    settings = QUICK.model_copy(update={"frame_pixels": 640 * 480})
    with MjpegCamera([*small, grey_jpeg((1280, 720))]) as camera:
        source = opened(camera.url, live=True, settings=settings)
        wait_for(lambda: source.status().reconnects >= 2 and source.status().frames >= 6)
        status = source.status()
        source.close()
    assert "1280x720 pixels; the limit is 307200 (stream.frame_pixels)" in (status.last_error or "")
    assert status.size_wh == (640, 360)


def film(path: Path, codec: str, sizes_wh: list[tuple[int, int]], suffix: str) -> Path:
    """A raw stream whose size changes, with its parameter sets in each part."""
    data = b""
    for size_wh in sizes_wh:
        part = path / f"part.{suffix}"
        with av.open(str(part), "w", format=suffix) as out:
            video = out.add_stream(codec, rate=25, options={"preset": "ultrafast", "x265-params": "log-level=none"})
            video.width, video.height = size_wh
            video.pix_fmt, video.time_base = "yuv420p", Fraction(1, 25)
            for index in range(10):
                frame = av.VideoFrame.from_ndarray(np.full((size_wh[1], size_wh[0], 3), index * 20, np.uint8), "rgb24")
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
        data += part.read_bytes()
    found = path / f"film.{suffix}"
    found.write_bytes(data)
    return found


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "h264"), ("libx265", "hevc")])
@pytest.mark.parametrize("sizes_wh", [[(640, 480)], [(320, 240), (640, 480)]], ids=["at once", "changed"])
def test_h264_and_h265_beyond_the_limit(
    tmp_path: Path, codec: str, suffix: str, sizes_wh: list[tuple[int, int]]
) -> None:
    path = film(tmp_path, codec, sizes_wh, suffix)
    settings = StreamSettings(frame_pixels=400 * 300, backoff_min_s=0.1, backoff_max_s=0.2)
    if len(sizes_wh) == 1:
        with pytest.raises(Exception, match=r"640x480 pixels; the limit is 120000 \(stream.frame_pixels\)"):
            opened(path, live=True, settings=settings)
        return
    source = opened(path, live=True, settings=settings)
    assert isinstance(source, PullSource)
    wait_for(lambda: "pixels" in (source.status().last_error or ""))
    status = source.status()
    source.close()
    assert "640x480 pixels; the limit is 120000 (stream.frame_pixels)" in (status.last_error or "")
    assert status.size_wh == (320, 240) and status.state is SourceState.RECONNECTING


def test_what_the_header_hides_ffmpeg_holds() -> None:
    """The frame header in a segment that only FFmpeg looks into."""
    plain = grey_jpeg((64, 64))
    at = plain.index(b"\xff\xc0")
    hidden = plain[:at] + b"\xff\xf0\0\x20" + sized_jpeg((16_000, 16_000))[20:50] + plain[at:]
    with MjpegCamera([hidden]) as camera:
        _, megabytes = grown(camera.url)
    assert megabytes < 150
