"""What every source of frames has in common: mailbox, thread, start, stop and status."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import structlog

from stream.config import StreamConfig, StreamSettings
from stream.decoding.fps_limit import FpsLimit
from stream.errors import MailboxClosed, SourceError
from stream.frame import Frame
from stream.mailbox import DropReason, Mailbox
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED, STAGE_SECONDS
from stream.ring import PacketRing
from stream.sources.health import SourceHealth, SourceState, SourceStatus

log = structlog.get_logger(__name__)

_BLOCK_CAPACITY = 2


class Source(ABC):
    """Frames of one stream, made by a thread of its own and handed over by `mailbox`. Any thread may call it.

    live: the newest frame wins, at most `config.max_fps` of them a second; otherwise every frame waits to be taken.
    ring: its encoded packets, where it has some; closed with the source. request_key: asks the sender for a key frame,
    where the sender listens; any thread, never blocks.
    """

    kind: str
    ring: PacketRing | None = None
    request_key: Callable[[], None] | None = None
    thread_prefix: ClassVar[str]

    def __init__(
        self,
        config: StreamConfig,
        settings: StreamSettings,
        *,
        live: bool = True,
        can_stall: bool = True,
        pushed: bool = False,
    ) -> None:
        self.id = config.id
        if live:
            self.mailbox: Mailbox[Frame] = Mailbox("newest", accepts=_limit(config), on_drop=self._on_drop)
        else:
            self.mailbox = Mailbox("block", capacity=_BLOCK_CAPACITY)
        self._settings = settings
        self._live = live
        self._health = SourceHealth(config.id, settings.stalled_after_s if can_stall else None, pushed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{self.thread_prefix}-{config.id}", daemon=True)
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Begin to deliver. Returns at once; errors show in `status()` and, where final, close the mailbox.

        Once: a second call, and one after `stop`, does nothing.
        """
        with self._lock:
            if self._started or self._stopping.is_set():
                return
            self._started = True
            self._thread.start()

    def stop(self, error: str | None = None) -> None:
        """Close the mailbox and let the thread end; returns at once. Idempotent. error: why, unless it was asked to."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            started = self._started
        self._wake()
        self._health.close(self._last_state(error), error)
        self.mailbox.close()
        if self.ring is not None:
            self.ring.close()
        if not started:
            self._finished()

    def take_over(self, config: StreamConfig) -> None:
        """Go on with this configuration, which keeps the session (StreamConfig.keeps_session)."""
        if self._live:
            self.mailbox.accept(_limit(config))

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop and free everything. Idempotent; waits for the thread up to `timeout_s`.

        A thread that hangs in opening a camera is left behind; it ends with its time-out.
        """
        self.stop()
        self.join(timeout_s)

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, up to `timeout_s`."""
        if self._started and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def status(self) -> SourceStatus:
        """A snapshot of its state. Any thread, never blocks."""
        return self._health.status()

    @abstractmethod
    def _deliver_all(self) -> None:
        """The thread's work: deliver frames until the source ends or `_stopping` is set.

        MailboxClosed, and SourceError with a text for users, end the source.
        """

    def _wake(self) -> None:  # noqa: B027 - most sources wait for nothing but the mailbox
        """Called once when the source is stopped: wake the thread from what it waits for."""

    def _finished(self) -> None:  # noqa: B027 - nobody waits for most sources
        """Called once when the thread has ended, or was never started."""

    def _last_state(self, error: str | None) -> SourceState:
        """The state after `stop(error)`."""
        return SourceState.FAILED if error is not None else SourceState.ENDED

    def _on_drop(self, frame: Frame, reason: DropReason) -> None:
        FRAMES_DROPPED.labels(self.id, reason).inc()

    def _deliver(self, frame: Frame, codec: str | None = None) -> None:
        """Count a decoded frame and hand it over. Raises MailboxClosed."""
        FRAMES_DECODED.labels(self.id).inc()
        STAGE_SECONDS.labels("decode").observe(frame.decode_s)
        self._health.frame_decoded(frame.size_wh, codec)
        self.mailbox.put(frame)

    def _run(self) -> None:
        """The thread."""
        error: SourceError | None = None
        try:
            self._deliver_all()
        except MailboxClosed:
            pass
        except SourceError as failure:
            error = failure
        except Exception as failure:
            log.exception("source_failed", stream=self.id)
            error = SourceError(f"stream {self.id}: unexpected error: {failure}")
        if error is not None:
            self._health.set_state(SourceState.FAILED, str(error))
            self.mailbox.close(error)
        self.stop()
        self._finished()


def _limit(config: StreamConfig) -> Callable[[Frame], bool] | None:
    return None if config.max_fps is None else FpsLimit(config.max_fps).admits
