"""Cameras, files and devices that are fetched by FFmpeg. Each source runs in its own thread."""

from __future__ import annotations

import threading
import time
from typing import Literal

import av
import structlog
from av.video.stream import VideoStream

from stream.backoff import Backoff
from stream.clock import PtsClock, RawTimes, guess_first
from stream.config import StreamSettings
from stream.connect import Connection, Target, connect, explain
from stream.decoder import Arrival, Decoder
from stream.errors import MailboxClosed, SourceError
from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DROPPED
from stream.pace import Pacer
from stream.ring import CodecConfig, PacketRing, RingPacket
from stream.shedding import Shedder
from stream.source import Source, SourceState, SourceStatus
from stream.vitals import Vitals

log = structlog.get_logger(__name__)

_GOOD_SESSION_S = 5.0  # a session at least this long starts the backoff anew
_MOST_BARREN = 50  # packets without a picture, after which a connection is given up
_BARREN_S = 5.0
_KEY_WAIT_S = 60.0
_BLOCK_CAPACITY = 2


class _Lost(Exception):
    """The connection is of no use any more; the text says why."""


class PullSource(Source):
    """Opens, demuxes and decodes one target in one thread.

    live: the newest picture wins, lost connections are tried again for ever, files loop at their own rate. Otherwise
    every picture waits to be taken, once and unpaced, and the mailbox closes at the end, with a SourceError when the
    target cannot be read.
    """

    def __init__(self, stream_id: str, target: Target, settings: StreamSettings, *, live: bool) -> None:
        self.id = stream_id
        self.kind = target.kind
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        if live:
            self.mailbox: Mailbox[Frame] = Mailbox("newest", on_drop=self._on_drop)
        else:
            self.mailbox = Mailbox("block", capacity=_BLOCK_CAPACITY)
        self._target = target
        self._settings = settings
        self._live = live
        self._stop = threading.Event()
        self._vitals = Vitals(stream_id, settings.stalled_after_s if target.is_network else None)
        self._count_newer = FRAMES_DROPPED.labels(stream_id, "newer")
        self._thread = threading.Thread(target=self._run, name=f"pull-{stream_id}", daemon=True)
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        """See Source."""
        with self._lock:
            if self._started or self._stop.is_set():
                return
            self._started = True
            self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """See Source. A thread that hangs in opening is left behind; it ends with its time-out."""
        with self._lock:
            self._stop.set()
        self.mailbox.close()
        if self._started and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._vitals.closed()

    def status(self) -> SourceStatus:
        """See Source."""
        return self._vitals.status()

    def _on_drop(self, frame: Frame) -> None:
        self._count_newer.inc()

    def _run(self) -> None:
        """The thread."""
        error: SourceError | None = None
        try:
            self._play()
        except MailboxClosed:
            pass
        except SourceError as failure:
            error = failure
        except Exception as failure:
            log.exception("source_failed", stream=self.id)
            error = SourceError(f"{self._target.label}: {failure}")
        if error is not None:
            self._vitals.become(SourceState.FAILED, str(error))
        elif not self._live:
            self._vitals.become(SourceState.ENDED)
        self.mailbox.close(error)

    def _play(self) -> None:
        if self._live:
            self._stay_connected()
        else:
            self._play_once()

    def _play_once(self) -> None:
        connection = connect(self._target, self._settings, live=False)
        reading = _Session(self, connection)
        try:
            reading.read(connection)
        except _Lost as lost:
            raise SourceError(str(lost)) from None
        finally:
            connection.close()
        if not reading.pictures and not self._stop.is_set():
            raise SourceError(f"{self._target.label}: no picture in it can be decoded")

    def _stay_connected(self) -> None:
        backoff = Backoff(self._settings.backoff_min_s, self._settings.backoff_max_s)
        while not self._stop.is_set():
            try:
                connection = connect(self._target, self._settings, live=True)
            except SourceError as error:
                self._vitals.become(SourceState.RECONNECTING, str(error))
            else:
                begun_s = time.monotonic()
                reason = self._follow(connection)
                if self._stop.is_set():
                    return
                self._vitals.lost(reason)
                if time.monotonic() - begun_s >= _GOOD_SESSION_S:
                    backoff.reset()
            self._stop.wait(backoff.next_s())

    def _follow(self, connection: Connection) -> str:
        """Read one session until it is lost; returns why."""
        reading = _Session(self, connection)
        try:
            while True:
                before = reading.pictures
                reading.read(connection)
                if self._stop.is_set() or not self._target.is_file:
                    return f"{self._target.label}: the stream ended"
                if reading.pictures == before:
                    return f"{self._target.label}: no picture in it can be decoded"
                connection.close()
                connection = connect(self._target, self._settings, live=True)
        except (_Lost, SourceError) as lost:
            return str(lost)
        finally:
            connection.close()


