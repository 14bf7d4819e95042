"""One camera that comes and goes, a process of its own so that it can be killed. Runs on the event loop.

    python session.py whip|frames http://127.0.0.1:8000 STREAM_ID

Prints `UP` when the service takes its pictures; ends in order when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from unittest.mock import patch
from urllib.parse import urljoin

import numpy as np
import numpy.typing as npt

SIZE_WH = (320, 240)
FPS = 10
UP_TIMEOUT_S = 30.0


def picture(number: int) -> npt.NDArray[np.uint8]:
    """A moving ramp, u8 BGR."""
    ramp = (np.arange(SIZE_WH[0]) + 8 * number).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (SIZE_WH[1], SIZE_WH[0], 3)))


def say_up() -> None:
    """Tell whoever started this process."""
    sys.stdout.write("UP\n")
    sys.stdout.flush()


async def told_to_end() -> None:
    """Wait until standard input ends."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def whip(base: str, stream_id: str) -> None:
    """Push by WebRTC until told to end, then DELETE."""
    import av
    import httpx
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack

    class Camera(VideoStreamTrack):
        """The ramp at aiortc's own pace."""

        async def recv(self) -> av.VideoFrame:
            pts, time_base = await self.next_timestamp()
            frame = av.VideoFrame.from_ndarray(picture(pts // 3000), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = pts, time_base
            return frame

    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver(Camera(), direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    async with httpx.AsyncClient(timeout=UP_TIMEOUT_S) as http:
        sdp, kind = peer.localDescription.sdp, {"content-type": "application/sdp"}
        response = await http.post(f"{base}/v1/streams/{stream_id}/whip", content=sdp, headers=kind)
        response.raise_for_status()
        await peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        async with asyncio.timeout(UP_TIMEOUT_S):
            while not await analysed(http, base, stream_id):  # noqa: ASYNC110 - asked for over HTTP
                await asyncio.sleep(0.2)
        say_up()
        await told_to_end()
        await http.delete(urljoin(str(response.url), response.headers["location"]))
    await peer.close()


async def analysed(http: object, base: str, stream_id: str) -> bool:
    """Whether the service has analysed a picture of the stream."""
    response = await http.get(f"{base}/v1/streams/{stream_id}")  # type: ignore[attr-defined]
    return response.status_code == 200 and response.json()["analysed"] > 0


async def frames(base: str, stream_id: str) -> None:
    """Push pictures over a WebSocket until told to end."""
    import cv2
    from websockets.asyncio.client import connect

    address = f"{base.replace('http', 'ws', 1)}/v1/streams/{stream_id}/frames"
    async with connect(address) as socket:

        async def push() -> None:
            number = 0
            while True:
                await socket.send(cv2.imencode(".jpg", picture(number))[1].tobytes())
                number += 1
                await asyncio.sleep(1 / FPS)

        async def take() -> None:
            async for _ in socket:
                pass

        pushing = asyncio.create_task(push())
        async with asyncio.timeout(UP_TIMEOUT_S):
            await socket.recv()
        say_up()
        taking = asyncio.create_task(take())
        await told_to_end()
        for task in (pushing, taking):
            task.cancel()


if __name__ == "__main__":
    with patch("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"]):
        asyncio.run({"whip": whip, "frames": frames}[sys.argv[1]](sys.argv[2], sys.argv[3]))
