"""One stream's pictures for all its viewers: packets untouched, or pictures as JPEG. Runs on the event loop.

A packet is made a message once and that one `bytes` goes to every viewer. Sources without packets that a browser
decodes give JPEGs: those that were pushed as they are, or each analysed picture encoded once, in the threads of
`Feeds`. A blurred stream has no packets to give (workers/node/passthrough.py), so its viewers get analysed
pictures only.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass

import structlog

from api.http.viewer import QueuedResult
from api.video.feed import RingFeed
from api.video.mjpeg import Feeds, Variant
from api.video.viewer import DELTA, KEY, PICTURE, VideoChunk, VideoViewer, ViewerLimits
from stream.decoding.webcodecs import JPEG, PASSED_ON, DecoderConfig, decoder_config
from stream.ring import CodecConfig, RingEvent, RingPacket
from workers.errors import StreamUnknown
from workers.node.node import Node
from workers.node.passthrough import Passthrough

log = structlog.get_logger(__name__)

SCHEMA = "livesight.video/1"
_LOOK_S = 2.0  # how often the source is looked for again, beside when it ends
_LONG_GROUP_US = 2_000_000
_GONE_S = 5.0
_GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class _Passing:
    """What the packets now passed on are decoded with."""

    decoder: DecoderConfig
    text: str


class Channel:
    """The viewers of one stream, and the newest group of pictures for those who come.

    A Sink of the hub: results tell that there is a newly analysed picture, and that the stream was removed.
    """

    def __init__(self, stream_id: str, node: Node, feeds: Feeds, patience: ViewerLimits) -> None:
        self._stream_id = stream_id
        self._node = node
        self._feeds = feeds
        self._patience = patience
        self._viewers: set[VideoViewer] = set()
        self._group: list[VideoChunk] = []  # from the newest key frame on
        self._group_bytes = 0
        self._outlet: Passthrough | None = None  # not looked for yet
        self._feed: RingFeed | None = None
        self._stale, self._analysed = asyncio.Event(), asyncio.Event()
        self._codec: CodecConfig | None = None
        self._passing: _Passing | None = None
        self._inexact = False  # the session's packets do not tell their pictures' times
        self._unclear = False  # the newest key frame does not say how it is decoded
        self._session: str | None = None
        self._shown: tuple[str, int] | None = None
        self._ended: tuple[int, str] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._ended is not None

    def join(self) -> VideoViewer:
        """A new viewer, who gets at once what is needed to show a picture."""
        viewer = VideoViewer(self._patience, self._ask_for_key)
        self._viewers.add(viewer)
        if self._ended is not None:
            viewer.end(*self._ended)
            return viewer
        if self._group and self._group[-1].pts_us - self._group[0].pts_us > _LONG_GROUP_US and self._ask_for_key():
            return viewer  # WebRTC's groups last for minutes; a key frame is there sooner than that is decoded
        viewer.begin(self._group, asyncio.get_running_loop().time())
        self._analysed.set()
        return viewer

    def leave(self, viewer: VideoViewer) -> None:
        """The viewer is gone."""
        self._viewers.discard(viewer)

    def offer(self, result: QueuedResult) -> None:
        """See Sink: a picture was analysed."""
        self._analysed.set()

    def end(self, code: int, reason: str) -> None:
        """See Sink: the stream was removed, or the service ends."""
        self._ended = (code, reason)
        for viewer in self._viewers:
            viewer.end(code, reason)

    async def run(self) -> None:
        """Follow the stream until cancelled or until it is gone."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._show_analysed())
        except* Exception as errors:
            log.exception("video_failed", stream=self._stream_id, error=repr(errors.exceptions))
            self.end(1011, "the picture cannot be served: the error is in the service's log")
        finally:
            if self._feed is not None:
                self._feed.close()

    async def _follow(self) -> None:
        """Stay with the stream's source: it changes when the stream is changed, or pushed again."""
        loop = asyncio.get_running_loop()
        seen_s = loop.time()
        while self._ended is None:
            self._stale.clear()
            try:
                outlet = await asyncio.to_thread(self._node.outlet, self._stream_id)
            except StreamUnknown:  # between two pushes; a removal is told by the hub
                outlet = Passthrough()
                if loop.time() - seen_s > _GONE_S:
                    self.end(_GOING_AWAY, f"the stream {self._stream_id} was removed")
            else:
                seen_s = loop.time()
            if outlet != self._outlet:
                self._switch(outlet)
            try:
                await asyncio.wait_for(self._stale.wait(), _LOOK_S)
            except TimeoutError:
                continue
            await asyncio.sleep(0.05)  # the source that ended is not replaced in the same moment

    def _switch(self, outlet: Passthrough) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        self._outlet = outlet
        self._group, self._group_bytes = [], 0
        self._codec = self._passing = self._session = None
        self._inexact = self._unclear = False
        if outlet.ring is not None:
            self._feed = RingFeed(outlet.ring, self._take)
        self._analysed.set()

    def _take(self, events: list[RingEvent]) -> None:
        """What the ring got. Nothing at all: some was lost, and the next key frame is waited for."""
        if not events:
            self._passing = None
        for event in events:
            if isinstance(event, RingPacket):
                self._pass_on(event)
            elif event is None:
                self._stale.set()
            elif event != self._codec:
                if self._codec is None or (event.name, event.extradata) != (self._codec.name, self._codec.extradata):
                    self._passing = None
                self._codec = event

    def _pass_on(self, packet: RingPacket) -> None:
        if packet.session != self._session:
            self._session, self._passing, self._inexact = packet.session, None, False
        self._inexact = self._inexact or not packet.exact
        if self._codec is None or self._inexact or self._codec.name not in PASSED_ON:
            self._passing = None
            return
        if packet.is_key:
            self._configure(self._codec, packet)
        passing = self._passing
        if passing is None:
            return
        kind = PICTURE if passing.decoder.codec == JPEG else KEY if packet.is_key else DELTA
        data = passing.decoder.prefix + packet.data if packet.is_key else packet.data
        self._fan_out(kind, packet.pts_us, data, passing.text)

    def _configure(self, codec: CodecConfig, key: RingPacket) -> None:
        """Each key frame may change what a decoder needs to know."""
        decoder = decoder_config(codec, key.data)
        self._unclear = decoder is None
        if decoder is None:
            self._passing = None
        elif self._passing is None or decoder != self._passing.decoder:
            self._passing = _Passing(decoder, config_text(key.session, decoder))

    def _fan_out(self, kind: int, pts_us: int, data: bytes, config: str) -> None:
        chunk = VideoChunk.of(config, kind, pts_us, data, asyncio.get_running_loop().time())
        if chunk.is_key:
            self._group, self._group_bytes = [], 0
        if self._group or chunk.is_key:
            self._group.append(chunk)
            self._group_bytes += chunk.size
            if self._group_bytes > self._patience.most_bytes * 8:
                self._group, self._group_bytes = [], 0  # too much for who comes now; those who are there go on
        for viewer in self._viewers:
            viewer.offer(chunk)

    def _by_analysis(self) -> bool:
        """Whether viewers get the analysed pictures, for want of packets that they can decode."""
        if self._outlet is None:
            return False
        if self._outlet.ring is None or self._inexact or self._unclear:
            return True
        return self._codec is not None and self._codec.name not in PASSED_ON

    def _ask_for_key(self) -> bool:
        """Whether somebody could be asked."""
        if self._outlet is None or self._outlet.request_key is None:
            return False
        self._outlet.request_key()
        return True

    async def _show_analysed(self) -> None:
        """Encode the newest analysed picture after each result, where packets are of no use; once for all viewers."""
        variant = Variant(self._stream_id, overlay=False)
        while True:
            await self._analysed.wait()
            self._analysed.clear()
            if not self._viewers or not self._by_analysis():
                continue
            outlet = self._outlet
            try:
                picture = await self._feeds.still(variant)
            except StreamUnknown:
                continue
            if picture is None or outlet is not self._outlet:
                continue
            result = picture.result
            if self._shown != (result.session, result.pts_us) or not self._group:
                self._shown = (result.session, result.pts_us)
                config = config_text(result.session, DecoderConfig(JPEG, result.size_wh))
                self._fan_out(PICTURE, result.pts_us, picture.data, config)


def config_text(session: str, decoder: DecoderConfig) -> str:
    """The text message that goes before the pictures it describes."""
    description = None if decoder.description is None else base64.b64encode(decoder.description).decode()
    return json.dumps(
        {
            "schema": SCHEMA,
            "session": session,
            "codec": decoder.codec,
            "coded_wh": list(decoder.size_wh),
            "description": description,
        }
    )
