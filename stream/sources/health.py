"""How a source is: state, error, session, rate. Any thread."""

from __future__ import annotations

import threading
import time

import structlog

from stream.decoding.rate import RateMeter
from stream.metrics import STREAM_RECONNECTS, STREAM_UP
from stream.redaction import redact
from stream.sources.source import SourceState, SourceStatus

log = structlog.get_logger(__name__)


class SourceHealth:
    """Written by the source's thread, read by anybody. Logs each change of state and keeps `livesight_stream_up`.

    stalled_after_s: silence after which a live source shows as stalled; None for those that cannot stall.
    """

    def __init__(self, stream_id: str, stalled_after_s: float | None) -> None:
        self._stream_id = stream_id
        self._stalled_after_s = stalled_after_s
        self._lock = threading.Lock()
        self._rate = RateMeter()
        self._state = SourceState.CONNECTING
        self._last_error: str | None = None
        self._session: str | None = None
        self._size_wh: tuple[int, int] | None = None
        self._codec: str | None = None
        self._reconnects = 0
        self._frames = 0
        self._heard_s = self._since_s = time.monotonic()
        self._closed = False

    def become(self, state: SourceState, error: str | None = None) -> None:
        """Change the state; `error` is redacted here and stays until another replaces it."""
        with self._lock:
            self._change(state, None if error is None else redact(error))

    def connected(self, session: str, codec: str | None, size_wh: tuple[int, int] | None) -> None:
        """A new session begins; the state changes with its first picture."""
        with self._lock:
            self._session, self._codec = session, codec
            self._size_wh = size_wh if size_wh and all(size_wh) else None
            self._heard_s = time.monotonic()

    def heard(self) -> None:
        """Something arrived from the other side."""
        self._heard_s = time.monotonic()

    def pictured(self, size_wh: tuple[int, int]) -> None:
        """A picture came out of the decoder: the source is live."""
        now_s = time.monotonic()
        self._rate.tick(now_s)
        with self._lock:
            self._heard_s = now_s
            self._frames += 1
            self._size_wh = size_wh
            if self._state is not SourceState.LIVE:
                self._change(SourceState.LIVE, None)

    def lost(self, error: str) -> None:
        """The connection of a session is gone and will be tried again."""
        with self._lock:
            if self._closed:
                return
            self._reconnects += 1
            STREAM_RECONNECTS.labels(self._stream_id).inc()
            self._change(SourceState.RECONNECTING, redact(error))

    def closed(self) -> None:
        """The source is closed: from now on nothing is logged or counted. Idempotent."""
        with self._lock:
            if not self._closed and self._state is not SourceState.FAILED:
                self._change(SourceState.ENDED, None)
            self._closed = True

    def status(self) -> SourceStatus:
        """See Source.status."""
        with self._lock:
            self._notice_silence()
            return SourceStatus(
                state=self._state,
                last_error=self._last_error,
                session=self._session,
                size_wh=self._size_wh,
                codec=self._codec,
                fps=round(self._rate.rate(), 2),
                reconnects=self._reconnects,
                frames=self._frames,
                since_s=time.monotonic() - self._since_s,
            )

    def _notice_silence(self) -> None:
        if self._state is SourceState.LIVE and self._stalled_after_s is not None:
            silent_s = time.monotonic() - self._heard_s
            if silent_s > self._stalled_after_s:
                self._change(SourceState.STALLED, None)

    def _change(self, state: SourceState, error: str | None) -> None:
        """Under the lock."""
        if self._closed:
            return
        before, self._state = self._state, state
        self._last_error = error or self._last_error
        if before is not state:
            self._since_s = time.monotonic()
            STREAM_UP.labels(self._stream_id).set(state is SourceState.LIVE)
            report = log.warning if error else log.info
            report("stream_state", stream=self._stream_id, state=state.value, before=before.value, error=error)
