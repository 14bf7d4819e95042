"""PacketRing: begins at a key frame, within its bounds, and can be cut."""

from __future__ import annotations

from stream.ring import CodecConfig, PacketRing, RingPacket


def packet(index: int, key: bool = False, size: int = 1000, pts: int | None = None) -> RingPacket:
    """One of 25 a second."""
    dts_us = index * 40_000
    return RingPacket("s", dts_us if pts is None else pts * 40_000, dts_us, key, b"x" * size, index)


def indices(packets: list[RingPacket]) -> list[int]:
    """Which packets these are."""
    return [found.captured_at_ns for found in packets]


def test_keeps_the_last_seconds_from_a_key_frame_on() -> None:
    ring = PacketRing(2**20, max_s=2.0)
    for index in range(200):
        ring.append(packet(index, index % 25 == 0))
    kept = indices(ring.cut(0, 10**9))
    assert kept == list(range(125, 200))  # two seconds before 199 lie in the group that begins at 125 (or 150 is late)
    assert indices(ring.from_key()) == list(range(175, 200))
    assert ring.size_bytes == 75_000


def test_a_long_group_stays_whole_while_it_fits() -> None:
    ring = PacketRing(2**20, max_s=1.0)
    for index in range(300):
        ring.append(packet(index, index == 0))
    assert indices(ring.from_key()) == list(range(300))


def test_bytes_win_and_nothing_undecodable_stays() -> None:
    ring = PacketRing(100_000, max_s=60)
    for index in range(150):
        ring.append(packet(index, index == 0))
    assert ring.from_key() == [] and ring.size_bytes == 0
    ring.append(packet(150, True))
    ring.append(packet(151))
    assert indices(ring.from_key()) == [150, 151]


def test_packets_before_the_first_key_frame_are_not_stored() -> None:
    ring = PacketRing(2**20, 6)
    ring.append(packet(0))
    assert ring.cut(0, 10**9) == []


def test_cut_takes_what_frames_refer_to() -> None:
    ring = PacketRing(2**20, 60)
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    for place, shown in enumerate(order):
        ring.append(packet(place, shown in (0, 6), pts=shown))
    got = [found.pts_us // 40_000 for found in ring.cut(40_000, 80_000)]
    assert got == [0, 3, 1, 2]
    assert [found.pts_us // 40_000 for found in ring.cut(280_000, 280_000)] == [6, 4, 5, 9, 7]
    assert ring.cut(-2, -1) == []


def test_a_new_configuration_clears_all_but_its_own_group() -> None:
    ring = PacketRing(2**20, 60)
    first, second = CodecConfig("h264", b"a", (320, 180)), CodecConfig("h264", b"a", (640, 360))
    ring.configure(first)
    for index in range(50):
        ring.append(packet(index, index % 10 == 0))
    ring.configure(second, keep_from_us=42 * 40_000)
    assert ring.codec == second and indices(ring.cut(0, 10**9)) == list(range(40, 50))
    ring.configure(first)
    assert ring.from_key() == [] and ring.size_bytes == 0
