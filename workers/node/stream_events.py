"""Says on `livesight.events` when streams come up and go down. Any thread; looks after them in its own.

A stream is up from the first result of a session on, and down when that session is over: a camera that was lost, a push
that ended, a stream that was removed. Silence alone is not down; a silent camera is given up by its source in time.
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

log = structlog.get_logger(__name__)

_LOOK_S = 0.25
_WISHED = frozenset({"removed", "disabled"})
_RECONNECTED = "reconnected"
_PUSH_ENDED = "push_ended"
_DOWN = (SourceState.RECONNECTING, SourceState.FAILED, SourceState.ENDED)


@dataclass(slots=True)
class _Known:
    """What was said of a stream. `session`: the newest that was up, or one that stands for all attempts that failed.

    stopping: it is being stopped here, so that its source's end says nothing. ended: its push is over, which is as it
    should be.
    """

    status: Callable[[], SourceStatus]
    session: str | None = None
    up: bool = False
    stopping: bool = False
    ended: bool = False
    pts_us: int = 0
    models: dict[str, int] = field(default_factory=dict)


class StreamEvents:
    """Owned by the node. `publish` must not block."""

    def __init__(self, node: str, publish: Callable[[Event], None]) -> None:
        self._node = node
        self._publish = publish
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream-events", daemon=True)

    def start(self) -> None:
        """Begin to look after the streams."""
        self._thread.start()

    def halt(self, timeout_s: float) -> None:
        """Look after them no more: what happens to sources from now on is the node's own doing. Idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def close(self) -> None:
        """All streams go down with the node. Idempotent."""
        for stream_id in list(self._known):
            self.stopped(stream_id, "shutdown")

    def begin(self, stream_id: str, status: Callable[[], SourceStatus]) -> None:
        """The stream is started here. `status` is that of its source."""
        with self._lock:
            self._known[stream_id] = _Known(status)

    def stopping(self, stream_id: str) -> None:
        """The stream is being stopped here; `stopped` follows when its last result is out."""
        with self._lock:
            known = self._known.get(stream_id)
            if known is not None:
                known.stopping = True

    def stopped(self, stream_id: str, reason: str) -> None:
        """The stream was stopped here: removed, disabled, replaced (it goes on with other settings), released (another
        node takes it), shutdown.
        """
        with self._lock:
            known = self._known.pop(stream_id, None)
            if known is None or known.session is None or known.ended:
                return
            if not known.up and reason in _WISHED:
                known.pts_us += 1  # it was down already, but now that is as it should be: another event
            elif not known.up:
                return
            self._say_down(stream_id, known, reason)

    def result(self, result: FrameResult) -> None:
        """A result is about to be published; those of one stream come from one thread at a time."""
        known = self._known.get(result.stream_id)
        if known is None:
            return
        if known.session != result.session:
            self._is_up(known, result)
        elif known.up:
            known.pts_us = result.pts_us

    def _is_up(self, known: _Known, result: FrameResult) -> None:
        with self._lock:
            if known.up:
                self._say_down(result.stream_id, known, _RECONNECTED)
            known.session, known.pts_us, known.up = result.session, result.pts_us, True
            known.models = dict(result.models)
            self._say("stream_up", result.stream_id, known, result.captured_at_ns, None)

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_S):
            for stream_id in list(self._known):
                try:
                    self._look(stream_id)
                except Exception:
                    log.exception("stream_events_failed", stream=stream_id)

    def _look(self, stream_id: str) -> None:
        with self._lock:
            known = self._known.get(stream_id)
            if known is None or known.stopping:
                return
            status = known.status()
            replaced = known.up and status.session not in (known.session, None)
            if not replaced and (status.state not in _DOWN or not (known.up or known.session is None)):
                return
            known.ended = status.state is SourceState.ENDED
            if known.session is None:
                if known.ended:
                    return  # a push without a picture
                known.session = status.session or new_session()
            reason = _RECONNECTED if replaced else status.state.value
            self._say_down(stream_id, known, _PUSH_ENDED if known.ended else status.last_error or reason)

    def _say_down(self, stream_id: str, known: _Known, reason: str) -> None:
        known.up = False
        self._say("stream_down", stream_id, known, time.time_ns(), reason)

    def _say(self, kind: str, stream_id: str, known: _Known, captured_at_ns: int, reason: str | None) -> None:
        assert known.session is not None
        fields = {
            "id": event_id(kind, stream_id, known.session, known.pts_us),
            "kind": kind,
            "stream_id": stream_id,
            "session": known.session,
            "pts_us": known.pts_us,
            "captured_at_ns": captured_at_ns,
            "reason": reason,
            "models": known.models,
            "node": self._node,
        }
        self._publish(Event.model_validate(fields))
