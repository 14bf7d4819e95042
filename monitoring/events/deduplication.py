"""Which results are new: duplicates, and results of past sessions, are not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.bus.result import FrameResult

_MAX_PAST_SESSIONS = 64  # per stream; results of past sessions come late from nodes that were cut off


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
        """The state of a stream, JSON-able; None when it had no result."""
        known = self._positions.get(stream_id)
        if known is None:
            return None
        return {"session": known.session, "pts_us": known.pts_us, "over": list(known.past_sessions)}