class _Session:
    """What goes on from one connection to its loss: clock, numbering, pace. Of PullSource's thread."""

    def __init__(self, source: PullSource, connection: Connection) -> None:
        self._source = source
        self._stop = source._stop
        self._vitals = source._vitals
        self.session = new_session()
        self.pictures = 0
        self._label = source._target.label
        self._held: list[tuple[av.Packet[VideoStream], RawTimes, Arrival]] = []
        self._clock = PtsClock(connection.interval_us, live=self._is_live_network(), by_arrival=connection.by_arrival)
        self._decoder = Decoder(source.id, self.session)
        self._shedder = Shedder()
        paced = source._live and (source._target.is_file or (source.kind == "http" and not connection.by_arrival))
        self._pacer = Pacer(source._stop) if paced else None
        self._barren = 0
        self._pictured_s = self._begun_s = self._heard_s = time.monotonic()
        self._codec: CodecConfig | None = None
        self._dropped_before = source.mailbox.dropped
        self._vitals.connected(self.session, connection.codec, connection.size_wh)

    def _is_live_network(self) -> bool:
        return self._source._live and not self._source._target.is_file

    def read(self, connection: Connection) -> None:
        """Read to the end. Raises _Lost, or MailboxClosed once the source is closed."""
        target = self._source._target
        self._clock.begin_again()
        self._decoder.begin(connection.context)
        self._configure(CodecConfig(connection.codec, connection.context.extradata or b"", connection.size_wh), None)
        try:
            for packet in connection.container.demux(connection.video):
                if self._stop.is_set():
                    return
                if packet.size:
                    self._take(packet, connection)
        except av.FFmpegError as error:
            raise _Lost(explain(target, error)) from None
        if self._held:
            self._release(connection)
        if target.is_file or not self._source._live:
            for frame in self._decoder.drain():
                if self._pacer is None or self._pacer.wait(frame.pts_us):
                    self._deliver([frame], connection)

    def _configure(self, codec: CodecConfig, keep_from_us: int | None) -> None:
        if codec != self._codec:
            self._codec = codec
            self._source.ring.configure(codec, keep_from_us)

    def _take(self, packet: av.Packet[VideoStream], connection: Connection) -> None:
        """One packet as it arrives."""
        arrival = Arrival.now()
        self._refuse_late(arrival.arrived_s)
        self._vitals.heard()
        assert packet.time_base is not None
        raw = RawTimes(packet.pts if connection.has_pts else None, packet.dts, packet.time_base, packet.is_keyframe)
        depth = connection.context.reorder_depth
        if self._held or (depth and raw.missing and raw.is_key and not self._clock.begun):
            self._held.append((packet, raw, arrival))
            if len(self._held) > depth + 2:
                self._release(connection)
            return
        self._handle(packet, raw, arrival, connection)

    def _release(self, connection: Connection) -> None:
        """The packets that waited for the time of the first one."""
        held, self._held = self._held, []
        for index, (packet, raw, arrival) in enumerate(held):
            if index == 0:
                raw = guess_first([times for _, times, _ in held], connection.interval_us)
            self._handle(packet, raw, arrival, connection)

    def _handle(
        self, packet: av.Packet[VideoStream], raw: RawTimes, arrival: Arrival, connection: Connection
    ) -> None:
        """One packet: its time, the ring, the decoder."""
        stamp = self._clock.stamp(raw, arrival.arrived_s)
        if stamp is None:
            if not self.pictures and arrival.arrived_s - self._begun_s > _KEY_WAIT_S:
                raise _Lost(f"{self._label}: no key frame within {_KEY_WAIT_S:.0f} s")
            return
        if self._pacer is not None:
            if not self._pacer.wait(stamp.dts_us):
                return
            arrival = Arrival.now()
        if connection.codec != "rawvideo":
            entry = RingPacket(
                session=self.session,
                pts_us=stamp.pts_us,
                dts_us=stamp.dts_us,
                is_key=packet.is_keyframe,
                data=bytes(packet),
                captured_at_ns=arrival.captured_at_ns,
            )
            self._source.ring.append(entry)
        try:
            frames = self._decoder.decode(packet, stamp, arrival)
        except av.FFmpegError as error:
            log.debug("packet_undecodable", stream=self._source.id, error=str(error))
            frames = []
        self._deliver(frames, connection)
        self._give_up_when_barren(frames, arrival.arrived_s)

    def _refuse_late(self, now_s: float) -> None:
        """When a read times out FFmpeg first hands out the picture that it held back, and another time-out begins."""
        heard_s, self._heard_s = self._heard_s, now_s
        limit_s = self._source._settings.stall_timeout_s
        if self._source._target.is_network and self._pacer is None and now_s - heard_s > limit_s:
            raise _Lost(f"{self._label}: silent for {limit_s:g} s")

    def _deliver(self, frames: list[Frame], connection: Connection) -> None:
        for frame in frames:
            self.pictures += 1
            if self._codec is not None and frame.size_wh != self._codec.size_wh:
                codec = CodecConfig(self._codec.name, connection.context.extradata or b"", frame.size_wh)
                self._configure(codec, frame.pts_us)
            self._vitals.pictured(frame.size_wh)
            self._source.mailbox.put(frame)
        if frames and self._source._live:
            self._shed(connection)

    def _shed(self, connection: Connection) -> None:
        """Leave out pictures that no other refers to while they would only be thrown away."""
        used = self.pictures - (self._source.mailbox.dropped - self._dropped_before)
        shedding = self._shedder.decide(self._decoder.ordinal, used, time.monotonic())
        skip: Literal["NONREF", "DEFAULT"] = "NONREF" if shedding else "DEFAULT"
        if connection.context.skip_frame != skip:
            connection.context.skip_frame = skip
            log.info("shedding" if shedding else "shedding_over", stream=self._source.id)

    def _give_up_when_barren(self, frames: list[Frame], now_s: float) -> None:
        if frames:
            self._barren, self._pictured_s = 0, now_s
            return
        self._barren += 1
        many = self._barren >= _MOST_BARREN or (self._barren >= 10 and now_s - self._pictured_s > _BARREN_S)
        if many and self._source._live:
            raise _Lost(f"{self._label}: {self._barren} packets in a row could not be decoded")
