"""Which results are new: doubles, and those of sessions that are over, are not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.bus.result import FrameResult

_KEPT = 64  # sessions that are over, a stream: those of nodes that were cut off and come back late


@dataclass(slots=True)
class _Stream:
    session: str
    pts_us: int
    over: tuple[str, ...] = ()


class Deduplicator:
    """Results of a stream come in order, at least once: what is not later than the last of its session is a double.

    One session follows another; when results of an earlier one come after all, from the spool of a node that was cut
    off, their tracks are closed long since.
    """

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}

    def is_new(self, result: FrameResult) -> bool:
        """Whether to hand a result on; notes that it came."""
        known = self._streams.get(result.stream_id)
        if known is None:
            self._streams[result.stream_id] = _Stream(result.session, result.pts_us)
            return True
        if result.session == known.session:
            if result.pts_us <= known.pts_us:
                return False
            known.pts_us = result.pts_us
            return True
        if result.session in known.over:
            return False
        over = (*known.over, known.session)[-_KEPT:]
        self._streams[result.stream_id] = _Stream(result.session, result.pts_us, over)
        return True

    def restore(self, stream_id: str, state: Any | None) -> None:
        """What `dump` gave."""
        self._streams.pop(stream_id, None)
        if state is not None:
            over: Sequence[str] = state["over"]
            self._streams[stream_id] = _Stream(state["session"], state["pts_us"], tuple(over))

    def forget(self, stream_id: str | None) -> None:
        """Of all: None."""
        if stream_id is None:
            self._streams.clear()
        else:
            self._streams.pop(stream_id, None)

    def dump(self, stream_id: str) -> Any:
        """JSON-able; None when nothing of the stream has come."""
        known = self._streams.get(stream_id)
        return None if known is None else {"session": known.session, "pts_us": known.pts_us, "over": list(known.over)}
