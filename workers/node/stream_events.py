"""Publishes on `livesight.events` when streams come up and go down. Any thread; watches the sources in its own.

A stream is up from the first result of a session on, and down when that session is over: a camera that was lost, a push
that ended, a stream that was removed. Silence alone is not down: a source gives a silent camera up in time. The event
follows the last result of its session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from stream.frame import new_session
from stream.sources.health import SourceState, SourceStatus
from workers.bus.event import Event, event_id
from workers.bus.result import FrameResult
from workers.bus.stream_down import PUSH_ENDED, RECONNECTED, SHUTDOWN

log = structlog.get_logger(__name__)

_POLL_S = 0.25
_LAST_RESULTS_S = 5.0
"""How long the event waits for the last results; a model that hangs must not hold it up for ever."""
_DOWN = (SourceState.RECONNECTING, SourceState.FAILED, SourceState.ENDED)


@dataclass(frozen=True, slots=True)
class WatchedStream:
    """What is watched of a stream. Any thread; neither blocks.

    all_published: whether the result of every frame that the source delivered so far has been published.
    """

    status: Callable[[], SourceStatus]
    all_published: Callable[[], bool]


@dataclass(slots=True)
class _StreamState:
    """What was published of a stream. `session`: the newest that was up, or one that stands for all failed attempts.

    stopping: it is being stopped here, so the end of its source is no event. ended: its push is over, as it should be.
    down_s: when its source was first seen down.
    """

    watched: WatchedStream
    session: str | None = None
    up: bool = False
    stopping: bool = False
    ended: bool = False
    down_s: float | None = None
    pts_us: int = 0
    models: dict[str, int] = field(default_factory=dict)


class StreamEvents:
    """Owned by the node's publisher. `publish` must not block."""

    def __init__(self, node: str, publish: Callable[[Event], None]) -> None:
        self._node = node
        self._publish = publish
        self._states: dict[str, _StreamState] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream-events", daemon=True)

    def start(self) -> None:
        """Begin to watch the streams."""
        self._thread.start()

    def halt(self, timeout_s: float) -> None:
        """Stop watching: what happens to sources from now on is the node's own doing. Idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def close(self) -> None:
        """All streams go down with the node. Idempotent."""
        for stream_id in list(self._states):
            self.stopped(stream_id, SHUTDOWN)

    def begin(self, stream_id: str, watched: WatchedStream) -> None:
        """The stream is started here."""
        with self._lock:
            self._states[stream_id] = _StreamState(watched)

    def stopping(self, stream_id: str) -> None:
        """The stream is being stopped here; `stopped` follows when its last result is out."""
        with self._lock:
            state = self._states.get(stream_id)
            if state is not None:
                state.stopping = True

    def stopped(self, stream_id: str, reason: str) -> None:
        """The stream was stopped here, for one of the reasons of workers/bus/stream_down.py."""
        with self._lock:
            state = self._states.pop(stream_id, None)
            if state is None or state.session is None or state.ended:
                return
            if not state.up:
                state.pts_us += 1  # it was down already, but now nobody looks whether it comes back: another event
            self._publish_down(stream_id, state, reason)

    def result(self, result: FrameResult) -> None:
        """A result is about to be published; those of one stream come from one thread at a time."""
        state = self._states.get(result.stream_id)
        if state is None:
            return
        if state.session != result.session:
            self._publish_up(state, result)
        elif state.up:
            state.pts_us = result.pts_us

    def _publish_up(self, state: _StreamState, result: FrameResult) -> None:
        with self._lock:
            if state.up:
                self._publish_down(result.stream_id, state, RECONNECTED)
            state.session, state.pts_us, state.up = result.session, result.pts_us, True
            state.models = dict(result.models)
            self._publish_event("stream_up", result.stream_id, state, result.captured_at_ns, None)

    def _run(self) -> None:
        while not self._closing.wait(_POLL_S):
            for stream_id in list(self._states):
                try:
                    self._check(stream_id)
                except Exception:
                    log.exception("stream_events_failed", stream=stream_id)

    def _check(self, stream_id: str) -> None:
        with self._lock:
            state = self._states.get(stream_id)
            if state is None or state.stopping:
                return
            status = state.watched.status()
            reconnected = state.up and status.session not in (state.session, None)
            if not reconnected and (status.state not in _DOWN or not (state.up or state.session is None)):
                state.down_s = None
                return
            if self._is_behind(state):
                return  # its last results are still being computed
            state.ended = status.state is SourceState.ENDED
            if state.session is None:
                if state.ended:
                    return  # a push without a frame
                state.session = status.session or new_session()
            reason = RECONNECTED if reconnected else status.state.value
            self._publish_down(stream_id, state, PUSH_ENDED if state.ended else status.last_error or reason)

    def _is_behind(self, state: _StreamState) -> bool:
        """Whether results of before the source went down are still to come."""
        now_s = time.monotonic()
        state.down_s = now_s if state.down_s is None else state.down_s
        return not state.watched.all_published() and now_s - state.down_s < _LAST_RESULTS_S

    def _publish_down(self, stream_id: str, state: _StreamState, reason: str) -> None:
        state.up, state.down_s = False, None
        self._publish_event("stream_down", stream_id, state, time.time_ns(), reason)

    def _publish_event(
        self, kind: str, stream_id: str, state: _StreamState, captured_at_ns: int, reason: str | None
    ) -> None:
        assert state.session is not None
        fields = {
            "id": event_id(kind, stream_id, state.session, state.pts_us),
            "kind": kind,
            "stream_id": stream_id,
            "session": state.session,
            "pts_us": state.pts_us,
            "captured_at_ns": captured_at_ns,
            "reason": reason,
            "models": state.models,
            "node": self._node,
        }
        self._publish(Event.model_validate(fields))
