"""One stream's video for all its viewers: packets untouched, or JPEGs. Runs on the event loop.

A packet becomes a message once and that one `bytes` goes to every viewer. Sources whose packets no browser decodes give
JPEGs: pushed ones as they are, or each analysed frame encoded once, in the threads of `JpegEncoder`. A blurred stream
passes no packets on (workers/node/passthrough.py), so its viewers get analysed frames only.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from api.http.viewer_queue import QueuedResult
from api.video.mjpeg import JpegEncoder, JpegOptions
from api.video.ring_follower import RingFollower
from api.video.video_queue import DELTA, JPEG_IMAGE, KEY, QueueLimits, VideoChunk, VideoQueue
from stream.decoding.webcodecs import JPEG, PASSED_ON, DecoderConfig, decoder_config
from stream.ring import CodecConfig, RingEvent, RingPacket
from workers.errors import StreamUnknown
from workers.node.node import Node
from workers.node.passthrough import Passthrough

log = structlog.get_logger(__name__)

SCHEMA = "livesight.video/1"
_POLL_S = 2.0  # how often to look for another source, besides when this one ends
_LONG_GROUP_US = 2_000_000
_GONE_S = 5.0
_GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class _PacketFormat:
    """What decodes the packets that are passed on now."""

    decoder: DecoderConfig
    text: str


class Channel:
    """The viewers of one stream, and the newest group of frames for new viewers.

    A ResultSubscriber of the hub: results announce newly analysed frames and the removal of the stream.
    """

    def __init__(self, stream_id: str, node: Node, jpeg_encoder: JpegEncoder, limits: QueueLimits) -> None:
        self._stream_id = stream_id
        self._node = node
        self._jpeg_encoder = jpeg_encoder
        self._limits = limits
        self._queues: set[VideoQueue] = set()
        self._group: list[VideoChunk] = []  # from the newest key frame on
        self._group_bytes = 0
        self._passthrough: Passthrough | None = None  # not looked up yet
        self._follower: RingFollower | None = None
        self._stale, self._analysed = asyncio.Event(), asyncio.Event()
        self._codec: CodecConfig | None = None
        self._format: _PacketFormat | None = None
        self._inexact = False  # the session's packets do not carry their frames' times
        self._undecodable = False  # the newest key frame does not say how to decode it
        self._session: str | None = None
        self._last_shown: tuple[str, int] | None = None
        self._ended: tuple[int, str] | None = None

    @property
    def ended(self) -> bool:
        """Whether no frame follows."""
        return self._ended is not None

    def join(self, write: Callable[[bytes], bool] | None = None) -> VideoQueue:
        """The queue of a new viewer, filled with what it needs to show a frame. `write` as in VideoQueue."""
        queue = VideoQueue(self._limits, self._request_key_frame, write)
        self._queues.add(queue)
        if self._ended is not None:
            queue.end(*self._ended)
            return queue
        is_long = bool(self._group) and self._group[-1].pts_us - self._group[0].pts_us > _LONG_GROUP_US
        if is_long and self._request_key_frame():
            return queue  # WebRTC's groups last for minutes; a key frame arrives sooner than those are decoded
        queue.begin(self._group, asyncio.get_running_loop().time())
        self._analysed.set()
        return queue

    def leave(self, queue: VideoQueue) -> None:
        """The viewer is gone."""
        self._queues.discard(queue)

    def offer(self, result: QueuedResult) -> None:
        """See ResultSubscriber: a frame was analysed."""
        self._analysed.set()

    def end(self, code: int, reason: str) -> None:
        """See ResultSubscriber: the stream was removed, or the service shuts down."""
        self._ended = (code, reason)
        for queue in self._queues:
            queue.end(code, reason)

    async def run(self) -> None:
        """Follow the stream until cancelled or until it is gone."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._send_analysed())
        except* Exception as errors:
            log.exception("video_failed", stream=self._stream_id, error=repr(errors.exceptions))
            self.end(1011, "the video failed; the error is in the service's log")
        finally:
            if self._follower is not None:
                self._follower.close()

    async def _follow(self) -> None:
        """Follow the stream's source: another one comes when the stream is changed or pushed again."""
        loop = asyncio.get_running_loop()
        seen_s = loop.time()
        while self._ended is None:
            self._stale.clear()
            try:
                passthrough = await asyncio.to_thread(self._node.streams.passthrough, self._stream_id)
            except StreamUnknown:  # between two pushes; the hub reports a removal
                passthrough = Passthrough()
                if loop.time() - seen_s > _GONE_S:
                    self.end(_GOING_AWAY, f"the stream {self._stream_id} was removed")
            else:
                seen_s = loop.time()
            if passthrough != self._passthrough:
                self._switch(passthrough)
            try:
                await asyncio.wait_for(self._stale.wait(), _POLL_S)
            except TimeoutError:
                continue
            await asyncio.sleep(0.05)  # a source that ended is not replaced at the same moment

    def _switch(self, passthrough: Passthrough) -> None:
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        self._passthrough = passthrough
        self._group, self._group_bytes = [], 0
        self._codec = self._format = self._session = None
        self._inexact = self._undecodable = False
        if passthrough.ring is not None:
            self._follower = RingFollower(passthrough.ring, self._take)
        self._analysed.set()

    def _take(self, events: list[RingEvent]) -> None:
        """New events of the ring. An empty list: some were lost; wait for the next key frame."""
        if not events:
            self._format = None
        for event in events:
            if isinstance(event, RingPacket):
                self._pass_on(event)
            elif event is None:
                self._stale.set()
            elif event != self._codec:
                if self._codec is None or (event.name, event.extradata) != (self._codec.name, self._codec.extradata):
                    self._format = None
                self._codec = event

    def _pass_on(self, packet: RingPacket) -> None:
        if packet.session != self._session:
            self._session, self._format, self._inexact = packet.session, None, False
        self._inexact = self._inexact or not packet.exact
        if self._codec is None or self._inexact or self._codec.name not in PASSED_ON:
            self._format = None
            return
        if packet.is_key:
            self._configure(self._codec, packet)
        format_ = self._format
        if format_ is None:
            return
        kind = JPEG_IMAGE if format_.decoder.codec == JPEG else KEY if packet.is_key else DELTA
        data = format_.decoder.prefix + packet.data if packet.is_key else packet.data
        self._fan_out(kind, packet.pts_us, data, format_.text)

    def _configure(self, codec: CodecConfig, key: RingPacket) -> None:
        """Each key frame may change the decoder's configuration."""
        decoder = decoder_config(codec, key.data)
        self._undecodable = decoder is None
        if decoder is None:
            self._format = None
        elif self._format is None or decoder != self._format.decoder:
            self._format = _PacketFormat(decoder, config_text(key.session, decoder))

    def _fan_out(self, kind: int, pts_us: int, data: bytes, config: str) -> None:
        chunk = VideoChunk.of(config, kind, pts_us, data, asyncio.get_running_loop().time())
        if chunk.is_key:
            self._group, self._group_bytes = [], 0
        if self._group or chunk.is_key:
            self._group.append(chunk)
            self._group_bytes += chunk.size
            if self._group_bytes > self._limits.max_bytes * 8:
                self._group, self._group_bytes = [], 0  # too much for new viewers; the others go on
        for queue in self._queues:
            queue.offer(chunk)

    def _needs_jpegs(self) -> bool:
        """Whether viewers get analysed frames as JPEGs, because they cannot decode the packets."""
        if self._passthrough is None:
            return False
        if self._passthrough.ring is None or self._inexact or self._undecodable:
            return True
        return self._codec is not None and self._codec.name not in PASSED_ON

    def _request_key_frame(self) -> bool:
        """Ask the source for a key frame. Returns whether the source supports that."""
        if self._passthrough is None or self._passthrough.request_key is None:
            return False
        self._passthrough.request_key()
        return True

    async def _send_analysed(self) -> None:
        """Where viewers cannot decode packets: encode the newest analysed frame after each result, once for all."""
        options = JpegOptions(self._stream_id, overlay=False)
        while True:
            await self._analysed.wait()
            self._analysed.clear()
            if not self._queues or not self._needs_jpegs():
                continue
            passthrough = self._passthrough
            try:
                image = await self._jpeg_encoder.still(options)
            except StreamUnknown:
                continue
            if image is None or passthrough is not self._passthrough:
                continue
            result = image.result
            if self._last_shown != (result.session, result.pts_us) or not self._group:
                self._last_shown = (result.session, result.pts_us)
                config = config_text(result.session, DecoderConfig(JPEG, result.size_wh))
                self._fan_out(JPEG_IMAGE, result.pts_us, image.data, config)


def config_text(session: str, decoder: DecoderConfig) -> str:
    """The text message that precedes the frames it describes."""
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
