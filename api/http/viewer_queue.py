"""The results that wait for one viewer, and what it skips when it lags. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from api.http.errors import ApiError


@dataclass(frozen=True, slots=True)
class QueuedResult:
    """One result on its way out. `text` is the wire form, one object for all viewers."""

    stream_id: str
    text: str


class ViewerEnded(ApiError):
    """No message follows. `code` is a WebSocket close code, `reason` is shown to users."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ViewerQueue:
    """Holds results until the viewer's connection takes them; beyond `limit` only the newest of each stream stays.

    So a viewer that keeps up gets every result, and one that lags never gets outdated ones.
    """

    def __init__(self, limit: int, on_skip: Callable[[int], None] | None = None) -> None:
        self._limit = limit
        self._on_skip = on_skip
        self._waiting: deque[QueuedResult] = deque()
        self._changed = asyncio.Event()
        self._ended: ViewerEnded | None = None
        self._current_limit = limit
        self.skipped = 0

    def offer(self, result: QueuedResult) -> None:
        """Add a result; beyond the limit all but the newest of each stream are skipped."""
        self._waiting.append(result)
        if len(self._waiting) > self._current_limit:
            self._skip()
        self._changed.set()

    def end(self, code: int, reason: str) -> None:
        """No result follows: `take` raises ViewerEnded once the queue is empty."""
        self._ended = self._ended or ViewerEnded(code, reason)
        self._changed.set()

    async def take(self) -> QueuedResult:
        """The oldest result. Raises ViewerEnded once the queue is empty and ended. Cancelling loses nothing."""
        while not self._waiting:
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def _skip(self) -> None:
        newest = {result.stream_id: result for result in self._waiting}
        skipped = len(self._waiting) - len(newest)
        self._waiting = deque(newest.values())
        self._current_limit = max(
            self._limit, 2 * len(newest)
        )  # with more streams than the limit, not every offer may skip
        self.skipped += skipped
        if self._on_skip is not None:
            self._on_skip(skipped)
