"""WhipSessions with real aiortc peers on loopback."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from stream.config import StreamConfig, StreamSettings
from stream.errors import (
    BadOfferError,
    EtagMismatchError,
    EtagMissingError,
    MailboxClosed,
    RestartUnsupportedError,
    SessionUnknownError,
    TooManySessionsError,
    UnsupportedOfferError,
)
from stream.frame import Frame
from stream.sources.health import SourceState
from stream.webrtc.whip_sessions import WhipSessions
from stream.webrtc.whip_source import WhipSource
from tests.peers.numbers import read_number
from tests.peers.whip_client import Codec, NumberedTrack, WhipClient, loopback_ice

CAM = StreamConfig(id="cam")
WAIT_S = 30.0


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    with loopback_ice():
        yield


class Ended:
    """What WhipSessions reported of sessions that ended."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, WhipSource]] = asyncio.Queue()

    def __call__(self, session_id: str, source: WhipSource) -> None:
        self._queue.put_nowait((session_id, source))

    async def next(self, timeout_s: float = WAIT_S) -> tuple[str, WhipSource]:
        return await asyncio.wait_for(self._queue.get(), timeout_s)


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
async def sessions(ended: Ended) -> AsyncIterator[WhipSessions]:
    opened = WhipSessions(StreamSettings(), ended)
    yield opened
    await opened.close()
    assert len(opened) == 0


async def frames(source: WhipSource, enough: Callable[[list[Frame]], bool]) -> list[Frame]:
    """What the mailbox gives, the newest each time, until it is enough."""

    def take() -> list[Frame]:
        got: list[Frame] = []
        while not enough(got):
            got.append(source.mailbox.get(WAIT_S))
        return got

    return await asyncio.to_thread(take)


def check_attribution(got: list[Frame], track: NumberedTrack) -> None:
    """Each frame's number belongs to its pts, to 20 µs, and all times grow."""
    numbers = [read_number(frame.to_bgr()) for frame in got]
    for number, frame in zip(numbers, got, strict=True):
        offset_us = (track.sent[number] - track.sent[numbers[0]]) * 100 / 9
        assert abs(frame.pts_us - got[0].pts_us - offset_us) <= 20
    for earlier, later in itertools.pairwise(got):
        assert earlier.pts_us < later.pts_us
        assert earlier.number < later.number
        assert later.ordinal - later.number >= earlier.ordinal - earlier.number
        assert earlier.arrived_s <= later.arrived_s
        assert earlier.captured_at_ns < later.captured_at_ns
    assert len({frame.session for frame in got}) == 1


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_numbers_arrive_with_their_times(sessions: WhipSessions, codec: Codec) -> None:
    async with WhipClient(NumberedTrack(), codec) as client:
        source = (await client.connect(sessions, "cam")).source
        source.start()
        got = await frames(source, lambda got: len(got) >= 40)
        check_attribution(got, client.track)
        first = read_number(got[0].to_bgr())
        # nothing was lost on the way, so ordinals count exactly the frames sent
        assert [f.ordinal - got[0].ordinal for f in got] == [read_number(f.to_bgr()) - first for f in got]
        status = source.status()
        assert (status.state, status.codec, status.size_wh) == (SourceState.LIVE, codec.lower(), (320, 240))
        assert status.fps > 5
        assert source.ring.from_key()[0].is_key


async def test_two_peers_at_once_are_never_mixed_up(sessions: WhipSessions) -> None:
    async with WhipClient(NumberedTrack(), "VP8") as one, WhipClient(NumberedTrack(first=100_000), "H264") as other:
        sources = [(await client.connect(sessions, f"cam-{index}")).source for index, client in enumerate((one, other))]
        for source in sources:
            source.start()
        both = await asyncio.gather(*(frames(source, lambda got: len(got) >= 25) for source in sources))
        for got, client, stream_id in zip(both, (one, other), ("cam-0", "cam-1"), strict=True):
            check_attribution(got, client.track)
            assert {frame.stream_id for frame in got} == {stream_id}
            assert {read_number(frame.to_bgr()) >= 100_000 for frame in got} == {client is other}


