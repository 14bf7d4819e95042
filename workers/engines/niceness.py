"""Threads that yield the CPU to others. On Linux each has its own niceness, and what it starts inherits it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def yielding(niceness: int, work: Callable[[], _T]) -> _T:
    """Call `work` in a thread so much nicer than this one: the threads that it starts are as nice, for good.

    Elsewhere than on Linux, where a niceness is the whole process's, it is just called. Any thread; blocks.
    """
    if not niceness or sys.platform != "linux":
        return work()
    with ThreadPoolExecutor(1, "yielding", os.nice, (niceness,)) as pool:
        return pool.submit(work).result()
