"""Chromium's camera over WHIP, straight into WhipSessions: the browser's packets are not those of aiortc."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from stream.config import StreamConfig, StreamSettings
from stream.frame import Frame
from stream.sources.health import SourceState
from stream.webrtc.whip_sessions import WhipAnswer, WhipSessions
from tests.peers.chromium import camera_file, chromium
from tests.peers.numbers import read_number
from tests.peers.whip_client import Codec, loopback_ice

WAIT_S = 60.0
IMAGES = 250
SEND = """async codec => {
    const media = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
    window.peer = new RTCPeerConnection();
    const video = peer.addTransceiver(media.getVideoTracks()[0], {direction: 'sendonly'});
    const codecs = RTCRtpSender.getCapabilities('video').codecs.filter(one => one.mimeType === 'video/' + codec);
    video.setCodecPreferences(codecs);
    peer.addTransceiver('audio', {direction: 'sendonly'});
    await peer.setLocalDescription();
    await peer.setRemoteDescription({type: 'answer', sdp: await whip(peer.localDescription.sdp)});
}"""


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_numbers_of_the_camera_arrive_in_order(tmp_path: Path, codec: Codec) -> None:
    ended: asyncio.Queue[str] = asyncio.Queue()
    sessions = WhipSessions(StreamSettings(), lambda session_id, source: ended.put_nowait(session_id))
    answers: list[WhipAnswer] = []

    async def whip(offer_sdp: str) -> str:
        answers.append(await sessions.create(StreamConfig(id="webcam"), offer_sdp))
        answers[-1].source.start()
        return answers[-1].sdp

    with loopback_ice():
        async with chromium(await asyncio.to_thread(camera_file, tmp_path)) as browser:
            page = await browser.new_page()
            await page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
            await page.goto("http://localhost/")
            await page.expose_function("whip", whip)
            await page.evaluate(SEND, codec)
            source = answers[0].source
            got: list[Frame] = await asyncio.to_thread(lambda: [source.mailbox.get(WAIT_S) for _ in range(100)])
            status = source.status()
            assert (status.state, status.codec) == (SourceState.LIVE, codec.lower())
            assert source.ring.from_key()[0].is_key
            await page.evaluate("peer.close()")
            assert await asyncio.wait_for(ended.get(), 5.0) == answers[0].id
    numbers = [read_number(frame.to_bgr()) for frame in got]
    steps = [(later - earlier) % IMAGES for earlier, later in itertools.pairwise(numbers)]
    assert max(steps) < IMAGES // 2  # never an older frame
    times_us = [frame.pts_us for frame in got]
    assert times_us == sorted(set(times_us))
    seconds = (times_us[-1] - times_us[0]) / 1e6
    rate = sum(steps) / seconds
    assert 15 < rate < 40  # the browser plays the file at a rate of its own
    for shown, time_us in zip(itertools.accumulate(steps), times_us[1:], strict=True):
        assert abs(shown / rate - (time_us - times_us[0]) / 1e6) < 0.3
    await sessions.close()
