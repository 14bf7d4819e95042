"""What waits for a viewer of video: bounded in bytes and seconds, and always decodable."""

from __future__ import annotations

import asyncio

import pytest

from api.video_feed import RingFeed
from api.video_viewer import DELTA, KEY, PICTURE, Chunk, Patience, VideoViewer
from api.viewer import ViewerEnded
from stream.ring import CodecConfig, PacketRing, RingEvent, RingPacket
from tests.api.waiting import eventually


def chunk(index: int, kind: int = DELTA, size: int = 1000) -> Chunk:
    """One of 25 a second."""
    return Chunk.of("c", kind, index * 40_000, b"x" * (size - 9), index * 0.04)


async def taken(viewer: VideoViewer) -> list[int]:
    """The indices of all that waits."""
    viewer.end(1000, "")
    indices = []
    with pytest.raises(ViewerEnded):
        while True:
            indices.append((await viewer.take()).pts_us // 40_000)
    return indices


def test_the_wire_form_is_kind_time_data() -> None:
    assert Chunk.of("c", KEY, 0x0102030405, b"abc", 0.0).data == b"\x01\0\0\0\x01\x02\x03\x04\x05abc"
    assert Chunk.of("c", DELTA, -1, b"", 0.0).data == b"\0" + b"\xff" * 8


async def test_a_viewer_that_keeps_up_gets_all() -> None:
    viewer = VideoViewer(Patience(10_000, 1.0))
    got = []
    for index in range(200):
        viewer.offer(chunk(index, KEY if index % 50 == 0 else DELTA))
        got.append((await viewer.take()).pts_us // 40_000)
    assert got == list(range(200)) and viewer.take_skipped() == 0


async def test_nothing_before_the_first_key_frame_and_that_is_not_skipped() -> None:
    viewer = VideoViewer(Patience(10_000, 1.0))
    for index in range(5):
        viewer.offer(chunk(index))
    viewer.offer(chunk(5, KEY))
    assert await taken(viewer) == [5] and viewer.take_skipped() == 0


async def test_too_many_bytes_go_on_at_the_newest_key_frame() -> None:
    viewer = VideoViewer(Patience(12_000, 60.0))
    for index in range(13):
        viewer.offer(chunk(index, KEY if index in (0, 8) else DELTA))
    assert viewer.take_skipped() == 8 and await taken(viewer) == [8, 9, 10, 11, 12]


async def test_too_long_without_a_key_frame_waits_for_one_and_asks() -> None:
    asked: list[int] = []
    viewer = VideoViewer(Patience(10**9, 1.0), lambda: asked.append(1))
    viewer.offer(chunk(0, KEY))
    for index in range(1, 40):
        viewer.offer(chunk(index))
    assert asked == [1]
    viewer.offer(chunk(40, KEY))
    viewer.offer(chunk(41))
    assert viewer.take_skipped() == 40 and await taken(viewer) == [40, 41]


async def test_the_first_group_may_be_larger_than_what_may_wait_later() -> None:
    viewer = VideoViewer(Patience(5_000, 60.0))
    viewer.begin([chunk(index, KEY if index == 0 else DELTA) for index in range(20)], 0.8)
    viewer.offer(chunk(20))
    assert await taken(viewer) == list(range(21))


async def test_one_huge_picture_is_still_shown() -> None:
    viewer = VideoViewer(Patience(5_000, 60.0))
    for index in range(3):
        viewer.offer(chunk(index, PICTURE, 20_000))
    assert await taken(viewer) == [2] and viewer.take_skipped() == 2


async def test_a_feed_brings_everything_in_order_from_another_thread() -> None:
    ring = PacketRing(100_000, 60)
    codec = CodecConfig("h264", b"", (1, 1))

    def packet(index: int) -> RingPacket:
        return RingPacket("s", index, index, index % 30 == 0, b"x" * 1000, 0)

    ring.configure(codec)
    for index in range(40):
        ring.append(packet(index))
    events: list[RingEvent] = []
    feed = RingFeed(ring, events.extend)

    def fill() -> None:
        for index in range(40, 1000):
            ring.append(packet(index))
        ring.close()

    await asyncio.to_thread(fill)
    await eventually(lambda: events[-1] is None)
    assert events[0] == codec
    assert [event.pts_us for event in events if isinstance(event, RingPacket)] == list(range(30, 1000))
    feed.close()
    ring.append(packet(1000))
    await asyncio.sleep(0)
    assert events[-1] is None
