"""A viewer of `WS /v1/streams/{id}/video` that decodes as a browser would, with PyAV. Runs on the event loop."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from websockets.asyncio.client import ClientConnection, connect

from tests.peers.numbers import NumberError, read_number

DELTA, KEY, PICTURE = 0, 1, 2
_DECODERS = {"avc1": "h264", "hvc1": "hevc", "hev1": "hevc", "vp8": "vp8", "vp09": "vp9", "av01": "libdav1d"}
Shown = tuple[str, int]
"""(session, pts_us): what identifies a picture."""


@dataclass
class VideoClient:
    """What came, and what it shows. Like a browser's decoder it begins at a key frame after each configuration."""

    socket: ClientConnection
    configs: list[dict[str, Any]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    sizes: dict[Shown, tuple[int, int]] = field(default_factory=dict)
    numbers: dict[Shown, int | None] = field(default_factory=dict)
    data: dict[Shown, bytes] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    _decoder: VideoCodecContext | None = None
    _needs_key: bool = True

    async def take(self, timeout_s: float = 20) -> str | bytes:
        """One message, decoded."""
        async with asyncio.timeout(timeout_s):
            message = await self.socket.recv()
        if isinstance(message, str):
            self._told(json.loads(message))
        else:
            self._show(message)
        return message

    async def until(self, condition: Callable[[VideoClient], bool], timeout_s: float = 40) -> None:
        """Take messages until a condition holds."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                await self.take(timeout_s)

    def _told(self, told: dict[str, Any]) -> None:
        if "skipped" in told:
            self.skipped.append(told["skipped"])
            self._needs_key = True
            return
        assert set(told) == {"schema", "session", "codec", "coded_wh", "description"}
        assert told["schema"] == "livesight.video/1"
        self.configs.append(told)
        self._needs_key = True
        self._decoder = None
        if told["codec"] != "jpeg":
            decoder = av.CodecContext.create(_DECODERS[told["codec"].partition(".")[0]], "r")
            assert isinstance(decoder, VideoCodecContext)
            decoder.thread_count = 1
            if told["description"] is not None:
                decoder.extradata = base64.b64decode(told["description"])
            self._decoder = decoder

    def _show(self, message: bytes) -> None:
        kind, pts_us, data = message[0], int.from_bytes(message[1:9], "big", signed=True), message[9:]
        assert self.configs, "a configuration comes before the first picture"
        assert not (self._needs_key and kind == DELTA), "decoding begins at a key frame"
        self._needs_key = False
        self.kinds.append(kind)
        session = self.configs[-1]["session"]
        self.data[session, pts_us] = data
        if self._decoder is None:
            assert kind == PICTURE
            self._note(session, pts_us, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
            return
        packet = av.Packet(data)
        packet.pts, packet.time_base = pts_us, Fraction(1, 1_000_000)
        for picture in self._decoder.decode(packet):
            assert picture.pts is not None
            self._note(session, picture.pts, picture.to_ndarray(format="bgr24"))

    def _note(self, session: str, pts_us: int, image_bgr: Any) -> None:
        self.sizes[session, pts_us] = image_bgr.shape[1], image_bgr.shape[0]
        try:
            self.numbers[session, pts_us] = read_number(image_bgr)
        except NumberError:
            self.numbers[session, pts_us] = None


@contextlib.asynccontextmanager
async def viewing(ws: str, stream_id: str) -> AsyncIterator[VideoClient]:
    """A viewer of a stream's picture; `ws` as ws://host:port."""
    async with connect(f"{ws}/v1/streams/{stream_id}/video", max_size=None, compression=None) as socket:
        yield VideoClient(socket)
