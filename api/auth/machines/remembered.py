"""Answers of the accounts' database, believed for a few seconds. Runs on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

REMEMBERED_S = 5.0
"""So long a revoked key, or a change of an account, may go unnoticed by a process that did not make it itself."""

_MOST = 10_000

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """One question a key every five seconds, whatever the number of requests; those that come together ask once."""

    def __init__(self, ask: Callable[[str], Awaitable[Value]], lasts_s: float = REMEMBERED_S) -> None:
        """What `ask` raises is raised to everybody who waits, and not remembered."""
        self._ask = ask
        self._lasts_s = lasts_s
        self._answers: OrderedDict[str, tuple[float, Value]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Value]] = {}

    async def get(self, key: str) -> Value:
        """The answer of now, or of a moment ago."""
        found = self._answers.get(key)
        if found is not None and time.monotonic() - found[0] < self._lasts_s:
            return found[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._answer(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # who asked may be gone
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Ask anew for every key: something was changed here. What is being asked now is not remembered."""
        self._answers.clear()
        self._asking.clear()

    async def _answer(self, key: str) -> Value:
        asked_s = time.monotonic()
        mine = asyncio.current_task()
        try:
            answer = await self._ask(key)
            if self._asking.get(key) is mine:
                self._answers[key] = (asked_s, answer)
                self._answers.move_to_end(key)
                if len(self._answers) > _MOST:
                    self._answers.popitem(last=False)
            return answer
        finally:
            if self._asking.get(key) is mine:
                del self._asking[key]
