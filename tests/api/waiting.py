"""Waiting for what another thread brings about. Runs on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def eventually(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """Return once `condition` holds; fails after `timeout_s`. The condition must not block."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
        await asyncio.sleep(0.02)
