"""What waits for a viewer of video: bounded in bytes and seconds, and always decodable."""

from __future__ import annotations

import asyncio

import pytest

from api.http.viewer_queue import ViewerEnded
from api.video.ring_follower import RingFollower
from api.video.video_queue import DELTA, JPEG_IMAGE, KEY, QueueLimits, VideoChunk, VideoQueue
from stream.ring import CodecConfig, PacketRing, RingEvent, RingPacket
from tests.api.waiting import eventually


def chunk(index: int, kind: int = DELTA, size: int = 1000) -> VideoChunk:
    """One of 25 a second."""
    return VideoChunk.of("c", kind, index * 40_000, b"x" * (size - 9), index * 0.04)


async def taken(viewer: VideoQueue) -> list[int]:
    """The indices of all that waits."""
    viewer.end(1000, "")
    indices = []
    with pytest.raises(ViewerEnded):
        while True:
            indices.append((await viewer.take()).pts_us // 40_000)
    return indices


def test_the_wire_form_is_kind_time_data() -> None:
    assert VideoChunk.of("c", KEY, 0x0102030405, b"abc", 0.0).data == b"\x01\0\0\0\x01\x02\x03\x04\x05abc"
    assert VideoChunk.of("c", DELTA, -1, b"", 0.0).data == b"\0" + b"\xff" * 8


async def test_a_viewer_that_keeps_up_gets_all() -> None:
    viewer = VideoQueue(QueueLimits(10_000, 1.0))
    got = []
    for index in range(200):
        viewer.offer(chunk(index, KEY if index % 50 == 0 else DELTA))
        got.append((await viewer.take()).pts_us // 40_000)
    assert got == list(range(200)) and viewer.take_skipped() == 0


def test_a_frame_is_the_message_and_its_head() -> None:
    for size in (9, 125, 126, 65_535, 65_536):
        made = chunk(0, KEY, size)
        head = 2 if size < 126 else 4 if size < 65_536 else 10
        assert made.size == len(made.data) == len(made.framed) - head and made.framed[0] == 0x82
        assert made.framed.endswith(made.data) and made.framed[1] < 128, "a server's frames are not masked"


class Connection:
    """Takes frames while it is `free`."""

    def __init__(self, limits: QueueLimits) -> None:
        self.frames: list[bytes] = []
        self.free = True
        self.viewer = VideoQueue(limits, write=self._write)
        self.queued: list[int] = []
        self._got = asyncio.Event()

    def _write(self, frame: bytes) -> bool:
        if self.free:
            self.frames.append(frame)
        return self.free

    async def take(self) -> None:
        """Take from the queue, as the viewer's task does, until cancelled."""
        while True:
            taken = await self.viewer.take()
            self.viewer.config = taken.config
            self.queued.append(taken.pts_us // 40_000)
            self._got.set()

    async def has_queued(self, indices: list[int]) -> None:
        """Wait until these came by the queue, and the task waits for more."""
        async with asyncio.timeout(5):
            while self.queued != indices:
                self._got.clear()
                await self._got.wait()
        await asyncio.sleep(0)


async def test_who_keeps_up_is_written_to_at_once_and_in_order() -> None:
    connection = Connection(QueueLimits(10_000, 1.0))
    viewer = connection.viewer
    pictures = [chunk(index, KEY if index == 0 else DELTA) for index in range(7)]
    viewer.offer(pictures[0])  # nobody takes yet: nothing may go before what waits
    viewer.offer(pictures[1])
    assert connection.frames == []
    task = asyncio.create_task(connection.take())
    await connection.has_queued([0, 1])
    viewer.offer(pictures[2])
    assert connection.frames == [pictures[2].framed]
    connection.free = False
    viewer.offer(pictures[3])
    connection.free = True
    viewer.offer(pictures[4])  # the one before still waits for the task
    assert connection.frames == [pictures[2].framed]
    await connection.has_queued([0, 1, 3, 4])
    viewer.offer(pictures[5])
    assert connection.frames == [pictures[2].framed, pictures[5].framed]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    viewer.offer(pictures[6])  # somebody took what is not known to be sent
    assert len(connection.frames) == 2


async def test_what_must_be_said_first_goes_by_the_queue() -> None:
    connection = Connection(QueueLimits(3_000, 60.0))
    viewer = connection.viewer
    task = asyncio.create_task(connection.take())
    viewer.offer(chunk(0, KEY))
    await connection.has_queued([0])
    viewer.offer(VideoChunk.of("other", KEY, 40_000, b"x", 0.04))  # another configuration
    await connection.has_queued([0, 1])
    assert connection.frames == []
    connection.free = False
    for index in range(2, 8):
        viewer.offer(VideoChunk.of("other", DELTA, index * 40_000, b"x" * 900, index * 0.04))
    connection.free = True
    viewer.offer(VideoChunk.of("other", KEY, 8 * 40_000, b"x", 0.32))  # what was skipped has not been told
    await connection.has_queued([0, 1, 8])
    assert connection.frames == [] and viewer.take_skipped() == 6
    viewer.offer(VideoChunk.of("other", DELTA, 9 * 40_000, b"x", 0.36))
    assert len(connection.frames) == 1
    task.cancel()


async def test_nothing_before_the_first_key_frame_and_that_is_not_skipped() -> None:
    viewer = VideoQueue(QueueLimits(10_000, 1.0))
    for index in range(5):
        viewer.offer(chunk(index))
    viewer.offer(chunk(5, KEY))
    assert await taken(viewer) == [5] and viewer.take_skipped() == 0


async def test_too_many_bytes_go_on_at_the_newest_key_frame() -> None:
    viewer = VideoQueue(QueueLimits(12_000, 60.0))
    for index in range(13):
        viewer.offer(chunk(index, KEY if index in (0, 8) else DELTA))
    assert viewer.take_skipped() == 8 and await taken(viewer) == [8, 9, 10, 11, 12]


async def test_too_long_without_a_key_frame_waits_for_one_and_asks() -> None:
    asked: list[int] = []
    viewer = VideoQueue(QueueLimits(10**9, 1.0), lambda: asked.append(1))
    viewer.offer(chunk(0, KEY))
    for index in range(1, 40):
        viewer.offer(chunk(index))
    assert asked == [1]
    viewer.offer(chunk(40, KEY))
    viewer.offer(chunk(41))
    assert viewer.take_skipped() == 40 and await taken(viewer) == [40, 41]


async def test_the_first_group_may_be_larger_than_what_may_wait_later() -> None:
    viewer = VideoQueue(QueueLimits(5_000, 60.0))
    viewer.begin([chunk(index, KEY if index == 0 else DELTA) for index in range(20)], 0.8)
    viewer.offer(chunk(20))
    assert await taken(viewer) == list(range(21))


async def test_one_huge_picture_is_still_shown() -> None:
    viewer = VideoQueue(QueueLimits(5_000, 60.0))
    for index in range(3):
        viewer.offer(chunk(index, JPEG_IMAGE, 20_000))
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
    feed = RingFollower(ring, events.extend)

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
