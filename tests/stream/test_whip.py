"""WhipSessions with a real aiortc peer on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from stream.config import StreamSettings
from stream.frame import Frame
from stream.whip import WhipSessions
from stream.whip_source import WhipSource
from tests.peers.numbers import read_number
from tests.peers.whip_client import Codec, NumberedTrack, WhipClient, loopback_ice

WAIT_S = 30.0


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    with loopback_ice():
        yield


@pytest.fixture
async def sessions() -> AsyncIterator[WhipSessions]:
    opened = WhipSessions(StreamSettings())
    yield opened
    await opened.close()
    assert len(opened) == 0


async def frames(source: WhipSource, count: int) -> list[Frame]:
    """The next `count` frames that the mailbox gives, the newest each time."""

    def take() -> list[Frame]:
        return [source.mailbox.get(WAIT_S) for _ in range(count)]

    return await asyncio.to_thread(take)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_numbers_arrive_with_their_times(sessions: WhipSessions, codec: Codec) -> None:
    async with WhipClient(NumberedTrack(), codec) as client:
        source = (await client.connect(sessions, "cam")).source
        source.start()
        got = await frames(source, 40)
        assert len({frame.session for frame in got}) == 1
        first = read_number(got[0].to_bgr())
        for frame in got:
            number = read_number(frame.to_bgr())
            offset_us = (client.track.sent[number] - client.track.sent[first]) / 90_000 * 1e6
            assert abs(frame.pts_us - got[0].pts_us - offset_us) <= 20
