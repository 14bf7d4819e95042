"""Who may use the CPUs, decoding or analysis, when they are too few for both. Any thread.

Decoding comes first: a picture waits for it, and it takes a few milliseconds. But the decoders of many cameras take
every CPU for pictures that are thrown away, and fall behind all the same. So once a camera fell behind on a busy
machine, decoding keeps to a share of the CPUs for a while, and cameras take turns, the longest waiting first; what the
analysis leaves idle is theirs as well. They leave out pictures then, as `stream/decoding/lag.py` says.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from stream.decoding.shedding import usable_cpus
from stream.metrics import DECODING_LIMITED

log = structlog.get_logger(__name__)

SHARE = 0.5
HOLD_S = 60.0
"""Then it is tried without. Longer than it takes cameras to fall behind again, so that it seldom is."""


class CpuGate:
    """cpus: how many there are. share: of them, what decoding has even when the analysis could use them all."""

    def __init__(self, cpus: float, share: float = SHARE, now_s: Callable[[], float] = time.monotonic) -> None:
        self._cpus = max(1, round(cpus))
        self._least = max(1, round(self._cpus * share))
        self._now_s = now_s
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._decoding = 0
        self._analysing = 0
        self._limited_until_s = float("-inf")

    @property
    def limited(self) -> bool:
        """Whether decoding keeps to its share."""
        return self._now_s() < self._limited_until_s

    def limit(self) -> None:
        """A camera fell behind although the CPUs are busy: for HOLD_S from now on decoding keeps to its share."""
        with self._lock:
            if self.limited:
                return
            self._limited_until_s = self._now_s() + HOLD_S
        log.info("decoding_limited", cpus=self._least, of=self._cpus, for_s=HOLD_S)

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Wait for one's turn to decode a picture, and have it. Not to be nested."""
        turn = self._queue()
        if turn is not None:
            turn.acquire()  # released by `_next`, which has counted this one already
        try:
            yield
        finally:
            with self._lock:
                self._decoding -= 1
                self._next()

    @contextmanager
    def analysing(self) -> Iterator[None]:
        """Analyse pictures: at once, whoever decodes."""
        with self._lock:
            self._analysing += 1
        try:
            yield
        finally:
            with self._lock:
                self._analysing -= 1
                self._next()

    def _queue(self) -> threading.Lock | None:
        """What to wait for; None for who may begin at once."""
        with self._lock:
            if not self._waiting and self._is_free():
                self._decoding += 1
                return None
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
            return turn

    def _is_free(self) -> bool:
        return self._decoding < max(self._least, self._cpus - self._analysing) or not self.limited

    def _next(self) -> None:
        """Give turns that are free to those who wait. With the lock held."""
        while self._waiting and self._is_free():
            self._decoding += 1
            self._waiting.popleft().release()


CPU_GATE = CpuGate(usable_cpus())
"""Those of this process."""
DECODING_LIMITED.set_function(lambda: float(CPU_GATE.limited))
