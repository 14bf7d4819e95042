"""The process's memory: how it is taken, and that what is no longer needed goes back to the system. Any thread.

Streams that come and go leave two things behind. aiortc's connections are circles of objects, which lie there until
Python's oldest generation is collected; that happens when it has grown by a quarter, and what was loaded at the start
makes a quarter a lot. And glibc keeps what is freed: in up to eight arenas a core, in each as much as was once in use
at a time, with holes. So there are as many arenas as cores (`limit_arenas`), what the start has loaded is left out of
collections (`settle`), and after somebody has left cycles are collected and free pages given back (`give_back`).
Where there is no glibc, only the collecting is done.
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
    """As many of glibc's arenas as cores, two at the least, unless MALLOC_ARENA_MAX is set. Before threads begin.

    True when it was done here.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None or "MALLOC_ARENA_MAX" in os.environ:
        return False
    return bool(mallopt(_M_ARENA_MAX, max(2, os.cpu_count() or 2)))


def settle() -> None:
    """All that is loaded now stays for good: collections are quick without it. Once, when the service has started."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Collect cycles, then have glibc return its free pages. Some 10 to 100 ms, the collecting under the GIL."""
    began_s = time.monotonic()
    found = gc.collect()
    collected_s = time.monotonic()
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)
    log.debug(
        "memory_given_back",
        collected=found,
        collect_ms=round((collected_s - began_s) * 1000, 1),
        trim_ms=round((time.monotonic() - collected_s) * 1000, 1),
    )


def _libc() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # no such thing on this system
        return None
