"""WhipSource fed with encoded frames: numbering, the ring, shedding, damage, sizes and clocks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from stream.config import StreamConfig, StreamSettings
from stream.decoding.encoded_frame import EncodedFrame, is_key
from stream.decoding.image_header import frame_limit
from stream.errors import MailboxClosed, SourceError
from stream.frame import Frame
from stream.sources.health import SourceState
from stream.webrtc.whip_decoder import FrameDecoder, SessionClock
from stream.webrtc.whip_source import MAX_BACKLOG, MAX_WAITING, WhipSource
from tests.peers.numbers import numbered_image, read_number

WAIT_S = 20.0
STEP = 3000
OPTIONS = {
    "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "h264": {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline"},
}


def encoder(codec: str, size_wh: tuple[int, int]) -> VideoCodecContext:
    made = av.CodecContext.create({"vp8": "libvpx", "h264": "libx264"}[codec], "w")
    assert isinstance(made, VideoCodecContext)
    made.width, made.height = size_wh
    made.pix_fmt, made.time_base, made.bit_rate, made.gop_size = "yuv420p", Fraction(1, 30), 1_000_000, 10_000
    made.options = OPTIONS[codec]
    made.thread_count = 1
    return made


def encoded(
    codec: str, count: int, size_wh: tuple[int, int] = (320, 240), keys: tuple[int, ...] = (0,), first: int = 0
) -> list[EncodedFrame]:
    """Numbered frames from `first` on; timestamps go by the number."""
    encode, frames = encoder(codec, size_wh), []
    for index in range(count):
        number = first + index
        image = av.VideoFrame.from_ndarray(numbered_image(number, size_wh), format="bgr24").reformat(format="yuv420p")
        image.pts = index
        if index in keys:
            image.pict_type = 1
        data = b"".join(bytes(packet) for packet in encode.encode(image))
        frames.append(EncodedFrame(codec, data, number * STEP, is_key(codec, data), 10**18 + number, number / 30, 0))
    return frames


class Calls:
    """What a source called back."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.finished = threading.Event()
        self.request_key = threading.Event()

    def source(self, settings: StreamSettings) -> WhipSource:
        return WhipSource(StreamConfig(id="cam"), settings, self.stop.set, self.finished.set, self.request_key.set)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def source(calls: Calls) -> Iterator[WhipSource]:
    made = calls.source(StreamSettings())
    yield made
    made.close()
    assert not made._thread.is_alive()


class Gate:
    """A decoder that waits until it may."""

    def __init__(self, source: WhipSource) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()
        self._decode = source._decoder.decode
        source._decoder.decode = self.decode  # type: ignore[method-assign]

    def decode(self, frame: EncodedFrame, pts_us: int) -> object:
        self.reached.set()
        assert self.open.wait(WAIT_S)
        return self._decode(frame, pts_us)


