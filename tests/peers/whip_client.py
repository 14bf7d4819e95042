"""A WHIP client (RFC 9725) by aiortc that sends numbered pictures, straight to WhipSessions or over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal
from unittest.mock import patch
from urllib.parse import urljoin

import av
import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import VIDEO_TIME_BASE, AudioStreamTrack

from stream.config import StreamConfig
from stream.webrtc.whip_sessions import WhipAnswer, WhipSessions
from tests.peers.numbers import Image, numbered_image

Codec = Literal["VP8", "H264"]


@contextlib.contextmanager
def loopback_ice() -> Iterator[None]:
    """Keep ICE on 127.0.0.1, at both ends inside this process."""
    with patch("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"]):
        yield


class NumberedTrack(VideoStreamTrack):
    """Pictures that show their number, at `fps`. `size_wh` may be changed at any time; `sent` maps number to pts."""

    def __init__(
        self,
        fps: float = 30.0,
        size_wh: tuple[int, int] = (320, 240),
        first: int = 0,
        draw: Callable[[int, tuple[int, int]], Image] = numbered_image,
    ) -> None:
        super().__init__()
        self.draw = draw
        self.fps = fps
        self.size_wh = size_wh
        self.number = first
        self.sent: dict[int, int] = {}
        self.paused = False
        self._began_s: float | None = None
        self._pictures = 0

    async def recv(self) -> av.VideoFrame:
        """The next picture, when its time has come. pts in 1/90000 s."""
        if self._began_s is None:
            self._began_s = time.monotonic()
        while True:
            self._pictures += 1
            await asyncio.sleep(max(0.0, self._began_s + self._pictures / self.fps - time.monotonic()))
            if not self.paused:
                break
        picture = av.VideoFrame.from_ndarray(self.draw(self.number, self.size_wh), format="bgr24")
        picture = picture.reformat(format="yuv420p")
        picture.pts = round(self._pictures / self.fps * 90_000)
        picture.time_base = VIDEO_TIME_BASE
        self.sent[self.number] = picture.pts
        self.number += 1
        return picture


class WhipClient:
    """One peer connection that sends one track, and silence where asked for."""

    def __init__(self, track: NumberedTrack, codec: Codec = "VP8", audio: bool = False) -> None:
        self.track = track
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        if audio:
            self.connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
        transceiver = self.connection.addTransceiver(track, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([known for known in codecs if known.mimeType == f"video/{codec}"])
        self.answer_sdp = ""
        self.etag = ""
        self.url = ""
        self.answer: WhipAnswer | None = None
        self._end: Callable[[], Awaitable[object]] | None = None

    async def offer(self) -> str:
        """The offer with all candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def connect(self, sessions: WhipSessions, stream_id: str) -> WhipAnswer:
        """Without HTTP. The source in the answer is not started yet."""
        answer = await sessions.create(StreamConfig(id=stream_id), await self.offer())
        self._end = lambda: sessions.delete(answer.id)
        self.answer, self.etag = answer, answer.etag
        await self.accept(answer.sdp)
        return answer

    async def connect_http(self, http: httpx.AsyncClient, endpoint: str) -> httpx.Response:
        """POST the offer to `/v1/streams/ID/whip`; raises httpx.HTTPStatusError when it is refused."""
        response = await http.post(endpoint, content=await self.offer(), headers={"content-type": "application/sdp"})
        response.raise_for_status()
        assert response.status_code == 201, response.status_code
        assert response.headers["content-type"].startswith("application/sdp")
        self.url = urljoin(str(response.url), response.headers["location"])
        self.etag = response.headers["etag"]
        self._end = lambda: http.delete(self.url)
        await self.accept(response.text)
        return response

    async def accept(self, answer_sdp: str) -> None:
        """Apply the answer; media flows as soon as ICE and DTLS are through."""
        self.answer_sdp = answer_sdp
        await self.connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))

    async def connected(self, timeout_s: float = 20.0) -> None:
        """Wait until the connection is up."""
        up = asyncio.Event()

        def look() -> None:
            if self.connection.connectionState == "connected":
                up.set()

        self.connection.on("connectionstatechange", look)
        look()
        await asyncio.wait_for(up.wait(), timeout_s)

    async def delete(self) -> object:
        """End the session the way RFC 9725 says; the response over HTTP."""
        assert self._end is not None
        return await self._end()

    def lose(self, lost: Callable[[bytes], bool]) -> None:
        """From now on datagrams for which `lost` says so do not leave this peer."""
        for transceiver in self.connection.getTransceivers():
            for protocol in transceiver.receiver.transport.transport._connection._protocols:
                send = protocol.transport.sendto

                def sendto(data: bytes, addr: object = None, send: Callable[..., None] = send) -> None:
                    if not lost(data):
                        send(data, addr)

                protocol.transport.sendto = sendto  # type: ignore[method-assign,assignment]

    def vanish(self) -> None:
        """Fall silent like a machine whose cable was cut: no goodbye of any kind."""
        self.lose(lambda datagram: True)

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()
        self.track.stop()

    async def __aenter__(self) -> WhipClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
