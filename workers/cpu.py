"""The CPU: what the processor is, how many CPUs there are, and threads that yield it to others. Any thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


def processor(field: str) -> str:
    """A field of the first CPU in /proc/cpuinfo, such as `model name` or `flags`; empty where Linux does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


def usable_cpus() -> int:
    """How many CPUs this process may run on.

    By its affinity; a container's quota of CPU time does not show in it.
    """
    return len(os.sched_getaffinity(0))


def run_niced(niceness: int, work: Callable[[], _T]) -> _T:
    """Call `work` in a thread with so much more niceness than this one; the threads that it starts inherit that.

    On Linux each thread has its own niceness. Elsewhere it is the whole process's, and `work` is just called. Blocks.
    """
    if not niceness or sys.platform != "linux":
        return work()
    with ThreadPoolExecutor(1, "niced", os.nice, (niceness,)) as pool:
        return pool.submit(work).result()