def each(source: WhipSource, frames: list[EncodedFrame]) -> list[Frame]:
    """Feed one, take one."""
    got = []
    for frame in frames:
        source.receive(frame)
        got.append(source.mailbox.get(WAIT_S))
    return got


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_identity_and_times_of_each_frame(source: WhipSource, codec: str) -> None:
    source.start()
    assert source.status().state is SourceState.CONNECTING
    for index, frame in enumerate(each(source, encoded(codec, 12, first=1000))):
        assert read_number(frame.to_bgr()) == 1000 + index
        assert (frame.number, frame.ordinal, frame.session) == (index, index, source.session)
        assert frame.pts_us == index * 100_000 // 3
        assert (frame.captured_at_ns, frame.arrived_s) == (10**18 + 1000 + index, (1000 + index) / 30)
        assert frame.decode_s > 0
    status = source.status()
    assert (status.frames, status.codec, status.size_wh, status.session) == (12, codec, (320, 240), source.session)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_every_packet_is_in_the_ring_untouched(source: WhipSource, codec: str) -> None:
    source.start()
    frames = encoded(codec, 9, keys=(0, 5))
    got = each(source, frames)
    packets = source.ring.cut(0, 2**62)
    assert [packet.data for packet in packets] == [frame.data for frame in frames]
    assert [packet.pts_us for packet in packets] == [frame.pts_us for frame in got]
    assert [packet.is_key for packet in packets] == [index in (0, 5) for index in range(9)]
    assert [packet.pts_us for packet in source.ring.from_key()] == [frame.pts_us for frame in got[5:]]
    assert source.ring.codec is not None
    assert (source.ring.codec.name, source.ring.codec.size_wh, source.ring.codec.extradata) == (codec, (320, 240), b"")
    decoder = FrameDecoder(frame_limit(StreamSettings()))  # what a viewer does, from the newest key frame on
    frames = [EncodedFrame(codec, packet.data, 0, packet.is_key, 0, 0, 0) for packet in source.ring.from_key()]
    seen = [decoder.decode(frame, index) for index, frame in enumerate(frames)]
    assert [read_number(one.image.to_ndarray(format="bgr24")) for one in seen if one] == [5, 6, 7, 8]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_size_and_codec_change_in_flight(source: WhipSource, codec: str) -> None:
    source.start()
    got = each(source, encoded(codec, 3))
    got += each(source, encoded(codec, 3, (640, 480), first=3))
    other = "h264" if codec == "vp8" else "vp8"
    got += each(source, encoded(other, 3, (480, 360), first=6))
    assert [frame.size_wh for frame in got] == [(320, 240)] * 3 + [(640, 480)] * 3 + [(480, 360)] * 3
    assert [read_number(frame.to_bgr()) for frame in got] == list(range(9))
    assert [frame.number for frame in got] == list(range(9))
    assert len({frame.session for frame in got}) == 1
    assert source.ring.codec is not None
    assert (source.ring.codec.name, source.ring.codec.size_wh) == (other, (480, 360))
    assert len(source.ring.from_key()) == 3  # nothing that the new configuration cannot decode


def test_a_slow_worker_gets_the_newest_and_nothing_grows(source: WhipSource) -> None:
    arrived = threading.Semaphore(0)
    source.mailbox.subscribe(lambda: arrived.release())
    source.start()
    for frame in encoded("vp8", 100):
        source.receive(frame)
        assert arrived.acquire(timeout=WAIT_S)
        assert not source._waiting
    newest = source.mailbox.take()
    assert newest is not None
    assert (newest.number, newest.ordinal, read_number(newest.to_bgr())) == (99, 99, 99)
    assert source.mailbox.dropped == 99
    assert source.mailbox.take() is None


def test_too_much_behind_is_shed_up_to_the_newest_key_frame_but_stays_in_the_ring(
    source: WhipSource, calls: Calls
) -> None:
    gate = Gate(source)
    frames = encoded("vp8", 60, keys=(0, 20, 40))
    source.start()
    source.receive(frames[0])
    assert gate.reached.wait(WAIT_S)
    for frame in frames[1:]:
        source.receive(frame)
    gate.open.set()
    last = source.mailbox.get(WAIT_S)
    while last.ordinal < 59:
        last = source.mailbox.get(WAIT_S)
    assert read_number(last.to_bgr()) == 59
    assert (last.number, last.ordinal) == (20, 59)  # 0 and 40 to 59 were decoded
    assert len(source.ring.cut(0, 2**62)) == 60
    assert not calls.request_key.is_set()


def test_too_much_behind_without_a_key_frame_asks_for_one(source: WhipSource, calls: Calls) -> None:
    gate = Gate(source)
    frames = encoded("h264", MAX_WAITING + 10, keys=(0, MAX_WAITING + 5))
    source.start()
    source.receive(frames[0])
    assert gate.reached.wait(WAIT_S)
    for frame in frames[1 : MAX_WAITING + 3]:
        source.receive(frame)
    gate.open.set()
    assert read_number(source.mailbox.get(WAIT_S).to_bgr()) == 0
    assert calls.request_key.wait(WAIT_S)
    for frame in frames[MAX_WAITING + 3 :]:
        source.receive(frame)
    last = source.mailbox.get(WAIT_S)
    assert read_number(last.to_bgr()) >= MAX_WAITING + 5
    while last.ordinal < MAX_WAITING + 9:
        last = source.mailbox.get(WAIT_S)
    assert read_number(last.to_bgr()) == MAX_WAITING + 9
    assert last.number == 5


