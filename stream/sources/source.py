"""What every source of frames has in common. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.ring import PacketRing


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
    """A consistent look at a source.

    fps: decoded pictures a second, over the last three. reconnects: sessions lost and tried again. frames: pictures
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


class Source(ABC):
    """Frames of one stream, handed over by `mailbox`. `start` once, `close` as often as you like.

    ring: its encoded packets, where it has some; closed with the source. request_key: asks the sender for a key frame,
    where it listens; any thread, never blocks.
    """

    id: str
    kind: str
    mailbox: Mailbox[Frame]
    ring: PacketRing | None = None
    request_key: Callable[[], None] | None = None

    @abstractmethod
    def start(self) -> None:
        """Begin to deliver. Returns at once; errors show in `status()` and, where final, close the mailbox."""

    @abstractmethod
    def close(self, timeout_s: float = 5.0) -> None:
        """Stop, close the mailbox and free everything. Idempotent; waits for own threads up to `timeout_s`."""

    @abstractmethod
    def status(self) -> SourceStatus:
        """How it is now. Any thread."""
