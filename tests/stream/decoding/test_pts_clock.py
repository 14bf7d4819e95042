"""PtsClock: times go forward, whatever comes in."""

from __future__ import annotations

import random
from fractions import Fraction

from stream.decoding.pts_clock import PacketTimes, PtsClock, RawTimes

MS = Fraction(1, 1000)
MPEG = Fraction(1, 90000)


def packet_times(
    clock: PtsClock, packets: list[tuple[int | None, int | None, bool]], base: Fraction = MS
) -> list[PacketTimes]:
    """What the clock makes of (pts, dts, key) packets that arrive 40 ms apart."""
    found = (
        clock.convert(RawTimes(pts, dts, base, key), 100 + index * 0.04)
        for index, (pts, dts, key) in enumerate(packets)
    )
    return [one for one in found if one is not None]


def test_starts_at_the_first_key_frame() -> None:
    got = packet_times(PtsClock(40_000, live=True), [(960, 960, False), (1000, 1000, True), (1040, 1040, False)])
    assert [one.pts_us for one in got] == [0, 40_000]


def test_leading_frames_are_thrown_away() -> None:
    packets = [(1120, 1000, True), (1040, 1040, False), (1080, 1080, False), (1160, 1120, False)]
    assert [one.pts_us for one in packet_times(PtsClock(40_000, live=True), packets)] == [0, 40_000]


def test_b_frames_keep_their_own_times() -> None:
    packets = [(80, 0, True), (200, 40, False), (120, 80, False), (160, 120, False)]
    got = packet_times(PtsClock(40_000, live=False), packets)
    assert [one.pts_us for one in got] == [0, 120_000, 40_000, 80_000]
    assert [one.dts_us for one in got] == [-80_000, -40_000, 0, 40_000]


def test_the_33_bit_wrap_is_no_jump() -> None:
    around = [(2**33 - 7200 + index * 3600) % 2**33 for index in range(6)]
    got = packet_times(PtsClock(40_000, live=True), [(pts, pts, index == 0) for index, pts in enumerate(around)], MPEG)
    assert [one.pts_us for one in got] == [index * 40_000 for index in range(6)]


def test_a_backward_jump_and_an_insane_leap_become_one_interval() -> None:
    packets = [(5000, 5000, True), (5040, 5040, False), (0, 0, False), (40, 40, False), (10**9, 10**9, False)]
    got = packet_times(PtsClock(40_000, live=True), packets)
    assert [one.pts_us for one in got] == [0, 40_000, 80_000, 120_000, 160_000]


def test_a_gap_in_a_recording_stays() -> None:
    got = packet_times(PtsClock(40_000, live=False), [(0, 0, True), (3_600_000, 3_600_000, True)])
    assert got[1].pts_us == 3_600_000_000


def test_silence_of_a_camera_counts() -> None:
    clock = PtsClock(40_000, live=True)
    assert clock.convert(RawTimes(0, 0, MS, True), 10.0)
    later = clock.convert(RawTimes(15_000, 15_000, MS, False), 25.0)
    assert later is not None and later.pts_us == 15_000_000


def test_missing_times_are_counted_in_files_and_measured_live() -> None:
    packets: list[tuple[int | None, int | None, bool]] = [(None, None, True)] + [(None, None, False)] * 2
    assert [one.pts_us for one in packet_times(PtsClock(33_333, live=False), packets)] == [0, 33_333, 66_666]
    live = packet_times(PtsClock(33_333, live=True), packets)
    assert all(abs(one.pts_us - index * 40_000) < 100 for index, one in enumerate(live))
    assert not any(one.known for one in live)


def test_by_arrival_does_not_believe_the_stream() -> None:
    got = packet_times(PtsClock(40_000, live=True, by_arrival=True), [(0, 0, True), (1, 1, True), (2, 2, True)])
    assert [round(one.pts_us, -3) for one in got] == [0, 40_000, 80_000]


def test_missing_first_dts_as_matroska_gives_them() -> None:
    packets = [(0, None, True), (160, None, False), (80, 0, False), (40, 40, False), (120, 80, False)]
    got = packet_times(PtsClock(40_000, live=False), packets)
    assert [one.pts_us for one in got] == [0, 160_000, 80_000, 40_000, 120_000]
    sent = [one.dts_us for one in got]
    assert sent == sorted(set(sent))


def test_a_loop_goes_on_after_the_last_frame() -> None:
    clock = PtsClock(40_000, live=False)
    packets = [(80, 0, True), (160, 40, False), (120, 80, False)]
    first = packet_times(clock, packets)
    clock.begin_again()
    second = packet_times(clock, packets)
    assert [one.pts_us for one in second] == [one.pts_us + 120_000 for one in first]


def test_no_time_occurs_twice_and_none_before_the_first() -> None:
    rng = random.Random(1)
    clock = PtsClock(40_000, live=True)
    packets: list[tuple[int | None, int | None, bool]] = [(1000, 1000, True)]
    for _ in range(3000):
        kind = rng.random()
        last = packets[-1][1] or 0
        if kind < 0.02:
            last = rng.randrange(-(2**40), 2**40)
        dts = None if rng.random() < 0.1 else last + rng.choice([0, 0, 20, 40, 40, 40, 80, -5])
        pts = None if rng.random() < 0.1 else (last if dts is None else dts) + rng.choice([0, 40, 80])
        packets.append((pts, dts, rng.random() < 0.05))
    got = packet_times(clock, packets)
    times = [one.pts_us for one in got]
    assert len(set(times)) == len(times) and min(times) == 0
    sent = [one.dts_us for one in got]
    assert sent == sorted(set(sent))
