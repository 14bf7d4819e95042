"""The tap: packets of aiortc's own encoders, reordered, lost, doubled and wrapped around."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

import aiortc
import av
import pytest
from aiortc.codecs import CODECS, depayload
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RtpPacket

from stream.config import StreamSettings
from stream.decoding.encoded_frame import EncodedFrame, parameter_sets, vp8_size_wh
from stream.decoding.image_header import frame_limit
from stream.errors import TapError
from stream.webrtc.aiortc_tap import FrameAssembler, tap_receiver
from stream.webrtc.whip_decoder import FrameDecoder
from tests.peers.numbers import numbered_image, read_number

TYPES = {codec.payloadType: codec for codec in CODECS["video"]}
PAYLOAD_TYPE = {codec.name: codec.payloadType for codec in reversed(CODECS["video"])}
STEP = 3000  # 30 frames a second at 90 kHz


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Tapped:
    """An assembler, what it delivered, and the key frames it asked for."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.frames: list[EncodedFrame] = []
        self.plis = 0
        self.assembler = FrameAssembler(TYPES, self.frames.append, self.clock)

    def feed(self, packets: Sequence[RtpPacket], seconds_each: float = 0.001) -> Tapped:
        for packet in packets:
            self.clock.now_s += seconds_each
            pli, none = self.assembler.add(packet)  # type: ignore[arg-type]
            assert none is None
            self.plis += pli
        return self

    def numbers(self) -> list[int]:
        decoder = FrameDecoder(frame_limit(StreamSettings()))
        images = [decoder.decode(frame, index) for index, frame in enumerate(self.frames)]
        return [read_number(one.image.to_ndarray(format="bgr24")) for one in images if one]


def images(codec: str, count: int, keys: Sequence[int] = (0,), seq: int = 0, ts: int = 0) -> list[list[RtpPacket]]:
    """The packets of numbered frames, a list for each."""
    encoder = Vp8Encoder() if codec == "VP8" else H264Encoder()
    encoder.target_bitrate = 1_500_000
    sent = []
    for number in range(count):
        image = av.VideoFrame.from_ndarray(numbered_image(number, (640, 480)), format="bgr24")
        image = image.reformat(format="yuv420p")
        image.pts, image.time_base = number * STEP, Fraction(1, 90_000)
        payloads, _ = encoder.encode(image, force_keyframe=number in keys)
        packets = []
        for index, payload in enumerate(payloads):
            packet = RtpPacket(
                PAYLOAD_TYPE[codec], int(index == len(payloads) - 1), seq & 0xFFFF, (ts + number * STEP) & 0xFFFFFFFF, 7
            )
            packet.payload = payload
            packet._data = depayload(TYPES[packet.payload_type], payload)  # type: ignore[attr-defined]
            packets.append(packet)
            seq += 1
        sent.append(packets)
    return sent


def flat(parts: Sequence[Sequence[RtpPacket]]) -> list[RtpPacket]:
    return [packet for part in parts for packet in part]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_each_frame_comes_with_its_last_packet(codec: str) -> None:
    tapped = Tapped()
    for number, packets in enumerate(images(codec, 10)):
        tapped.feed(packets[:-1])
        assert len(tapped.frames) == number
        tapped.feed(packets[-1:])
        assert len(tapped.frames) == number + 1
        assert tapped.frames[-1].arrived_s == tapped.clock.now_s
    assert tapped.numbers() == list(range(10))
    assert [frame.is_key for frame in tapped.frames] == [True] + [False] * 9
    assert [frame.timestamp - tapped.frames[0].timestamp for frame in tapped.frames] == [n * STEP for n in range(10)]
    assert tapped.plis == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_without_marker_bits_the_next_frame_ends_one(codec: str) -> None:
    sent = flat(images(codec, 5))
    for packet in sent:
        packet.marker = 0
    assert Tapped().feed(sent).numbers() == [0, 1, 2, 3]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_reordered_doubled_and_wrapped_packets_change_nothing(codec: str) -> None:
    shuffle = random.Random(3)
    sent = flat(images(codec, 40, seq=0xFFF0, ts=0xFFFFFFFF - 5 * STEP))
    mixed = [sent[0], *sorted(sent[1:] + sent[5:30], key=lambda packet: sent.index(packet) + shuffle.uniform(0, 6))]
    tapped = Tapped().feed(mixed)
    assert tapped.numbers() == list(range(40))
    assert [frame.timestamp - tapped.frames[0].timestamp for frame in tapped.frames] == [n * STEP for n in range(40)]
    assert sum(frame.lost_before for frame in tapped.frames) == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_packet_sent_again_in_time_saves_all_that_waited(codec: str) -> None:
    sent = flat(images(codec, 12))
    late = next(index for index, packet in enumerate(sent) if packet.timestamp == 4 * STEP)
    tapped = Tapped().feed(sent[:late] + sent[late + 1 :])
    assert tapped.numbers() == [0, 1, 2, 3]
    tapped.feed([sent[late]])  # all at once, without waiting for further packets
    assert tapped.numbers() == list(range(12))
    assert tapped.plis == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize("where", [0, -1], ids=["first packet", "last packet"])
