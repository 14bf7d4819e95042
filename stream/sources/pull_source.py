"""Cameras, files and devices that are fetched by FFmpeg. Each source runs in its own thread."""

from __future__ import annotations

import time

import structlog

from stream.config import StreamConfig, StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.errors import MailboxClosed, SourceError
from stream.ring import PacketRing
from stream.sources.backoff import Backoff
from stream.sources.connect import Connection, ConnectTarget, connect
from stream.sources.health import SourceState
from stream.sources.pull_session import ConnectionLost, PullSession, SessionOutput
from stream.sources.source import Source

log = structlog.get_logger(__name__)

_GOOD_SESSION_S = 5.0  # a session at least this long starts the backoff anew


class PullSource(Source):
    """Opens, demuxes and decodes one target in one thread.

    live: the newest frame wins, lost connections are tried again for ever, files loop at their own rate. Otherwise
    every frame waits to be taken, once and unpaced, and the mailbox closes at the end, with a SourceError when the
    target cannot be read.
    """

    thread_prefix = "pull"

    def __init__(
        self, config: StreamConfig, settings: StreamSettings, target: ConnectTarget, cpu_gate: CpuGate, *, live: bool
    ) -> None:
        super().__init__(config, settings, live=live, can_stall=target.is_network)
        self.kind = target.kind
        self.ring: PacketRing = PacketRing(settings.ring_bytes, settings.ring_s)
        self._target = target
        self._output = SessionOutput(
            config.id, target, settings, live, self.mailbox, self.ring, self._health, self._stopping, cpu_gate
        )

    def _deliver_all(self) -> None:
        """See Source."""
        if self._live:
            self._stay_connected()
        else:
            self._play_once()

    def _play_once(self) -> None:
        connection = connect(self._target, self._settings, live=False)
        reading = PullSession(self._output, connection)
        try:
            reading.read(connection)
        except ConnectionLost as lost:
            raise SourceError(str(lost)) from None
        finally:
            connection.close()
        if not reading.frames and not self._stopping.is_set():
            raise SourceError(f"{self._target.label}: none of its frames could be decoded")

    def _stay_connected(self) -> None:
        backoff = Backoff(self._settings.backoff_min_s, self._settings.backoff_max_s)
        while not self._stopping.is_set():
            begun_s = time.monotonic()
            try:
                connection = connect(self._target, self._settings, live=True)
            except Exception as error:  # noqa: BLE001 - logged by _explain, and a camera is never given up
                self._health.set_state(SourceState.RECONNECTING, self._explain(error))
            else:
                reason = self._follow(connection)
                if self._stopping.is_set():
                    return
                self._health.session_lost(reason)
                if time.monotonic() - begun_s >= _GOOD_SESSION_S:
                    backoff.reset()
            self._stopping.wait(backoff.next_s())

    def _follow(self, connection: Connection) -> str:
        """Read one session until it is lost; returns why. Closes the connection."""
        try:
            reading = PullSession(self._output, connection)
            while True:
                before = reading.frames
                reading.read(connection)
                if self._stopping.is_set() or not self._target.is_file:
                    return f"{self._target.label}: the stream ended"
                if reading.frames == before:
                    return f"{self._target.label}: none of its frames could be decoded"
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
