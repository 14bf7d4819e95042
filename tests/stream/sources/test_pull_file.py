"""Files: every frame once and rightly numbered, or looped at its own rate."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from prometheus_client import REGISTRY

from stream.config import StreamConfig
from stream.decoding.cpu_gate import CpuGate
from stream.decoding.shedding import Shedder
from stream.errors import MailboxClosed, SourceError
from stream.sources.connect import ConnectTarget
from stream.sources.health import SourceState
from stream.sources.pull_source import PullSource
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.numbers import NumberError, read_number
from tests.stream.consume import QUICK, FixedGauge, opened, read_all, watch

pytestmark = pytest.mark.usefixtures("no_thread_left")
COUNT = 60


def dropped(stream_id: str, reason: str) -> float:
    """The drop counter of a stream."""
    labels = {"stream": stream_id, "reason": reason}
    return REGISTRY.get_sample_value("livesight_frames_dropped_total", labels) or 0.0


@pytest.mark.parametrize(
    ("codec", "b_frames", "suffix"),
    [
        ("h264", 0, ".mp4"),
        ("h264", 2, ".mp4"),
        ("h264", 2, ".ts"),
        ("h264", 3, ".mkv"),
        ("h264", 2, ".avi"),
        ("h264", 2, ".h264"),
        ("mpeg4", 2, ".mp4"),
        ("mpeg4", 2, ".avi"),
        ("vp8", 0, ".webm"),
        ("mjpeg", 0, ".avi"),
    ],
)
def test_every_frame_once_with_its_own_number(tmp_path: Path, codec: str, b_frames: int, suffix: str) -> None:
    clip = make_numbered(tmp_path / f"clip{suffix}", ClipSpec(frames=COUNT, codec=codec, b_frames=b_frames))
    seen = read_all(clip)
    assert seen.numbers == list(range(COUNT))
    assert [frame.number for frame in seen.frames] == [frame.ordinal for frame in seen.frames] == list(range(COUNT))
    assert seen.pts_us == [index * 40_000 for index in range(COUNT)]
    assert [frame.image.pts for frame in seen.frames] == seen.pts_us
    assert len({frame.session for frame in seen.frames}) == 1


def test_the_ring_holds_the_packets_of_the_frames(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=COUNT, b_frames=2))
    source = opened(clip, live=False)
    seen = watch(source, lambda _: False)
    packets = source.ring.cut(0, 10**9) if source.ring else []
    source.close()
    assert sorted(packet.pts_us for packet in packets) == seen.pts_us
    assert packets[0].is_key and {packet.session for packet in packets} == {seen.frames[0].session}
    arrivals = {packet.pts_us: packet.captured_at_ns for packet in packets}
    assert all(frame.captured_at_ns == arrivals[frame.pts_us] for frame in seen.frames)


def test_a_loop_plays_at_its_own_rate_in_one_session(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=25, b_frames=2))
    source = opened(clip, live=True)
    begun_s = time.monotonic()
    seen = watch(source, lambda seen: len(seen.frames) >= 60)
    took_s = time.monotonic() - begun_s
    status = source.status()
    source.close()
    assert 1.9 < took_s < 4.0
    assert status.state is SourceState.LIVE and status.reconnects == 0 and 20 < status.fps < 30
    assert (status.codec, status.size_wh) == ("h264", (320, 180))
    assert len({frame.session for frame in seen.frames}) == 1
    assert all(frame.number % 25 == number for frame, number in zip(seen.frames, seen.numbers, strict=True))
    assert all(frame.pts_us == frame.number * 40_000 for frame in seen.frames)
    assert source.status().state is SourceState.ENDED


def test_a_slow_consumer_gets_the_newest_and_the_rest_is_counted(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=50))
    source = opened(clip, live=True, stream_id="slow")
    before = dropped("slow", "newer")
    frames = []
    for _ in range(5):
        frames.append(source.mailbox.get(5))
        time.sleep(0.3)
    source.close()
    assert all(time.monotonic() - frame.arrived_s < 3 for frame in frames)
    assert all(after.number - first.number >= 2 for first, after in pairwise(frames))
    left_out = frames[-1].number - frames[0].number + 1 - len(frames)
    assert dropped("slow", "newer") - before == source.mailbox.dropped >= left_out
    assert all(frame.number % 50 == read_number(frame.to_bgr()) for frame in frames)


@pytest.mark.parametrize("suffix", [".h264", ".ts"])
def test_the_size_changes_in_flight(tmp_path: Path, suffix: str) -> None:
    parts = [
        make_numbered(tmp_path / f"a{suffix}", ClipSpec(frames=30, b_frames=2)),
        make_numbered(tmp_path / f"b{suffix}", ClipSpec(frames=30, size_wh=(640, 360), first_number=30, b_frames=2)),
    ]
    clip = tmp_path / f"both{suffix}"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    source = opened(clip, live=False)
    seen = watch(source, lambda _: False)
    source.close()
    assert seen.numbers == list(range(60))
    assert [frame.size_wh for frame in seen.frames] == [(320, 180)] * 30 + [(640, 360)] * 30
    assert all(before < after for before, after in pairwise(seen.pts_us))
    assert source.ring is not None and source.ring.codec is not None and source.ring.codec.size_wh == (640, 360)
    assert source.ring.from_key()[0].pts_us > seen.pts_us[29] - 200_000


def test_times_that_wrap(tmp_path: Path) -> None:
    plain = make_numbered(tmp_path / "plain.ts", ClipSpec(frames=COUNT, b_frames=2))
    wrapping = tmp_path / "wrapping.ts"
    with av.open(str(plain)) as source, av.open(str(wrapping), "w") as sink:
        video = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is None or packet.dts is None:
                continue
            packet.pts += 2**33 - 90_000
            packet.dts += 2**33 - 90_000
            packet.time_base = Fraction(1, 90_000)
            packet.stream = video
            sink.mux(packet)
    seen = read_all(wrapping)
    assert seen.numbers == list(range(COUNT))
    assert seen.pts_us == [index * 40_000 for index in range(COUNT)]


def test_damage_costs_the_damaged_frames_only(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.ts", ClipSpec(frames=100, gop=10, bit_rate=300_000))
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2 // 188 * 188
    data[middle : middle + 188 * 6] = bytes(188 * 6)
    clip.write_bytes(data)
    source = opened(clip, live=False, stream_id="damaged")
    good = 0
    numbers = []
    with pytest.raises(MailboxClosed):
        while True:
            frame = source.mailbox.get(10)
            numbers.append(frame.number)
            with contextlib.suppress(NumberError):
                good += read_number(frame.to_bgr()) == frame.pts_us // 40_000
    source.close()
    assert good >= 80 and numbers == list(range(len(numbers)))
    assert source.status().state is SourceState.ENDED


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_not_a_video(tmp_path: Path, content: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    with pytest.raises(SourceError, match=r"clip\.mp4.*not a readable video"):
        opened(clip, live=False)


def test_a_file_that_breaks_off_is_an_error_after_its_frames(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=COUNT))
    source = PullSource(StreamConfig(id="gone"), QUICK, ConnectTarget("file", str(clip)), CpuGate(), live=False)
    clip.unlink()
    source.start()
    with pytest.raises(SourceError, match="No such file"):
        source.mailbox.get(5)
    source.close()
    assert source.status().state is SourceState.FAILED and "clip.mp4" in (source.status().last_error or "")


def test_a_live_file_that_returns_is_played_again(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=10))
    away = shutil.move(clip, tmp_path / "away.mp4")
    source = PullSource(StreamConfig(id="returning"), QUICK, ConnectTarget("file", str(clip)), CpuGate(), live=True)
    source.start()
    with pytest.raises(TimeoutError):
        source.mailbox.get(0.5)
    assert source.status().state is SourceState.RECONNECTING
    shutil.move(away, clip)
    assert source.mailbox.get(5).stream_id == "returning"
    source.close()


def test_shedding_waits_for_both_reasons_and_does_not_flutter() -> None:
    gauge = FixedGauge(2, busy=0.99)
    shedder = Shedder(gauge)
    came = used = 0
    states = []
    for tick in range(1200):  # 25 a second
        now_s = 1000 + tick / 25
        came += 1
        gauge.share = 0.99 if 250 <= tick < 800 else 0.5
        used += tick % 4 == 0
        states.append(shedder.decide(came, used, now_s))
    assert not any(states[:250]) and all(states[260:800]) and not any(states[830:])
    assert sum(before is not after for before, after in pairwise(states)) == 2


def test_frames_left_undecoded_keep_the_numbers_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=60, b_frames=2))
    shed = threading.Event()
    monkeypatch.setattr(Shedder, "decide", lambda self, came, used, now_s: shed.is_set())
    source = opened(clip, live=True, stream_id="shed")
    before = dropped("shed", "undecoded")
    full = watch(source, lambda seen: len(seen.frames) >= 25)
    shed.set()
    seen = watch(source, lambda seen: len(seen.frames) >= 40)
    shed.clear()
    again = watch(source, lambda seen: len(seen.frames) >= 25)
    source.close()
    for part in (full, seen, again):
        assert all(frame.ordinal % 60 == number for frame, number in zip(part.frames, part.numbers, strict=True))
        assert all(frame.pts_us == frame.ordinal * 40_000 for frame in part.frames)
    came, decoded = (seen.frames[-1].ordinal - seen.frames[5].ordinal, seen.frames[-1].number - seen.frames[5].number)
    assert came > 1.3 * decoded
    assert dropped("shed", "undecoded") - before >= came - decoded
    assert len({frame.ordinal - frame.number for frame in again.frames[10:]}) == 1, "some stay undecoded afterwards"


def test_close_is_prompt_while_a_frame_waits_to_be_taken(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=COUNT))
    source = opened(clip, live=False)
    source.mailbox.get(5)
    begun_s = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - begun_s < 1
    with pytest.raises(MailboxClosed):
        while True:
            source.mailbox.get(0)