async def test_the_frame_size_changes_in_flight(sessions: WhipSessions) -> None:
    async with WhipClient(NumberedTrack()) as client:
        source = (await client.connect(sessions, "cam")).source
        source.start()
        got: list[Frame] = []
        for size_wh in ((320, 240), (480, 360), (160, 120)):
            client.track.size_wh = size_wh
            got += await frames(source, lambda new, size_wh=size_wh: bool(new) and new[-1].size_wh == size_wh)  # type: ignore[misc]
        check_attribution(got, client.track)
        assert source.ring.codec is not None
        assert source.ring.codec.size_wh == (160, 120)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_lost_datagrams_never_lead_to_wrong_frames(sessions: WhipSessions, codec: Codec) -> None:
    luck = random.Random(1)
    async with WhipClient(NumberedTrack(size_wh=(640, 480)), codec) as client:
        source = (await client.connect(sessions, "cam")).source
        source.start()
        await frames(source, lambda got: len(got) >= 5)
        client.lose(lambda datagram: len(datagram) > 200 and luck.random() < 0.05)
        check_attribution(await frames(source, lambda got: len(got) >= 60), client.track)


async def test_audio_is_answered_as_inactive(sessions: WhipSessions) -> None:
    async with WhipClient(NumberedTrack(), audio=True) as client:
        answer = await client.connect(sessions, "cam")
        audio = answer.sdp[answer.sdp.index("m=audio") : answer.sdp.index("m=video")]
        assert "a=inactive" in audio
        assert "a=recvonly" in answer.sdp[answer.sdp.index("m=video") :]
        answer.source.start()
        check_attribution(await frames(answer.source, lambda got: len(got) >= 10), client.track)


async def test_trickled_candidates_are_taken_with_the_right_etag(sessions: WhipSessions) -> None:
    async with WhipClient(NumberedTrack()) as client:
        offer = await client.offer()
        lines = offer.splitlines()
        bare = [line for line in lines if not line.startswith(("a=candidate", "a=end-of-candidates"))]
        answer = await sessions.create(CAM, "\r\n".join(bare) + "\r\n")
        credentials = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd"))]
        candidates = [line for line in lines if line.startswith("a=candidate")]
        assert candidates
        unreachable = "a=candidate:1 1 udp 1 6a2f5b0e-1c2d.local 5000 typ host"
        fragment = "\r\n".join([*credentials, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *candidates, unreachable, ""])
        with pytest.raises(EtagMissingError):
            await sessions.patch(answer.id, None, fragment)
        with pytest.raises(EtagMismatchError):
            await sessions.patch(answer.id, '"other"', fragment)
        with pytest.raises(BadOfferError):
            await sessions.patch(answer.id, answer.etag, "a=candidate:nonsense")
        with pytest.raises(BadOfferError):
            await sessions.patch(answer.id, answer.etag, "{}")
        for if_match, body in (("*", fragment), (answer.etag, fragment.replace("ice-ufrag:", "ice-ufrag:x"))):
            with pytest.raises(RestartUnsupportedError):
                await sessions.patch(answer.id, if_match, body)
        await sessions.patch(answer.id, f'"other", {answer.etag}', fragment + "a=end-of-candidates\r\n")
        transport = sessions._sessions[answer.id].connection.getTransceivers()[0].receiver.transport.transport
        assert {candidate.ip for candidate in transport.getRemoteCandidates()} == {"127.0.0.1"}
        with pytest.raises(BadOfferError, match="64"):
            await sessions.patch(answer.id, answer.etag, "\r\n".join(candidates * 65))
        await client.accept(answer.sdp)
        answer.source.start()
        assert await frames(answer.source, lambda got: len(got) >= 3)


async def test_a_second_session_is_another(sessions: WhipSessions) -> None:
    async with WhipClient(NumberedTrack()) as client:
        first = await sessions.create(CAM, await client.offer())
        second = await sessions.create(CAM, await client.offer())
        assert first.id != second.id
        assert first.etag != second.etag
        assert first.etag[0] == first.etag[-1] == '"'
        assert len(sessions) == 2
        await sessions.delete(first.id)
        for call in (sessions.delete(first.id), sessions.patch(first.id, first.etag, ""), sessions.delete("nobody")):
            with pytest.raises(SessionUnknownError):
                await call
        assert len(sessions) == 1


async def good_offer() -> str:
    async with WhipClient(NumberedTrack(), audio=True) as client:
        return await client.offer()


def section(offer: str, kind: str) -> str:
    """One media section of an offer."""
    start = offer.index(f"m={kind}")
    end = offer.find("m=", start + 2)
    return offer[start : end if end >= 0 else len(offer)]


