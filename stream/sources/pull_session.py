"""One session of a pulled stream: from packets to the ring and the mailbox. Runs in its own thread (the source's)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

import av
import structlog
from av.video.stream import VideoStream

from stream.config import StreamSettings
from stream.decoding.catch_up import CatchUpPolicy
from stream.decoding.costly_lane import GivenUpError
from stream.decoding.cpu_gate import CpuGate
from stream.decoding.decoder import ArrivalTime, Decoder
from stream.decoding.frame_guard import FrameGuard
from stream.decoding.image_header import frame_limit
from stream.decoding.pts_clock import Pacer, PacketTimes, PtsClock, RawTimes, guess_first
from stream.decoding.shedding import Shedder
from stream.errors import BadImageError, TooLargeError
from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DROPPED, STREAM_LAG
from stream.ring import CodecConfig, PacketRing, RingPacket
from stream.sources.connect import Connection, ConnectTarget, explain
from stream.sources.health import SourceHealth

log = structlog.get_logger(__name__)

_MAX_UNDECODED_PACKETS = 50  # packets without a frame, after which a connection is given up
_MAX_UNDECODED_S = 5.0
_KEY_WAIT_S = 60.0
_LATE_LOG_INTERVAL_S = 60.0  # a machine that is always too slow does not fill the log


class ConnectionLost(Exception):
    """The connection is lost; the text says why, without credentials."""


@dataclass(frozen=True, slots=True)
class SessionOutput:
    """What a session reads and where its packets and frames go: it belongs to the source and outlives the session."""

    stream_id: str
    target: ConnectTarget
    settings: StreamSettings
    live: bool
    mailbox: Mailbox[Frame]
    ring: PacketRing
    health: SourceHealth
    stopping: threading.Event
    cpu_gate: CpuGate


class PullSession:
    """Clock, numbering and pace from one connection to its loss; a file's loops are one session. One thread."""

    def __init__(self, output: SessionOutput, connection: Connection) -> None:
        self._output = output
        self.session = new_session()
        self.frames = 0
        self._label = output.target.label
        self._awaiting_pts: list[tuple[av.Packet[VideoStream], RawTimes, ArrivalTime]] = []
        measured = output.live and not output.target.is_file
        self._clock = PtsClock(connection.interval_us, live=measured, by_arrival=connection.by_arrival)
        self._decoder = Decoder(output.stream_id, self.session, output.cpu_gate, output.stopping.is_set)
        self._shedder = Shedder(output.cpu_gate.gauge)
        bursts = output.target.is_file or (output.target.kind == "http" and not connection.by_arrival)
        self._pacer = Pacer(output.stopping) if output.live and bursts else None
        network = output.live and output.target.is_network and self._pacer is None
        self._catch_up = CatchUpPolicy(output.settings.late_s) if network else None
        self._skipping = False
        self._late_logged_s = -_LATE_LOG_INTERVAL_S
        self._guard = FrameGuard(connection.codec, frame_limit(output.settings))
        self._undecoded_packets = 0
        self._last_frame_s = self._begun_s = self._received_s = time.monotonic()
        self._codec: CodecConfig | None = None
        self._dropped_before, self._left_out_before = output.mailbox.dropped, output.mailbox.left_out
        self._output.health.session_started(self.session, connection.codec, connection.size_wh)

    def read(self, connection: Connection) -> None:
        """Read to the end, or until the source is closed. Raises ConnectionLost, or MailboxClosed."""
        self._clock.begin_again()
        extradata = connection.context.extradata or b""
        limit = frame_limit(self._output.settings)
        self._guard = FrameGuard(connection.codec, limit, extradata, connection.size_wh)
        self._decoder.begin(connection.context, self._guard)
        self._configure(CodecConfig(connection.codec, extradata, connection.size_wh), None)
        try:
            for packet in connection.packets():
                if self._output.stopping.is_set():
                    return
                if packet.size:
                    self._receive(packet, connection)
        except (av.FFmpegError, OSError) as error:
            self._finish(connection)
            raise ConnectionLost(explain(self._output.target, error)) from None
        finally:
            if self._catch_up is not None:
                STREAM_LAG.labels(self._output.stream_id).set(0)
        self._finish(connection)

    def _finish(self, connection: Connection) -> None:
        """Deliver the last frames of a file; those still in the decoder of a lost camera are dropped."""
        if self._awaiting_pts:
            self._process_waiting(connection)
        if self._output.target.is_file or not self._output.live:
            try:
                frames = self._decoder.drain()
            except (av.FFmpegError, GivenUpError):
                return  # they were damaged, and are counted; or the source is closed
            for frame in frames:
                if self._pacer is None or self._pacer.wait(frame.pts_us):
                    self._deliver([frame], connection)

    def _configure(self, codec: CodecConfig, keep_from_us: int | None) -> None:
        if codec != self._codec:
            self._codec = codec
            self._output.ring.configure(codec, keep_from_us)

    def _receive(self, packet: av.Packet[VideoStream], connection: Connection) -> None:
        """Take one packet as it arrives."""
        arrival = ArrivalTime.now()
        self._check_silence(arrival.arrived_s)
        self._output.health.received()
        assert packet.time_base is not None
        raw = RawTimes(packet.pts if connection.has_pts else None, packet.dts, packet.time_base, packet.is_keyframe)
        depth = connection.context.reorder_depth
        if self._awaiting_pts or (depth and raw.missing and raw.is_key and not self._clock.begun):
            self._awaiting_pts.append((packet, raw, arrival))
            if len(self._awaiting_pts) > depth + 2:
                self._process_waiting(connection)
            return
        self._process(packet, raw, arrival, connection)

    def _process_waiting(self, connection: Connection) -> None:
        """Process the packets that waited for the time of the first one."""
        waiting, self._awaiting_pts = self._awaiting_pts, []
        for index, (packet, raw, arrival) in enumerate(waiting):
            if index == 0:
                raw = guess_first([times for _, times, _ in waiting], connection.interval_us)
            self._process(packet, raw, arrival, connection)

    def _process(
        self, packet: av.Packet[VideoStream], raw: RawTimes, arrival: ArrivalTime, connection: Connection
    ) -> None:
        """Give one packet its times, append it to the ring, decode it."""
        times = self._clock.convert(raw, arrival.arrived_s)
        if times is None:
            if not self.frames and arrival.arrived_s - self._begun_s > _KEY_WAIT_S:
                raise ConnectionLost(f"{self._label}: no key frame within {_KEY_WAIT_S:.0f} s")
            return
        if self._pacer is not None:
            if not self._pacer.wait(times.dts_us):
                return
            arrival = ArrivalTime.now()
        stored = connection.codec != "rawvideo"
        data = bytes(packet) if stored else b""
        if not self._is_sound(data, packet.is_keyframe):
            return self._check_undecoded([], arrival.arrived_s)
        if stored:
            entry = RingPacket(
                session=self.session,
                pts_us=times.pts_us,
                dts_us=times.dts_us,
                is_key=packet.is_keyframe,
                data=data,
                captured_at_ns=arrival.captured_at_ns,
                exact=(times.known and not self._decoder.in_order) or not connection.context.reorder_depth,
            )
            self._output.ring.append(entry)
        if self._catch_up is not None and self._is_skipped(self._catch_up, packet, times, arrival):
            return
        try:
            frames = self._decoder.decode(packet, times, arrival)
        except GivenUpError:
            return  # the source is closed
        except av.FFmpegError as error:
            log.debug("packet_undecodable", stream=self._output.stream_id, error=str(error))
            frames = []
        self._deliver(frames, connection)
        self._check_undecoded(frames, arrival.arrived_s)

    def _is_sound(self, data: bytes, is_key: bool) -> bool:
        """Whether a packet's data may be stored and decoded. Raises ConnectionLost for a frame that is too large."""
        try:
            self._guard.check(data, is_key)
        except TooLargeError as error:
            FRAMES_DROPPED.labels(self._output.stream_id, "error").inc()
            raise ConnectionLost(f"{self._label}: {error}") from None
        except BadImageError:
            FRAMES_DROPPED.labels(self._output.stream_id, "undecoded").inc()
            return False
        return True

    def _is_skipped(
        self, catch_up: CatchUpPolicy, packet: av.Packet[VideoStream], times: PacketTimes, arrival: ArrivalTime
    ) -> bool:
        """Whether this packet is skipped, because the camera is read too late."""
        late = catch_up.note(arrival.arrived_s, times.dts_us)
        STREAM_LAG.labels(self._output.stream_id).set(catch_up.lag_s)
        if late and not self._skipping:
            self._skipping = True
            self._output.cpu_gate.limit_if_busy()
            again = arrival.arrived_s - self._late_logged_s < _LATE_LOG_INTERVAL_S
            report = log.debug if again else log.warning
            report("stream_late", stream=self._output.stream_id, lag_s=round(catch_up.lag_s, 2))
            self._late_logged_s = self._late_logged_s if again else arrival.arrived_s
        elif self._skipping and not late and packet.is_keyframe:
            self._skipping = False
            self._undecoded_packets, self._last_frame_s = 0, arrival.arrived_s
            log.debug("stream_caught_up", stream=self._output.stream_id, lag_s=round(catch_up.lag_s, 2))
        if self._skipping:
            self._decoder.skip_packet()
        return self._skipping

    def _check_silence(self, now_s: float) -> None:
        """When a read times out, FFmpeg first returns the frame that it held back, and another time-out begins."""
        received_s, self._received_s = self._received_s, now_s
        limit_s = self._output.settings.stall_timeout_s
        if self._output.target.is_network and self._pacer is None and now_s - received_s > limit_s:
            raise ConnectionLost(f"{self._label}: no data for {limit_s:g} s")

    def _deliver(self, frames: list[Frame], connection: Connection) -> None:
        for frame in frames:
            self.frames += 1
            if self._codec is not None and frame.size_wh != self._codec.size_wh:
                codec = CodecConfig(self._codec.name, connection.context.extradata or b"", frame.size_wh)
                self._configure(codec, frame.pts_us)
                self._guard.note_size((frame.image.width, frame.image.height))
            self._output.health.frame_decoded(frame.size_wh)
            self._output.mailbox.put(frame)
        if frames and self._output.live:
            self._shed(connection)

    def _shed(self, connection: Connection) -> None:
        """Skip decoding frames that no other refers to while they would be dropped anyway."""
        mailbox = self._output.mailbox
        unwanted = mailbox.left_out - self._left_out_before  # beyond `max_fps`: counts neither as arrived nor as unused
        used = self.frames - unwanted - (mailbox.dropped - self._dropped_before)
        shedding = self._shedder.decide(self._decoder.ordinal - unwanted, used, time.monotonic())
        skip: Literal["NONREF", "DEFAULT"] = "NONREF" if shedding else "DEFAULT"
        if connection.context.skip_frame != skip:
            connection.context.skip_frame = skip
            log.info("shedding" if shedding else "shedding_over", stream=self._output.stream_id)

    def _check_undecoded(self, frames: list[Frame], now_s: float) -> None:
        if frames:
            self._undecoded_packets, self._last_frame_s = 0, now_s
            return
        self._undecoded_packets += 1
        many, long = self._undecoded_packets >= _MAX_UNDECODED_PACKETS, now_s - self._last_frame_s > _MAX_UNDECODED_S
        if (many or (long and self._undecoded_packets >= 10)) and self._output.live:
            raise ConnectionLost(f"{self._label}: {self._undecoded_packets} packets in a row could not be decoded")
