"""File descriptors: one pool for connections, cameras, files and the broker. Pure; any thread.

Cameras and files must find one whatever connections do: so the limit is raised at the start, and the server leaves some
free (api/server/connections.py).
"""

from __future__ import annotations

import errno
import os
import resource
from typing import Final

MOST: Final = 65536
"""More is never asked for: some hard limits are a billion, and then whoever closes all descriptors takes minutes."""

FIRST_HIGH: Final = 1024
"""`select` takes lower ones only. Libraries use it, such as paho-mqtt, so connections get higher ones if they can."""

_LISTS = ("/proc/self/fd", "/dev/fd")


def raise_limit() -> int:
    """Raise the soft limit of this process to the hard one, at most to MOST. Returns the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS allows less than it says
            pass
    return limit()


def limit() -> int:
    """How many this process may have open; MOST stands for more."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)


def hard_limit() -> int:
    """Up to what `raise_limit` may raise; MOST stands for more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)


def in_use() -> int | None:
    """How many are open now; None where the system does not tell, or has none left to look with. Some 50 µs for 100."""
    for folder in _LISTS:
        try:
            return len(os.listdir(folder)) - 1  # the listing itself has one
        except OSError as error:
            if is_shortage(error):
                return limit()
    return None


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that there is no descriptor left; it passes when others are closed."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
