"""Connects to cameras, files and devices by FFmpeg, with time-outs, and waits between tries. Blocking; any thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import av
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from stream.config import StreamSettings
from stream.decoding.frame_guard import FrameGuard, decoder_options
from stream.decoding.image_header import PixelLimit, frame_limit
from stream.errors import CameraAddressError, SourceError, TooLargeError
from stream.network.camera_address import CameraAddress, parse_address
from stream.network.http_camera import CameraFile, HttpCamera
from stream.network.http_connections import HttpTimes
from stream.network.networks import NetworkPolicy
from stream.network.rtsp_relay import RtspRelay
from stream.sources.ffmpeg_options import ffmpeg_options, packet_timeout_s
from stream.url_redaction import redact

_MOST_REDIRECTS = 5
_ARRIVAL_FORMATS = frozenset({"mpjpeg", "mjpeg"})  # their times are counted, not measured
_UNTIMED_FORMATS = frozenset({"avi"})  # has no presentation times; FFmpeg's guess is wrong with B-frames
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})  # FFmpeg draws texts as video


@dataclass(frozen=True, slots=True)
class ConnectTarget:
    """What to open. kind: rtsp, http, file, device or demo; address: as FFmpeg takes it, of a file or device.

    camera: where a camera in a network is, and `label`, what messages call it.
    """

    kind: str
    address: str = field(repr=False)
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    camera: CameraAddress | None = None

    @property
    def is_network(self) -> bool:
        """Whether there is a peer that can fall silent."""
        return self.kind in ("rtsp", "http")

    @property
    def is_file(self) -> bool:
        """Whether it has an end, and begins again after it when live."""
        return self.kind in ("file", "demo")

    @property
    def label(self) -> str:
        """What everybody may see of the address, for messages."""
        return redact(self.address) if self.camera is None else self.camera.shown


class Carrier(Protocol):
    """What reaches a camera for FFmpeg."""

    def close(self) -> None:
        """Close its connections. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """An open container and its video stream. Owned by one thread, which closes it."""

    container: InputContainer
    video: VideoStream
    carrier: Carrier | None = None

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

    def packets(self) -> Iterator[av.Packet[VideoStream]]:
        """The video's packets; one at the end is empty. Raises av.FFmpegError, OSError."""
        packets = self.container.demux(self.video)
        if not isinstance(self.carrier, HttpCamera):
            yield from packets
            return
        try:
            for packet in packets:
                yield packet
                self.carrier.times.expect_packet()
        except av.FFmpegError as error:
            raise self.carrier.failure or error from None
        if self.carrier.failure is not None:
            raise self.carrier.failure

    def close(self) -> None:
        """Close the container, and what carries it. Does not wait for a server that hangs."""
        self.container.close()
        if self.carrier is not None:
            self.carrier.close()


def connect(target: ConnectTarget, settings: StreamSettings, *, live: bool) -> Connection:
    """Open the target and find its video stream. Takes the connect time-out at the longest, twice that with servers
    that stop answering half-way. Raises SourceError with a text for users; AddressRefused where policy forbids it.
    """
    camera = target.camera
    if camera is None:
        return _open(target, settings, live=live)
    for _ in range(_MOST_REDIRECTS):
        try:
            carrier = _reach(camera, settings)
        except SourceError as error:
            raise type(error)(f"{target.label}: {error}") from None
        try:
            return _open(target, settings, live=live, carrier=carrier)
        except BaseException as error:
            carrier.close()
            redirect = carrier.redirect if isinstance(carrier, RtspRelay) else None
            if redirect is None or not isinstance(error, SourceError):
                raise
            camera = _redirected(target, camera, redirect)
    raise SourceError(f"{target.label}: too many redirects")


def _reach(camera: CameraAddress, settings: StreamSettings) -> RtspRelay | HttpCamera:
    """A connection to the camera. Raises AddressRefused, SourceError."""
    policy, open_s = NetworkPolicy(settings.networks), settings.connect_timeout_s
    if camera.is_rtsp:
        return RtspRelay(camera, policy, open_s)
    return HttpCamera(camera, policy, HttpTimes(open_s, settings.stall_timeout_s))


def _redirected(target: ConnectTarget, camera: CameraAddress, location: str) -> CameraAddress:
    """Where an RTSP camera sends us. The password goes nowhere but where it was given for. Raises SourceError."""
    try:
        found = parse_address(location)
    except CameraAddressError as error:
        raise SourceError(f"{target.label}: a redirect is not usable: {error}") from None
    if not found.is_rtsp:
        raise SourceError(f"{target.label}: redirects to something that is not RTSP")
    if found.user is None and found.origin == camera.origin:
        return replace(found, user=camera.user, password=camera.password)
    return found


def _open(
    target: ConnectTarget, settings: StreamSettings, *, live: bool, carrier: RtspRelay | HttpCamera | None = None
) -> Connection:
    """Raises SourceError."""
    begun_s = time.monotonic()
    try:
        container = _container(target, settings, live=live, carrier=carrier)
    except (av.FFmpegError, ValueError, OSError) as failure:
        error = (carrier.failure if isinstance(carrier, HttpCamera) else None) or failure
        waited = isinstance(error, TimeoutError) or time.monotonic() - begun_s >= settings.connect_timeout_s
        if target.is_network and waited:
            # FFmpeg reports its interrupted probing as bad data, or as an operation that is not permitted
            wait_s = settings.connect_timeout_s
            raise SourceError(f"{target.label}: no video within {wait_s:g} s of connecting") from None
        if isinstance(carrier, RtspRelay) and carrier.failure is not None:
            raise SourceError(f"{target.label}: {carrier.failure}") from None
        if isinstance(error, av.FFmpegError | OSError):
            raise SourceError(explain(target, error)) from None
        raise SourceError(f"{target.label}: {redact(str(error))}") from None
    try:
        if isinstance(carrier, HttpCamera):
            carrier.times.opened(packet_timeout_s(settings, container.format.name))
        return replace(_pick_video(target, container, frame_limit(settings), live=live), carrier=carrier)
    except BaseException:
        container.close()
        raise


def _container(
    target: ConnectTarget, settings: StreamSettings, *, live: bool, carrier: RtspRelay | HttpCamera | None
) -> InputContainer:
    """Raises what av.open raises: FFmpegError, ValueError, OSError."""
    file: str | CameraFile = target.address
    format, timeout, io_open = target.format, None, None
    options = ffmpeg_options(target.kind, settings, live=live) | target.options
    if isinstance(carrier, RtspRelay):
        # by its address alone FFmpeg would take some cameras for a series of images
        file, format, timeout = carrier.url, "rtsp", (settings.connect_timeout_s, settings.stall_timeout_s)
        options["user_agent"] = carrier.user_agent
    elif isinstance(carrier, HttpCamera):
        file, is_playlist = carrier.media()
        io_open = carrier.opener
        if is_playlist:  # of anything else each read has a bound of its own; between two playlists FFmpeg only waits
            format, timeout = "hls", (settings.connect_timeout_s, packet_timeout_s(settings, "hls"))
    return av.open(
        file,
        mode="r",
        format=format,
        options=options,
        timeout=timeout,
        metadata_errors="replace",
        io_open=io_open,
    )


def explain(target: ConnectTarget, error: av.FFmpegError | OSError) -> str:
    """An error of FFmpeg, or of what it reads from, in words, without credentials."""
    if isinstance(error, av.error.ExitError | TimeoutError):
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
