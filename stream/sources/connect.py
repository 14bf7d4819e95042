"""Connects to cameras, files and devices by FFmpeg, with time-outs, and waits between tries. Blocking; any thread."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import av
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from stream.config import StreamSettings
from stream.decoding.frame_guard import FrameGuard, decoder_options
from stream.decoding.image_header import PixelLimit, frame_limit
from stream.errors import SourceError, TooLargeError
from stream.url_redaction import redact

_NETWORK_PROTOCOLS = {
    # A playlist or a redirect must not reach local files.
    "http": "http,https,tls,tcp,crypto,httpproxy,data",
    "rtsp": "rtsp,rtsps,rtp,srtp,tls,tcp,udp,crypto,http,https",
}
_ARRIVAL_FORMATS = frozenset({"mpjpeg", "mjpeg"})  # their times are counted, not measured
_UNTIMED_FORMATS = frozenset({"avi"})  # has no presentation times; FFmpeg's guess is wrong with B-frames
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})  # FFmpeg draws texts as video


@dataclass(frozen=True, slots=True)
class ConnectTarget:
    """What to open. kind: rtsp, http, file, device or demo; address: as FFmpeg takes it (may hold credentials)."""

    kind: str
    address: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_network(self) -> bool:
        """Whether there is a peer that can fall silent."""
        return self.kind in _NETWORK_PROTOCOLS

    @property
    def is_file(self) -> bool:
        """Whether it has an end, and begins again after it when live."""
        return self.kind in ("file", "demo")

    @property
    def label(self) -> str:
        """The address without credentials, for messages."""
        return redact(self.address)


@dataclass(frozen=True, slots=True)
class Connection:
    """An open container and its video stream. Owned by one thread, which closes it."""

    container: InputContainer
    video: VideoStream

    @property
    def context(self) -> av.VideoCodecContext:
        """The decoder."""
        return self.video.codec_context

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec, not of the decoder."""
        return self.context.codec.canonical_name

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height as announced."""
        return self.context.width, self.context.height

    @property
    def interval_us(self) -> int:
        """The usual time between two frames; 40 ms where it is unknown or implausible."""
        rate = self.video.average_rate or self.video.guessed_rate
        return round(1_000_000 / rate) if rate and 0.1 <= rate <= 240 else 40_000

    @property
    def by_arrival(self) -> bool:
        """Whether a frame's time is that of its arrival, for want of any other."""
        return self.container.format.name in _ARRIVAL_FORMATS

    @property
    def has_pts(self) -> bool:
        """Whether the container knows presentation times at all."""
        return self.container.format.name not in _UNTIMED_FORMATS

    def close(self) -> None:
        """Close the container. Does not wait for a server that hangs."""
        self.container.close()


def connect(target: ConnectTarget, settings: StreamSettings, *, live: bool) -> Connection:
    """Open the target and find its video stream. Takes the connect time-out at the longest, twice that with servers
    that stop answering half-way. Raises SourceError with a text for users.
    """
    begun_s = time.monotonic()
    try:
        container = av.open(
            target.address,
            format=target.format,
            options=_options(target, settings, live=live),
            timeout=_timeouts(target, settings),
            metadata_errors="replace",
        )
    except av.FFmpegError as error:
        if target.is_network and time.monotonic() - begun_s >= settings.connect_timeout_s:
            # FFmpeg reports its interrupted probing as bad data, or as an operation that is not permitted
            wait_s = settings.connect_timeout_s
            raise SourceError(f"{target.label}: no video within {wait_s:g} s of connecting") from None
        raise SourceError(explain(target, error)) from None
    except (ValueError, OSError) as error:
        raise SourceError(redact(f"{target.label}: {error}")) from None
    try:
        return _pick_video(target, container, frame_limit(settings), live=live)
    except BaseException:
        container.close()
        raise


def explain(target: ConnectTarget, error: av.FFmpegError) -> str:
    """An error of FFmpeg in words, without credentials."""
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"{target.label}: timed out, no data arrived"
    if isinstance(error, av.error.InvalidDataError):
        return f"{target.label}: not a readable video"
    return f"{target.label}: {redact(error.strerror or str(error))}"


def _pick_video(target: ConnectTarget, container: InputContainer, limit: PixelLimit, *, live: bool) -> Connection:
    if container.format.name in _TEXT_FORMATS:
        raise SourceError(f"{target.label}: not a readable video")
    if not container.streams.video:
        raise SourceError(f"{target.label}: contains no video stream")
    video = container.streams.video[0]
    for other in container.streams:
        if other.index != video.index:
            other.discard = Discard.all
    if video.codec_context is None:
        raise SourceError(f"{target.label}: its video codec is not supported")
    if live:
        video.codec_context.thread_count = 1
    else:
        video.codec_context.thread_type = "AUTO"
    connection = Connection(container, video)
    try:
        FrameGuard(connection.codec, limit, size_wh=connection.size_wh)
    except TooLargeError as error:
        raise SourceError(f"{target.label}: {error}") from None
    video.codec_context.options = decoder_options(limit)
    return connection


def _options(target: ConnectTarget, settings: StreamSettings, *, live: bool) -> dict[str, str]:
    # FFmpeg decodes frames while it probes; formats whose streams it does not know yet by then ignore the limit
    options = target.options | decoder_options(frame_limit(settings))
    if target.is_network:
        options["protocol_whitelist"] = _NETWORK_PROTOCOLS[target.kind]
    if target.kind == "rtsp":
        options |= {"rtsp_transport": settings.rtsp_transport, "allowed_media_types": "video"}
        if live:
            # A third of a second until the first frame, not a whole one. `nobuffer` would throw the packets away
            # that were probed, and with them the key frame.
            options["fpsprobesize"] = "0"
    return options


def _timeouts(target: ConnectTarget, settings: StreamSettings) -> tuple[float, float] | None:
    """For opening and for each read, in seconds."""
    if not target.is_network:
        return None
    return settings.connect_timeout_s, settings.stall_timeout_s