def test_after_a_loss_nothing_comes_before_the_next_key_frame(codec: str, where: int) -> None:
    sent = images(codec, 30, keys=(0, 20))
    del sent[4][where]
    tapped = Tapped().feed(flat(sent), seconds_each=0.02)
    assert tapped.numbers() == [0, 1, 2, 3, *range(20, 30)]
    assert tapped.plis >= 1
    after = next(frame for frame in tapped.frames if frame.timestamp == 20 * STEP)
    assert after.is_key
    assert after.lost_before >= 14


def test_a_stream_that_begins_in_the_middle_waits_for_a_key_frame_and_asks() -> None:
    sent = images("VP8", 60, keys=(0, 50))[10:]
    tapped = Tapped().feed(flat(sent), seconds_each=0.02)
    assert tapped.numbers() == list(range(50, 60))
    spent_s = tapped.clock.now_s - 100.0
    assert 1 <= tapped.plis <= spent_s / 0.5


def test_what_waits_behind_a_hole_is_bounded_even_when_time_stands_still() -> None:
    sent = flat(images("VP8", 2))
    tapped = Tapped().feed(sent[:1])
    for number in range(5000):
        packet = RtpPacket(sent[0].payload_type, 0, (number + 3) & 0xFFFF, 9 * STEP, 7)
        packet._data = b"\1" * 100  # type: ignore[attr-defined]
        tapped.feed([packet], seconds_each=0.0)
        assert len(tapped.assembler._early) <= 2048


def test_a_frame_without_an_end_is_bounded() -> None:
    tapped = Tapped()
    for number in range(40_000):
        packet = RtpPacket(PAYLOAD_TYPE["VP8"], 0, number & 0xFFFF, STEP, 7)
        packet._data = b"\1" * 10  # type: ignore[attr-defined]
        tapped.feed([packet])
        assert len(tapped.assembler._parts) <= 8192


def test_another_source_behind_the_same_track_goes_on_at_its_key_frame() -> None:
    first, second = images("VP8", 5), images("VP8", 5, seq=40_000, ts=123_456_789)
    for packet in flat(second):
        packet.ssrc = 8
    tapped = Tapped().feed(flat(first) + flat(second))
    assert tapped.numbers() == [0, 1, 2, 3, 4] * 2


def test_asking_for_a_key_frame_holds_nothing_back() -> None:
    sent = images("VP8", 60)
    tapped = Tapped().feed(flat(sent[:1]))
    tapped.assembler.request_key()
    tapped.feed(flat(sent[1:]), seconds_each=0.02)
    assert tapped.numbers() == list(range(60))
    assert tapped.plis >= 2  # again and again, until one comes


def test_padding_is_no_frame() -> None:
    sent = images("VP8", 3)
    packets = sent[0]
    last = packets[-1]
    for packet in flat(sent[1:]):
        packet.sequence_number += 2
    for extra in (1, 2):
        padding = RtpPacket(last.payload_type, 0, last.sequence_number + extra, last.timestamp, last.ssrc)
        padding._data = b""  # type: ignore[attr-defined]
        packets.append(padding)
    assert Tapped().feed(flat(sent)).numbers() == [0, 1, 2]


def test_a_key_frame_tells_its_size() -> None:
    vp8 = Tapped().feed(flat(images("VP8", 1))).frames[0]
    assert vp8_size_wh(vp8.data) == (640, 480)
    assert vp8_size_wh(b"\0" * 20) is None
    h264 = Tapped().feed(flat(images("H264", 1))).frames[0]
    assert parameter_sets(h264.data)[0] & 0x1F == 7


async def test_an_aiortc_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = aiortc.RTCPeerConnection()
    receiver = connection.addTransceiver("video").receiver
    with monkeypatch.context() as changed:
        changed.setattr(aiortc, "__version__", "1.17.0")
        with pytest.raises(TapError, match=r"1\.17"):
            tap_receiver(receiver, lambda frame: None)
    with monkeypatch.context() as changed:
        changed.delattr(receiver, "_RTCRtpReceiver__jitter_buffer")
        with pytest.raises(TapError, match="jitter_buffer"):
            tap_receiver(receiver, lambda frame: None)
    await connection.close()
