"""Cameras, files and devices that are fetched by FFmpeg. Each source runs in its own thread."""

from __future__ import annotations

import threading
import time

import structlog

from stream.config import StreamSettings
from stream.errors import MailboxClosed, SourceError
from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DROPPED
from stream.ring import PacketRing
from stream.sources.backoff import Backoff
from stream.sources.connect import Connection, ConnectTarget, connect
from stream.sources.health import SourceHealth
from stream.sources.pull_session import ConnectionLost, PullSession, SessionOutput
from stream.sources.source import Source, SourceState, SourceStatus

log = structlog.get_logger(__name__)

_GOOD_SESSION_S = 5.0  # a session at least this long starts the backoff anew
_BLOCK_CAPACITY = 2


class PullSource(Source):
    """Opens, demuxes and decodes one target in one thread.

    live: the newest picture wins, lost connections are tried again for ever, files loop at their own rate. Otherwise
    every picture waits to be taken, once and unpaced, and the mailbox closes at the end, with a SourceError when the
    target cannot be read.
    """

    def __init__(self, stream_id: str, target: ConnectTarget, settings: StreamSettings, *, live: bool) -> None:
        self.id = stream_id
        self.kind = target.kind
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        if live:
            self.mailbox: Mailbox[Frame] = Mailbox("newest", on_drop=self._on_drop, on_left_out=self._on_left_out)
        else:
            self.mailbox = Mailbox("block", capacity=_BLOCK_CAPACITY)
        self._target = target
        self._settings = settings
        self._live = live
        self._stop = threading.Event()
        self._vitals = SourceHealth(stream_id, settings.stalled_after_s if target.is_network else None)
        self._outlet = SessionOutput(
            stream_id, target, settings, live, self.mailbox, self.ring, self._vitals, self._stop
        )
        self._count_newer = FRAMES_DROPPED.labels(stream_id, "newer")
        self._count_left_out = FRAMES_DROPPED.labels(stream_id, "max_fps")
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
        self.ring.close()
        self._vitals.closed()

    def status(self) -> SourceStatus:
        """See Source."""
        return self._vitals.status()

    def _on_drop(self, frame: Frame) -> None:
        self._count_newer.inc()

    def _on_left_out(self, frame: Frame) -> None:
        self._count_left_out.inc()

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
        reading = PullSession(self._outlet, connection)
        try:
            reading.read(connection)
        except ConnectionLost as lost:
            raise SourceError(str(lost)) from None
        finally:
            connection.close()
        if not reading.pictures and not self._stop.is_set():
            raise SourceError(f"{self._target.label}: no picture in it can be decoded")

    def _stay_connected(self) -> None:
        backoff = Backoff(self._settings.backoff_min_s, self._settings.backoff_max_s)
        while not self._stop.is_set():
            begun_s = time.monotonic()
            try:
                connection = connect(self._target, self._settings, live=True)
            except Exception as error:  # noqa: BLE001 - logged by _explain, and a camera is never given up
                self._vitals.become(SourceState.RECONNECTING, self._explain(error))
            else:
                reason = self._follow(connection)
                if self._stop.is_set():
                    return
                self._vitals.lost(reason)
                if time.monotonic() - begun_s >= _GOOD_SESSION_S:
                    backoff.reset()
            self._stop.wait(backoff.next_s())

    def _follow(self, connection: Connection) -> str:
        """Read one session until it is lost; returns why. Closes the connection."""
        try:
            reading = PullSession(self._outlet, connection)
            while True:
                before = reading.pictures
                reading.read(connection)
                if self._stop.is_set() or not self._target.is_file:
                    return f"{self._target.label}: the stream ended"
                if reading.pictures == before:
                    return f"{self._target.label}: no picture in it can be decoded"
                connection.close()
                connection = connect(self._target, self._settings, live=True)
        except MailboxClosed:
            raise
        except Exception as error:  # noqa: BLE001 - logged by _explain, and a camera is never given up
            return self._explain(error)
        finally:
            connection.close()

    def _explain(self, error: Exception) -> str:
        """In words; what nobody expected is logged in full, and still tried again: a camera must come back."""
        if not isinstance(error, ConnectionLost | SourceError):
            log.exception("source_failed", stream=self.id)
        return str(error) or type(error).__name__
