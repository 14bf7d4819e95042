"""The state of a source: connecting, live, stalled, …; its last error, session and rates. Any thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import structlog

from stream.metrics import STREAM_RECONNECTS, STREAM_UP
from stream.url_redaction import redact

log = structlog.get_logger(__name__)


class SourceState(StrEnum):
    """The life of a source.

    `stalled`: connected, but silent; `ended`: a file or push that is over; `failed`: gave up.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A consistent snapshot of a source's state.

    fps: decoded frames a second, over the last three. reconnects: sessions lost and tried again. frames: frames
    decoded over all sessions. since_s: seconds in this state. last_error: redacted; stays after it is overcome.
    """

    state: SourceState
    last_error: str | None = None
    session: str | None = None
    size_wh: tuple[int, int] | None = None
    codec: str | None = None
    fps: float = 0.0
    reconnects: int = 0
    frames: int = 0
    since_s: float = 0.0


class RateMeter:
    """Events a second in a sliding window of `window_s` seconds; memory is bounded by `most` times. Any thread."""

    def __init__(self, window_s: float = 3.0, most: int = 512) -> None:
        self._window_s = window_s
        self._times_s: deque[float] = deque(maxlen=most)
        self._lock = threading.Lock()

    def tick(self, now_s: float | None = None) -> None:
        """Count one event now (time.monotonic())."""
        with self._lock:
            self._times_s.append(time.monotonic() if now_s is None else now_s)

    def rate(self, now_s: float | None = None) -> float:
        """Events a second, from the intervals inside the window, or from the last one where it is longer.

        0.0 before the second event, and once nothing came for a window or for twice the last interval.
        """
        now_s = time.monotonic() if now_s is None else now_s
        with self._lock:
            while len(self._times_s) > 2 and self._times_s[0] < now_s - self._window_s:
                self._times_s.popleft()
            if len(self._times_s) < 2:
                return 0.0
            last_interval_s = self._times_s[-1] - self._times_s[-2]
            if now_s - self._times_s[-1] > max(self._window_s, 2 * last_interval_s):
                return 0.0
            elapsed_s = max(self._times_s[-1] - self._times_s[0], now_s - self._times_s[0] - max(1.0, last_interval_s))
            return (len(self._times_s) - 1) / elapsed_s if elapsed_s > 0 else 0.0


class SourceHealth:
    """The state machine of every source: its thread writes, any thread reads.

    Logs each change of state and sets `livesight_stream_up`.

    stalled_after_s: silence after which a live source is shown as stalled; None for those that cannot stall. pushed:
    its sender sends when it likes, so that a stalled source is up all the same.
    """

    def __init__(self, stream_id: str, stalled_after_s: float | None, pushed: bool = False) -> None:
        self._stream_id = stream_id
        self._pushed = pushed
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
        self._received_s = self._since_s = time.monotonic()
        self._closed = False

    @property
    def frames(self) -> int:
        """Frames decoded so far, over all sessions."""
        return self._frames

    @property
    def last_error(self) -> str | None:
        """The newest error, redacted; it stays after it is overcome."""
        return self._last_error

    def set_state(self, state: SourceState, error: str | None = None) -> None:
        """Change the state; `error` is redacted here and stays until another replaces it."""
        with self._lock:
            self._change(state, None if error is None else redact(error))

    def session_started(self, session: str, codec: str | None, size_wh: tuple[int, int] | None) -> None:
        """A new session begins; the state changes with its first frame."""
        with self._lock:
            self._session, self._codec = session, codec
            self._size_wh = size_wh if size_wh and all(size_wh) else None
            self._received_s = time.monotonic()

    def received(self) -> None:
        """Data arrived from the sender: it is not silent."""
        self._received_s = time.monotonic()

    def frame_decoded(self, size_wh: tuple[int, int], codec: str | None = None) -> None:
        """A frame came out of the decoder: the source is live. codec: where it can change within a session."""
        now_s = time.monotonic()
        self._rate.tick(now_s)
        with self._lock:
            self._received_s = now_s
            self._frames += 1
            self._size_wh, self._codec = size_wh, codec or self._codec
            if self._state is not SourceState.LIVE:
                self._change(SourceState.LIVE, None)

    def frame_failed(self, error: str) -> None:
        """One frame could not be used; the source goes on."""
        with self._lock:
            self._last_error = redact(error)

    def session_lost(self, error: str) -> None:
        """The connection of a session is gone and will be tried again."""
        with self._lock:
            if self._closed:
                return
            self._reconnects += 1
            STREAM_RECONNECTS.labels(self._stream_id).inc()
            self._change(SourceState.RECONNECTING, redact(error))

    def close(self, state: SourceState = SourceState.ENDED, error: str | None = None) -> None:
        """The source is closed: nothing is logged or counted from now on. A failed source stays failed. Idempotent."""
        with self._lock:
            if not self._closed and self._state is not SourceState.FAILED:
                self._change(state, None if error is None else redact(error))
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
            silent_s = time.monotonic() - self._received_s
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
            pause = self._pushed and SourceState.STALLED in (before, state)
            up = state is SourceState.LIVE or (pause and state is SourceState.STALLED)
            STREAM_UP.labels(self._stream_id).set(up)
            report = log.warning if error else log.debug if pause else log.info
            report("stream_state", stream=self._stream_id, state=state.value, before=before.value, error=error)