BROKEN: dict[str, Callable[[str], str]] = {
    "empty": lambda offer: "",
    "json": lambda offer: '{"type": "offer"}',
    "binary": lambda offer: "\x00\xff" * 99,
    "no media": lambda offer: offer[: offer.index("m=")],
    "cut": lambda offer: offer[: offer.index("a=rtpmap")],
    "no ufrag": lambda offer: offer.replace("a=ice-ufrag", "a=x-ufrag"),
    "short password": lambda offer: "\r\n".join(
        "a=ice-pwd:" if line.startswith("a=ice-pwd") else line for line in offer.splitlines()
    ),
    "no fingerprint": lambda offer: offer.replace("a=fingerprint", "a=x-fingerprint"),
    "no setup": lambda offer: offer.replace("a=setup:actpass\r\n", ""),
    "no mux": lambda offer: offer.replace("a=rtcp-mux", "a=x-mux"),
    "bad payload type": lambda offer: offer.replace("SAVPF 97", "SAVPF x"),
    "fmtp of nothing": lambda offer: offer + "a=fmtp:33 apt=1\r\n",
    "huge": lambda offer: offer + "a=x:y\r\n" * 20_000,
    "candidates without end": lambda offer: offer + "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n" * 100,
}
UNSUPPORTED: dict[str, Callable[[str], str]] = {
    "no video": lambda offer: offer.replace(section(offer, "video"), ""),
    "only receives": lambda offer: offer.replace("a=sendonly", "a=recvonly"),
    "other video codec": lambda offer: offer.replace("VP8/90000", "AV1/90000"),
    "other audio codec": lambda offer: (
        offer.replace("opus/", "speex/").replace("G722/", "x/").replace("PCMU/", "y/").replace("PCMA/", "z/")
    ),
    "two videos": lambda offer: offer + section(offer, "video").replace("a=mid:1", "a=mid:2"),
    "data channel": lambda offer: (
        offer + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=fingerprint:sha-256 00:11\r\n"
    ),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
async def test_a_broken_offer_is_refused(sessions: WhipSessions, change: Callable[[str], str]) -> None:
    with pytest.raises(BadOfferError):
        await sessions.create(CAM, change(await good_offer()))
    assert len(sessions) == 0


@pytest.mark.parametrize("change", UNSUPPORTED.values(), ids=UNSUPPORTED)
async def test_an_offer_that_cannot_be_served_is_refused(sessions: WhipSessions, change: Callable[[str], str]) -> None:
    changed = change(await good_offer())
    with pytest.raises(UnsupportedOfferError):
        await sessions.create(CAM, changed)
    assert len(sessions) == 0


async def test_the_limit_on_sessions_holds_and_frees() -> None:
    sessions = WhipSessions(StreamSettings(whip_sessions=2))
    offer = await good_offer()
    opened = await asyncio.gather(*(sessions.create(CAM, offer) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, TooManySessionsError) for one in opened) == 3
    first = next(one for one in opened if not isinstance(one, BaseException))
    await sessions.delete(first.id)
    await sessions.create(CAM, offer)
    await sessions.close()
    with pytest.raises(TooManySessionsError):
        await sessions.create(CAM, offer)
    await sessions.close()


async def test_a_peer_that_vanishes_is_given_up_in_time(ended: Ended) -> None:
    sessions = WhipSessions(StreamSettings(whip_timeout_s=1.0, stalled_after_s=0.3), ended)
    async with WhipClient(NumberedTrack()) as client:
        answer = await client.connect(sessions, "cam")
        answer.source.start()
        await frames(answer.source, lambda got: len(got) >= 5)
        client.vanish()
        session_id, source = await ended.next()
        assert (session_id, source) == (answer.id, answer.source)
        assert source.status().state is SourceState.ENDED
        assert "1 s" in (source.status().last_error or "")
        with pytest.raises(MailboxClosed):
            while True:
                source.mailbox.get(WAIT_S)
        assert len(sessions) == 0


async def test_a_peer_that_never_comes_is_given_up(ended: Ended) -> None:
    sessions = WhipSessions(StreamSettings(whip_timeout_s=0.5), ended)
    answer = await sessions.create(CAM, await good_offer())
    assert (await ended.next())[0] == answer.id
    assert answer.source.status().state is SourceState.FAILED
    with pytest.raises(SessionUnknownError):
        await sessions.delete(answer.id)


async def test_a_peer_that_hangs_up_ends_its_session_at_once(sessions: WhipSessions, ended: Ended) -> None:
    async with WhipClient(NumberedTrack()) as client:
        answer = await client.connect(sessions, "cam")
        answer.source.start()
        await frames(answer.source, lambda got: len(got) >= 3)
        await client.close()
        assert (await ended.next(timeout_s=5.0))[0] == answer.id  # the time-out is 10 s
        assert answer.source.status().last_error is None


async def test_closing_the_source_hangs_up(sessions: WhipSessions, ended: Ended) -> None:
    async with WhipClient(NumberedTrack()) as client:
        answer = await client.connect(sessions, "cam")
        answer.source.start()
        await client.connected()
        await asyncio.to_thread(answer.source.close)
        assert (await ended.next())[0] == answer.id
        closed = asyncio.Event()
        client.connection.on("connectionstatechange", closed.set)
        if client.connection.connectionState != "closed":
            await asyncio.wait_for(closed.wait(), WAIT_S)


async def test_deleting_waits_until_all_is_gone(sessions: WhipSessions, ended: Ended) -> None:
    async with WhipClient(NumberedTrack()) as client:
        answer = await client.connect(sessions, "cam")
        answer.source.start()
        await client.connected()
        await client.delete()
        assert not answer.source._thread.is_alive()
        assert answer.source.mailbox.closed
        assert (await ended.next())[0] == answer.id


async def test_the_nat_address_stands_in_the_answer() -> None:
    sessions = WhipSessions(StreamSettings(nat_1to1_address="203.0.113.7"))
    async with WhipClient(NumberedTrack()) as client:
        answer = await client.connect(sessions, "cam")
        candidates = [line for line in answer.sdp.splitlines() if line.startswith("a=candidate")]
        assert candidates
        assert all(" 203.0.113.7 " in line for line in candidates)
        assert "c=IN IP4 203.0.113.7" in answer.sdp
        assert "127.0.0.1" not in answer.sdp
    await sessions.close()


def test_settings_that_make_no_sense_are_refused() -> None:
    for settings in (
        StreamSettings(ice_servers=("http://stun",)),
        StreamSettings(ice_servers=("turn:",)),
        StreamSettings(nat_1to1_address="host.example"),
    ):
        with pytest.raises(ValueError, match=r"ICE server|address"):
            WhipSessions(settings)
    WhipSessions(StreamSettings(ice_servers=("stun:127.0.0.1:3478", "turn:me:word@127.0.0.1:3478?transport=tcp")))


def resources() -> Counter[str]:
    """Threads (but those of the test's own executor), tasks and open files, by name."""
    threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    tasks = [f"task {task.get_coro()}" for task in asyncio.all_tasks()]
    files = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]
    return Counter([*threads, *tasks, *(name.partition(":")[0] for name in files)])


