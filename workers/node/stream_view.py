"""A stream as the API and the command line show it. Pure."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from pydantic import BaseModel, ConfigDict

from stream.config import StreamConfig
from stream.frame import Frame
from stream.sources.health import RateMeter
from stream.sources.source import Source
from stream.url_redaction import redact
from workers.bus.result import FrameResult
from workers.node.kept_results import KeptResults
from workers.secrets.stored_stream import LockedStream

_WINDOW_S = 3.0


class StreamView(BaseModel):
    """One stream now. `url` is what everybody may see of it; rates are of the last seconds; `latency_ms` is the median.

    dropped: frames that nobody had time for, or that are unreadable; those beyond `max_fps` are not among them.
    identity: whether it says who is seen; identity_problem: why it cannot, where that is so.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    id: str
    kind: str
    url: str | None
    models: tuple[str, ...]
    enabled: bool
    ephemeral: bool
    node: str
    state: str
    blur: bool = False
    max_fps: float | None = None
    identity: bool = False
    identity_problem: str | None = None
    last_error: str | None = None
    session: str | None = None
    size_wh: tuple[int, int] | None = None
    codec: str | None = None
    fps: float = 0.0
    analysed_fps: float = 0.0
    latency_ms: float | None = None
    frames: int = 0
    analysed: int = 0
    dropped: int = 0
    reconnects: int = 0


class RecentResults:
    """What a stream's newest results say: rate, latency, the newest frame with its boxes. Any thread.

    kept: the results themselves, for clips.
    """

    def __init__(self) -> None:
        self._rate = RateMeter(_WINDOW_S)
        self._latencies: deque[tuple[float, float]] = deque(maxlen=1000)
        self._latest: tuple[Frame, FrameResult] | None = None
        self._lock = threading.Lock()
        self._skipped = 0
        self.kept = KeptResults()
        self.analysed = 0
        self.dropped = 0

    def add(self, frame: Frame, result: FrameResult, left_out: int = 0) -> None:
        """Note one more result. left_out: frames beyond the stream's `max_fps` so far."""
        self._rate.tick()
        with self._lock:
            self._latencies.append((time.monotonic(), result.latency_ms.total))
            self._latest = (frame, result)
            self.analysed += 1
            self._skipped += result.skipped
            self.dropped = max(self.dropped, self._skipped - left_out)  # some were left out after this frame

    @property
    def latest(self) -> tuple[Frame, FrameResult] | None:
        """The newest analysed frame and its result."""
        return self._latest

    def rate(self) -> tuple[float, float | None]:
        """Results a second (see RateMeter), and their median latency in milliseconds; None while none come."""
        rate = self._rate.rate()
        since_s = time.monotonic() - _WINDOW_S
        with self._lock:
            recent = sorted(latency for at_s, latency in self._latencies if at_s >= since_s)
            if not recent and rate > 0:  # fewer than one a window
                recent = [self._latencies[-1][1]]
        return round(rate, 2), recent[len(recent) // 2] if recent else None

    def clear_frame(self) -> None:
        """Let go of the newest frame."""
        with self._lock:
            self._latest = None


def configured(config: StreamConfig, node: str, state: str, last_error: str | None) -> StreamView:
    """A stream that is specified only: it does not run, or not yet."""
    if isinstance(config, LockedStream):
        url, state, last_error = config.camera or "", "failed" if config.enabled else "disabled", config.reason
    else:
        url = redact(config.url or "")
    shared = config.model_dump(include=set(StreamView.model_fields))
    own = {"kind": url.split(":", 1)[0], "url": url, "ephemeral": False, "node": node, "state": state}
    return StreamView.model_validate({**shared, **own, "last_error": last_error})


def running_view(
    config: StreamConfig, node: str, ephemeral: bool, source: Source | None, recent: RecentResults
) -> StreamView:
    """A stream of this process; without a source it is disabled, or its address cannot be decrypted."""
    if isinstance(config, LockedStream):
        return configured(config, node, "failed", None)
    url = redact(config.url) if config.url else None
    known: dict[str, Any] = {"state": "disabled", "kind": "push" if url is None else url.split(":", 1)[0]}
    if source is not None:
        status = source.status()
        rate, latency_ms = recent.rate()
        known = {
            "state": status.state.value,
            "kind": source.kind,
            "last_error": status.last_error,
            "session": status.session,
            "size_wh": status.size_wh,
            "codec": status.codec,
            "fps": round(status.fps, 1),
            "frames": status.frames,
            "reconnects": status.reconnects,
            "analysed_fps": rate,
            "latency_ms": latency_ms,
            "analysed": recent.analysed,
            "dropped": recent.dropped,
        }
    shared = config.model_dump(include=set(StreamView.model_fields))
    return StreamView.model_validate({**shared, **known, "url": url, "ephemeral": ephemeral, "node": node})
