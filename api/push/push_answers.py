"""Answers each image of one pushing client exactly once. Runs on the event loop."""

from __future__ import annotations

import asyncio
import json
from collections import deque

from api.http.errors import Problem
from api.http.viewer_queue import QueuedResult, ViewerEnded

_MAX_WAITING = 256


class PushAnswers:
    """The ordinals without an answer yet, and the answers to send. A ResultSubscriber of the hub.

    The pipeline releases results in order, so with a result for ordinal n, older ordinals without an answer were lost
    on the way (a model raised, say) and are dropped. A lost image that nothing follows is dropped after `timeout_s`.
    """

    def __init__(self, timeout_s: float) -> None:
        self.session: str | None = None
        self._timeout_s = timeout_s
        self._unanswered: dict[int, float] = {}  # ordinal → loop time when it expires, in order
        self._next = 0
        self._ready: deque[str] = deque()
        self._dropped: list[int] = []
        self._ended: ViewerEnded | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def expect(self) -> int:
        """The ordinal of the next image, which needs an answer from now on."""
        ordinal, self._next = self._next, self._next + 1
        self._unanswered[ordinal] = asyncio.get_running_loop().time() + self._timeout_s
        return ordinal

    def offer(self, result: QueuedResult) -> None:
        """A result of the stream."""
        document = json.loads(result.text)
        ordinal = document["frame"]
        if document["session"] != self.session or ordinal not in self._unanswered:
            return
        self.dropped([older for older in self._unanswered if older < ordinal])
        self._answered(ordinal, result.text)

    def dropped(self, ordinals: list[int]) -> None:
        """These images will never be analysed."""
        lost = [ordinal for ordinal in ordinals if self._unanswered.pop(ordinal, None) is not None]
        if lost:
            self._dropped.extend(lost)
            self._update()

    def failed(self, ordinal: int, problem: Problem) -> None:
        """This image cannot be used."""
        if ordinal in self._unanswered:
            self._answered(ordinal, json.dumps({"error": problem.document(), "frame": ordinal}))

    def stream_removed(self) -> None:
        """The stream was removed while this push fed it."""
        self.end(1001, "the stream was removed")

    def end(self, code: int, reason: str) -> None:
        """See ResultSubscriber."""
        self._ended = self._ended or ViewerEnded(code, reason)
        self._changed.set()

    async def room(self) -> None:
        """Wait until the client has read enough of its answers for more images to be accepted."""
        await self._room.wait()

    async def take(self) -> str:
        """The next answer as JSON text. Raises ViewerEnded once no answer waits."""
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
        self._update()
        return text

    async def expire(self) -> None:
        """Drop images whose answer is overdue. Runs until cancelled."""
        while True:
            await asyncio.sleep(min(1.0, self._timeout_s / 4))
            now = asyncio.get_running_loop().time()
            self.dropped([ordinal for ordinal, expires in self._unanswered.items() if expires <= now])

    def _answered(self, ordinal: int, text: str) -> None:
        del self._unanswered[ordinal]
        self._ready.append(text)
        self._update()

    def _update(self) -> None:
        if self._ready or self._dropped:
            self._changed.set()
        if len(self._ready) + len(self._dropped) >= _MAX_WAITING:
            self._room.clear()
        else:
            self._room.set()