async def settled(before: Counter[str]) -> None:
    """Let what is closing have its turns on the loop, then nothing more may be there than before."""
    left = resources() - before
    for _ in range(1000):
        if not left:
            return
        await asyncio.sleep(0.01)
        left = resources() - before
    pytest.fail(f"left: {dict(left)}")


@pytest.mark.parametrize("how", ["delete", "hang up", "close source", "refuse", "cancel", "never start", "close all"])
async def test_nothing_is_left_of_twenty_sessions(ended: Ended, how: str) -> None:
    sessions = WhipSessions(StreamSettings(), ended)
    before: Counter[str] | None = None
    for index in range(21):
        if index == 1:  # the first leaves what the libraries load once
            before = resources()
        client = WhipClient(NumberedTrack(fps=60), "VP8" if index % 2 else "H264", audio=index % 3 == 0)
        if how in ("refuse", "cancel"):
            offer = await client.offer()
            changed = offer.replace("VP8/9", "VP7/9").replace("H264/9", "H263/9") if how == "refuse" else offer
            creating = asyncio.create_task(sessions.create(CAM, changed))
            if how == "cancel":
                for _ in range(index):
                    await asyncio.sleep(0)
                creating.cancel()
            await asyncio.wait([creating])
            if not creating.cancelled() and creating.exception() is None:
                await sessions.delete(creating.result().id)
        else:
            answer = await client.connect(sessions, "cam")
            if how != "never start":
                answer.source.start()
                await frames(answer.source, lambda got: bool(got))
            if how == "delete":
                await client.delete()
            elif how == "close source":
                await asyncio.to_thread(answer.source.close)
            elif how == "close all":
                await sessions.close()
                sessions = WhipSessions(StreamSettings(), ended)
            elif how == "never start":
                await sessions.delete(answer.id)
            if how == "hang up":
                await client.close()
            await ended.next()
        await client.close()
        assert len(sessions) == 0
    assert before is not None
    await settled(before)
