"""Where the library `limits` counts: in memory, bounded, without threads. Runs on the event loop.

Its own MemoryStorage starts a thread at each hit and grows with the number of clients.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from limits.storage import Storage

Clock = Callable[[], float]


class BoundedStorage(Storage):
    """Counts by key, each from its first hit until its time is over. The fixed window of `limits` needs no more.

    Beyond `most` keys those go whose window ended, then the ones that began first: a crowd of addresses makes the
    service forget some of them, never run out of memory.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int = 20_000, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()  # end and count, by the beginning

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def base_exceptions(self) -> type[Exception]:
        """See Storage."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """See Storage."""
        now_s = self._clock()
        end_s, count = self._windows.get(key, (0.0, 0))
        if end_s > now_s and count:
            self._windows[key] = (end_s, count + amount)
            return count + amount
        self._windows.pop(key, None)
        if len(self._windows) >= self._most:
            self._make_room(now_s)
        self._windows[key] = (now_s + expiry, amount)
        return amount

    def get(self, key: str) -> int:
        """See Storage."""
        end_s, count = self._windows.get(key, (0.0, 0))
        return count if end_s > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """When the window of a key ends, by the clock."""
        return self._windows.get(key, (self._clock(), 0))[0]

    def check(self) -> bool:
        """See Storage."""
        return True

    def reset(self) -> int | None:
        """See Storage."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """See Storage."""
        self._windows.pop(key, None)

    def _make_room(self, now_s: float) -> None:
        """A tenth at a time, so that a flood does not pay for a search at each request."""
        for key in [key for key, (end_s, _) in self._windows.items() if end_s <= now_s]:
            del self._windows[key]
        while len(self._windows) > self._most * 9 // 10:
            self._windows.popitem(last=False)
