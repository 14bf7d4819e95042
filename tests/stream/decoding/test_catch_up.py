"""Cameras that are read too slowly: the delay hides in the buffers of sockets until it is noticed and made up for."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from stream.decoding.catch_up import CatchUpPolicy
from stream.decoding.cpu_gate import CpuGate
from stream.sources.source import Source
from tests.peers.numbers import read_number
from tests.peers.rtsp import Mount, RtspServer
from tests.stream.consume import QUICK, FixedGauge, Seen, opened, wait_for
from tests.stream.sources.test_rtsp import counts_on

FRAMES = 500
FPS = 25


def feed(policy: CatchUpPolicy, arrivals_s: list[float], times_s: list[float] | None = None) -> list[bool]:
    times_s = times_s or [index / FPS for index in range(len(arrivals_s))]
    return [policy.note(at_s, round(time_s * 1e6)) for at_s, time_s in zip(arrivals_s, times_s, strict=True)]


def test_who_falls_behind_leaves_out_until_it_has_caught_up() -> None:
    policy = CatchUpPolicy(1.0)
    assert not any(feed(policy, [1000 + index / FPS for index in range(250)]))
    slow = [1010 + index * 0.08 for index in range(60)]  # half as fast as the camera
    times_s = [10 + index / FPS for index in range(60)]
    late = feed(policy, slow, times_s)
    first = late.index(True)
    assert slow[first] - times_s[first] - 1000 == pytest.approx(1.5, abs=0.1)  # a second late, for a second
    fast = [slow[-1] + index * 0.001 for index in range(100)]
    caught = feed(policy, fast, [times_s[-1] + index / FPS for index in range(100)])
    back = caught.index(False)
    assert policy.lag_s < 0.25 and fast[back] - (times_s[-1] + back / FPS) - 1000 < 0.25


def test_a_hiccup_of_the_network_costs_nothing() -> None:
    """Three seconds of silence, then all at once: it is decoded faster than it can be given up."""
    policy = CatchUpPolicy(1.0)
    arrivals_s = [max(index / FPS, 8 + index * 0.002) if 125 <= index < 200 else index / FPS for index in range(400)]
    assert not any(feed(policy, arrivals_s))


def test_a_way_that_became_longer_is_got_used_to() -> None:
    """A camera whose clock stood still for two seconds is two seconds later for ever; nothing can be read faster."""
    policy = CatchUpPolicy(1.0)
    arrivals_s = [index / FPS + (2 if index > 250 else 0) for index in range(1500)]
    late = feed(policy, arrivals_s)
    assert any(late[:350]) and not any(late[350:])
    assert policy.lag_s == pytest.approx(0, abs=0.1)


def test_a_camera_that_counts_more_frames_than_it_sends_does_not_go_blind() -> None:
    """Its delay grows for ever, by 0.4 s a second, and nothing can be done about it."""
    policy = CatchUpPolicy(1.0)
    late = feed(policy, [index / 15 for index in range(1200 * 15)])
    assert sum(late) < 0.03 * len(late)


def test_who_gets_no_cpu_at_all_for_a_while_still_catches_up() -> None:
    policy = CatchUpPolicy(1.0)
    slow = [index * 0.08 for index in range(75)]  # starved for 6 s, even of reading once it skips
    fast = [slow[-1] + index * 0.005 for index in range(1, 100)]
    late = feed(policy, [*slow, *fast])
    assert late[74] and not late[-1] and policy.lag_s < 0.25


@pytest.mark.parametrize("ppm", [-100, 100])
def test_clocks_that_run_apart_are_no_lag(ppm: int) -> None:
    policy = CatchUpPolicy(1.0)
    assert not any(feed(policy, [index / FPS * (1 + ppm / 1e6) for index in range(8 * 3600 * FPS // 25)]))
    assert policy.lag_s < 0.1


class Watching:
    """Takes all frames of a source and notes what and when, in a thread of its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.seen = Seen()
        self.at_s: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watching")
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            frame = self.source.mailbox.take()
            if frame is None:
                self._stop.wait(0.005)
                continue
            self.seen.frames.append(frame)
            self.seen.numbers.append(read_number(frame.to_bgr()))
            self.at_s.append(time.monotonic())

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self.source.close()


def late_drops(stream_id: str) -> float:
    labels = {"stream": stream_id, "reason": "late"}
    return REGISTRY.get_sample_value("livesight_frames_dropped_total", labels) or 0.0


def lag_s(stream_id: str) -> float:
    return REGISTRY.get_sample_value("livesight_stream_lag_seconds", {"stream": stream_id}) or 0.0


def behind_s(slow: Watching, steady: Watching) -> float:
    """By how much the newest frame of one is older than that of the other, which looks at the same camera.

    The other may be a frame behind for a moment: below 0 then. The camera shows its numbers over and over.
    """
    apart = (steady.seen.numbers[-1] - slow.seen.numbers[-1] + FRAMES // 2) % FRAMES - FRAMES // 2
    return apart / FPS


def test_a_starved_decoder_jumps_to_a_newer_key_frame(numbered_h264: Path, no_thread_left: None) -> None:
    gate = CpuGate(FixedGauge(2, busy=1.0))
    settings = QUICK.model_copy(update={"late_s": 0.6})
    with RtspServer({"cam": Mount(numbered_h264)}) as server:
        steady = Watching(opened(server.url("cam"), live=True, stream_id="steady", cpu_gate=gate))
        slow = Watching(opened(server.url("cam"), live=True, stream_id="slow", settings=settings, cpu_gate=gate))
        try:
            wait_for(lambda: len(slow.seen.numbers) > 20 and len(steady.seen.numbers) > 20)
            worst_s = 0.0
            slow.source.mailbox.subscribe(lambda: time.sleep(0.1))  # in the thread that decodes: ten frames a second
            begun_s = time.monotonic()
            while time.monotonic() - begun_s < 8 or late_drops("slow") < 40:
                assert time.monotonic() - begun_s < 40
                worst_s = max(worst_s, behind_s(slow, steady))
                time.sleep(0.05)
            assert 0.5 < worst_s < 3.5  # it would be 4.8 s by now, and more every second
            slow.source.mailbox.subscribe(lambda: None)
            wait_for(lambda: lag_s("slow") < 0.2 and behind_s(slow, steady) < 1, 15)
            had = len(slow.seen.numbers)
            wait_for(lambda: len(slow.seen.numbers) > had + 25)
            codec = slow.source.ring.codec if slow.source.ring else None
        finally:
            slow.close()
            steady.close()
    assert codec is not None
    assert counts_on(slow.seen)  # numbers, ordinals and times still belong together, in one session
    left_out = slow.seen.frames[-1].ordinal - slow.seen.frames[-1].number
    assert left_out == late_drops("slow")
    assert gate.limited  # as the CPUs are busy, decoding leaves some to the analysis
