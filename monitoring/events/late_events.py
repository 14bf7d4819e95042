"""Which of a node's events come too late to matter: events and results of a stream are read side by side. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.bus.event import Event
from workers.bus.result import FrameResult

_KEPT = 8


@dataclass(slots=True)
class LateEventFilter:
    """The session of a stream's last result, when that was captured, and those that it followed. Kept as JSON."""

    session: str = ""
    captured_at_ns: int = 0
    past: list[str] = field(default_factory=list)

    def saw(self, result: FrameResult) -> None:
        """A result came."""
        if result.session != self.session:
            if self.session:
                self.past = [*(one for one in self.past if one != self.session), self.session][-_KEPT:]
            self.session = result.session
        self.captured_at_ns = result.captured_at_ns

    def is_late(self, event: Event) -> bool:
        """Whether results have told of a later session already.

        One without results (a camera that never came) is known by the wall clock alone.
        """
        if event.session == self.session:
            return False
        return event.session in self.past or event.captured_at_ns < self.captured_at_ns