def test_what_waits_for_a_start_is_bounded(source: WhipSource) -> None:
    frames = encoded("vp8", 2)
    for _ in range(5 * MAX_BACKLOG):
        source.receive(frames[1])
        assert len(source._waiting) <= MAX_BACKLOG
    source.receive(encoded("vp8", 1, first=7)[0])
    source.start()
    assert read_number(source.mailbox.get(WAIT_S).to_bgr()) == 7


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_damaged_frame_asks_for_a_key_frame_and_no_garbage_is_shown(
    source: WhipSource, codec: str, calls: Calls
) -> None:
    source.start()
    frames = encoded(codec, 10, keys=(0, 6))
    each(source, frames[:3])
    damaged = EncodedFrame(codec, b"\0\0\0\1\x41" if codec == "h264" else b"\1", 3 * STEP, False, 0, 0.1, 0)
    source.receive(damaged)
    assert calls.request_key.wait(WAIT_S)
    for frame in frames[4:6]:
        source.receive(frame)
    got = each(source, frames[6:])
    assert [read_number(frame.to_bgr()) for frame in got] == [6, 7, 8, 9]
    assert [frame.ordinal for frame in got] == [6, 7, 8, 9]
    assert [frame.number for frame in got] == [3, 4, 5, 6]
    assert codec in (source.status().last_error or "")


def test_lost_frames_count_in_the_ordinal(source: WhipSource) -> None:
    source.start()
    frames = encoded("vp8", 8, keys=(0, 4))
    each(source, frames[:2])
    key = frames[4]
    got = each(source, [EncodedFrame("vp8", key.data, key.timestamp, True, 1, key.arrived_s, 2), *frames[5:]])
    assert [(frame.number, frame.ordinal) for frame in got] == [(2, 4), (3, 5), (4, 6), (5, 7)]


def test_a_frame_beyond_the_pixel_limit_is_not_decoded(calls: Calls) -> None:
    source = calls.source(StreamSettings(frame_pixels=320 * 240))
    source.start()
    source.receive(encoded("vp8", 1, (640, 480))[0])
    assert calls.request_key.wait(WAIT_S)
    assert source.mailbox.take() is None
    assert read_number(each(source, encoded("vp8", 1, first=3))[0].to_bgr()) == 3
    source.close()


def test_a_decoder_that_raises_anything_ends_the_session_loudly(calls: Calls) -> None:
    source = calls.source(StreamSettings())

    def decode(frame: EncodedFrame, pts_us: int) -> None:
        raise RuntimeError("the decoder is broken")

    source._decoder.decode = decode  # type: ignore[method-assign]
    source.start()
    source.receive(encoded("vp8", 1)[0])
    assert calls.stop.wait(WAIT_S)
    with pytest.raises(SourceError, match="the decoder is broken"):
        source.mailbox.get(WAIT_S)
    assert source.status().state is SourceState.FAILED
    assert "the decoder is broken" in (source.status().last_error or "")
    source.close()


def test_closing_wakes_everybody_and_is_idempotent(source: WhipSource, calls: Calls) -> None:
    source.start()
    each(source, encoded("vp8", 1))
    source.close()
    source.close()
    assert calls.finished.wait(WAIT_S)
    with pytest.raises(MailboxClosed):
        source.mailbox.get(WAIT_S)
    source.receive(encoded("vp8", 1)[0])
    assert not source._waiting
    assert source.status().state is SourceState.ENDED


def stamped(timestamp: int, arrived_s: float) -> EncodedFrame:
    return EncodedFrame("vp8", b"", timestamp, False, 0, arrived_s, 0)


def test_the_clock_follows_rtp_not_arrival() -> None:
    clock = SessionClock()
    arrivals = [5.0, 5.01, 5.3, 5.3001, 5.31]
    times = [clock.pts_us(stamped(777 + index * STEP, at)) for index, at in enumerate(arrivals)]
    assert times == [0, 33_333, 66_666, 100_000, 133_333]


def test_a_clock_that_jumps_is_set_anew_and_never_runs_backwards() -> None:
    clock = SessionClock()
    given = [(0, 0.0), (STEP, 0.033), (-(10**9), 0.066), (-(10**9) + STEP, 0.1), (10**12, 0.133), (10**12, 0.166)]
    times = [clock.pts_us(stamped(*one)) for one in given]
    assert times == sorted(set(times))
    assert times[-1] < 200_000


def test_a_pause_of_the_sender_is_a_pause() -> None:
    clock = SessionClock()
    assert clock.pts_us(stamped(0, 0.0)) == 0
    assert clock.pts_us(stamped(90_000 * 60, 60.0)) == 60_000_000
