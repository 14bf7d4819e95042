"""Which results are new, and which events of nodes come too late: duplicates and past sessions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.bus.event import Event
from workers.bus.result import FrameResult

_MAX_PAST_SESSIONS = 64  # per stream; results of past sessions come late from nodes that were cut off
_MAX_LATE_SESSIONS = 8


@dataclass(slots=True)
class _Position:
    """Of the last result of a stream, and the sessions before."""

    session: str
    pts_us: int
    past_sessions: tuple[str, ...] = ()


class Deduplicator:
    """Results of a stream arrive in order, at least once: one not later than the last of its session is a duplicate.

    Sessions follow one another. When results of an earlier one arrive after all, from the spool of a node that was cut
    off, their tracks have long ended.
    """

    def __init__(self) -> None:
        self._positions: dict[str, _Position] = {}

    def is_new(self, result: FrameResult) -> bool:
        """Whether a result is new; remembers it."""
        known = self._positions.get(result.stream_id)
        if known is None:
            self._positions[result.stream_id] = _Position(result.session, result.pts_us)
            return True
        if result.session == known.session:
            if result.pts_us <= known.pts_us:
                return False
            known.pts_us = result.pts_us
            return True
        if result.session in known.past_sessions:
            return False
        past = (*known.past_sessions, known.session)[-_MAX_PAST_SESSIONS:]
        self._positions[result.stream_id] = _Position(result.session, result.pts_us, past)
        return True

    def restore(self, stream_id: str, state: Any | None) -> None:
        """Take back what `dump` returned, None when there is nothing."""
        self._positions.pop(stream_id, None)
        if state is not None:
            past: Sequence[str] = state["over"]
            self._positions[stream_id] = _Position(state["session"], state["pts_us"], tuple(past))

    def forget(self, stream_id: str | None) -> None:
        """Forget a stream, or all (None)."""
        if stream_id is None:
            self._positions.clear()
        else:
            self._positions.pop(stream_id, None)

    def dump(self, stream_id: str) -> Any:
        """The state of a stream, JSON-able; None when there was no result."""
        known = self._positions.get(stream_id)
        if known is None:
            return None
        return {"session": known.session, "pts_us": known.pts_us, "over": list(known.past_sessions)}


@dataclass(slots=True)
class LateEventFilter:
    """Events and results of a stream are read in parallel, so an event may come after results of a later session.

    Holds session and capture time of a stream's last result, and the sessions before. Stored as JSON.
    """

    session: str = ""
    captured_at_ns: int = 0
    past: list[str] = field(default_factory=list)

    def add(self, result: FrameResult) -> None:
        """Remember a result."""
        if result.session != self.session:
            if self.session:
                self.past = [*(one for one in self.past if one != self.session), self.session][-_MAX_LATE_SESSIONS:]
            self.session = result.session
        self.captured_at_ns = result.captured_at_ns

    def is_late(self, event: Event) -> bool:
        """Whether there were results of a later session already.

        For a session without results (its camera never delivered) only the wall clock tells.
        """
        if event.session == self.session:
            return False
        return event.session in self.past or event.captured_at_ns < self.captured_at_ns
