"""The process's memory: fewer arenas, quick garbage collections, free pages returned to the system. Any thread.

Streams that come and go leave two things behind. aiortc's connections are cycles of objects, which stay until Python's
oldest generation is collected; that happens when it has grown by a quarter, and what was loaded at the start makes a
quarter a lot. And glibc retains what is freed: in up to eight arenas a core, in each as much as was once in use at a
time, with holes. So there are as many arenas as cores (`limit_arenas`), what the start has loaded is left out of
collections (`freeze_loaded`), and after a client has left, cycles are collected and free pages returned
(`return_free_memory`). Without glibc, only the collecting is done.
"""

from __future__ import annotations

import ctypes
import gc
import os
import time
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_M_ARENA_MAX = -8  # mallopt(3)


def limit_arenas() -> bool:
    """Limit glibc to an arena for each core, at least two, unless MALLOC_ARENA_MAX is set. Before threads start.

    True when it was limited here.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None or "MALLOC_ARENA_MAX" in os.environ:
        return False
    return bool(mallopt(_M_ARENA_MAX, max(2, os.cpu_count() or 2)))


def freeze_loaded() -> None:
    """Leave all that is loaded now out of garbage collections. Once, when the service has started."""
    gc.collect()
    gc.freeze()


def return_free_memory() -> None:
    """Collect cycles, then make glibc return its free pages. Takes 10 to 100 ms, the collecting under the GIL."""
    began_s = time.monotonic()
    found = gc.collect()
    collected_s = time.monotonic()
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)
    log.debug(
        "free_memory_returned",
        collected=found,
        collect_ms=round((collected_s - began_s) * 1000, 1),
        trim_ms=round((time.monotonic() - collected_s) * 1000, 1),
    )


def _libc() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # not on this system
        return None
