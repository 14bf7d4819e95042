"""Blocking calls made from the event loop, a few at a time, each in a thread of its own. Runs on the event loop.

The loop's own executor does not fit: a flood of sign-ins would take its threads from everything else, and closing it
waits for a database that does not answer. An abandoned call ends by its own time-out, or with the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from workers.errors import AccessBusy
from workers.kafka.background_call import ABANDONED

Result = TypeVar("Result")


class BoundedCalls:
    """`run` a call: at most `at_once` run, `waiting` more wait, and what comes on top of those is refused."""

    def __init__(self, name: str, at_once: int, waiting: int) -> None:
        self._name = f"{ABANDONED}{name}"
        self._most = at_once + waiting
        self._slots = asyncio.Semaphore(at_once)
        self._begun = 0

    async def run(self, call: Callable[[], Result]) -> Result:
        """What `call` returns or raises. Raises AccessBusy when too many wait.

        If cancelled while it waits, the call is not made; later, it goes on and its result is dropped.
        """
        if self._begun >= self._most:
            raise AccessBusy("too many sign-ins and look-ups of accounts at a time; try again in a moment")
        self._begun += 1
        try:
            await self._slots.acquire()
        except BaseException:
            self._begun -= 1
            raise
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        threading.Thread(target=self._run, args=(call, loop, future), name=self._name, daemon=True).start()
        return await asyncio.shield(future)

    def _run(self, call: Callable[[], Any], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]) -> None:
        result: object = None
        failure: BaseException | None = None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            failure = error

        def settle() -> None:
            self._begun -= 1
            self._slots.release()
            if future.done():
                return
            if failure is None:
                future.set_result(result)
                return
            future.set_exception(failure)
            future.exception()  # whoever awaited it may be gone

        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop is closed: nobody awaits the result any more
            return
