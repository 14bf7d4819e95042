"""Blocking calls beside an event loop, each in a daemon thread of its own, that nobody has to wait for. Any loop.

The loop's own executor would not do: its end waits for every call, and targets, nodes and databases that hang take as
long as their time limits say. What is abandoned ends by those, or with the process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from workers.kafka.background_call import ABANDONED

Result = TypeVar("Result")


DATABASE = "alerts-database"
"""The name for calls of the database, which close before it does."""


async def aside(name: str, call: Callable[[], Result]) -> Result:
    """What `call` returns, or raises. Cancelled, it goes on without anybody who listens."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Result] = loop.create_future()

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        if not answered.done():
            settle(outcome)

    def run() -> None:
        settle: Callable[[Any], None] = answered.set_result
        outcome: object
        try:
            outcome = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            settle, outcome = answered.set_exception, error
        try:
            loop.call_soon_threadsafe(tell, settle, outcome)
        except RuntimeError:  # the loop has ended: nobody wants to know any more
            return

    threading.Thread(target=run, name=f"{ABANDONED}{name}", daemon=True).start()
    return await answered


def wait_for(name: str, timeout_s: float) -> None:
    """Until the calls of that name have ended, or the time is over. Any thread."""
    deadline_s = time.monotonic() + timeout_s
    for thread in threading.enumerate():
        if thread.name == ABANDONED + name:
            thread.join(max(0.0, deadline_s - time.monotonic()))
