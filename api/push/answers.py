"""What one pushing client is told of its pictures: each exactly once. Runs on the event loop."""

from __future__ import annotations

import asyncio
import json
from collections import deque

from api.http.errors import Problem
from api.http.viewer import QueuedResult, ViewerEnded

_MOST_WAITING = 256


class PushAnswers:
    """Keeps the ordinals that are not answered yet, and the answers that wait to be sent. A Sink of the hub.

    The pipeline releases results in order, so a result for ordinal n says that nothing older will come: what is
    older and unanswered was lost on the way (a model raised, say) and is dropped. What is lost with nothing after it
    is dropped when it is `timeout_s` old.
    """

    def __init__(self, timeout_s: float) -> None:
        self.session: str | None = None
        self._timeout_s = timeout_s
        self._unanswered: dict[int, float] = {}  # ordinal → when it expires, in order
        self._next = 0
        self._ready: deque[str] = deque()
        self._dropped: list[int] = []
        self._ended: ViewerEnded | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def expect(self) -> int:
        """The ordinal of the next picture, which from now on needs an answer."""
        ordinal, self._next = self._next, self._next + 1
        self._unanswered[ordinal] = asyncio.get_running_loop().time() + self._timeout_s
        return ordinal

    def offer(self, result: QueuedResult) -> None:
        """A result of the stream."""
        told = json.loads(result.text)
        ordinal = told["frame"]
        if told["session"] != self.session or ordinal not in self._unanswered:
            return
        self.dropped([older for older in self._unanswered if older < ordinal])
        self._answered(ordinal, result.text)

    def dropped(self, ordinals: list[int]) -> None:
        """These will never be analysed."""
        lost = [ordinal for ordinal in ordinals if self._unanswered.pop(ordinal, None) is not None]
        if lost:
            self._dropped.extend(lost)
            self._note()

    def failed(self, ordinal: int, problem: Problem) -> None:
        """This picture is no good."""
        if ordinal in self._unanswered:
            self._answered(ordinal, json.dumps({"error": problem.document(), "frame": ordinal}))

    def stream_removed(self) -> None:
        """The stream was removed under the push."""
        self.end(1001, "the stream was removed")

    def end(self, code: int, reason: str) -> None:
        """See Sink."""
        self._ended = self._ended or ViewerEnded(code, reason)
        self._changed.set()

    async def room(self) -> None:
        """Wait until the client has taken enough of its answers for more pictures to be taken."""
        await self._room.wait()

    async def take(self) -> str:
        """The next answer as JSON text. Raises ViewerEnded once nothing waits."""
        while not (self._dropped or self._ready):
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            await self._changed.wait()
        if self._dropped:
            text = json.dumps({"dropped": self._dropped})
            self._dropped = []
        else:
            text = self._ready.popleft()
        self._note()
        return text

    async def expire(self) -> None:
        """Drop, for ever, what nothing else answers."""
        while True:
            await asyncio.sleep(min(1.0, self._timeout_s / 4))
            now = asyncio.get_running_loop().time()
            self.dropped([ordinal for ordinal, expires in self._unanswered.items() if expires <= now])

    def _answered(self, ordinal: int, text: str) -> None:
        del self._unanswered[ordinal]
        self._ready.append(text)
        self._note()

    def _note(self) -> None:
        if self._ready or self._dropped:
            self._changed.set()
        if len(self._ready) + len(self._dropped) >= _MOST_WAITING:
            self._room.clear()
        else:
            self._room.set()
