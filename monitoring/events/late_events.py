"""Which of a node's events come too late to matter: events and results of a stream are read in parallel. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.bus.event import Event
from workers.bus.result import FrameResult

_MAX_PAST_SESSIONS = 8


@dataclass(slots=True)
class LateEventFilter:
    """Session and capture time of a stream's last result, and the sessions before. Stored as JSON."""

    session: str = ""
    captured_at_ns: int = 0
    past: list[str] = field(default_factory=list)

    def add(self, result: FrameResult) -> None:
        """Remember a result."""
        if result.session != self.session:
            if self.session:
                self.past = [*(one for one in self.past if one != self.session), self.session][-_MAX_PAST_SESSIONS:]
            self.session = result.session
        self.captured_at_ns = result.captured_at_ns

    def is_late(self, event: Event) -> bool:
        """Whether there were results of a later session already.

        For a session without results (its camera never delivered) only the wall clock tells.
        """
        if event.session == self.session:
            return False
        return event.session in self.past or event.captured_at_ns < self.captured_at_ns
