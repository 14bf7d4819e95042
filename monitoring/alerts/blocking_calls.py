"""Blocking calls made from an event loop, each in a daemon thread of its own that nobody has to wait for. Any loop.

The loop's own executor does not fit: closing it waits for every call, and a target, node or database that hangs takes
as long as its own time-out. An abandoned call ends by that time-out, or with the process.
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
"""The name of database calls, which must end before the database closes."""


async def run_blocking(name: str, call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises. If cancelled, the call goes on and its result is dropped."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(setter: Callable[[Any], None], outcome: object) -> None:
        if not future.done():
            setter(outcome)

    def run() -> None:
        setter: Callable[[Any], None] = future.set_result
        outcome: object
        try:
            outcome = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            setter, outcome = future.set_exception, error
        try:
            loop.call_soon_threadsafe(settle, setter, outcome)
        except RuntimeError:  # the loop is closed: nobody awaits the result any more
            return

    threading.Thread(target=run, name=f"{ABANDONED}{name}", daemon=True).start()
    return await future


def join_calls(name: str, timeout_s: float) -> None:
    """Wait until the calls with that name have ended, or for `timeout_s`. Any thread."""
    deadline_s = time.monotonic() + timeout_s
    for thread in threading.enumerate():
        if thread.name == ABANDONED + name:
            thread.join(max(0.0, deadline_s - time.monotonic()))
