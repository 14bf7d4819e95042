"""Who may use the CPUs, decoding or analysis, when they are too few for both. Any thread.

Decoding comes first: a frame waits for it, and it takes a few milliseconds. But the decoders of many cameras take
every CPU for frames that are dropped, and fall behind all the same. So once a camera fell behind on a busy machine,
decoding keeps to a share of the CPUs for a while, and cameras take turns, the longest waiting first; what the
analysis leaves idle is theirs as well. They skip frames then, as `stream/decoding/catch_up.py` says.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from stream.decoding.shedding import BUSY_SHARE, CpuGauge

log = structlog.get_logger(__name__)

SHARE = 0.5
LIMIT_S = 60.0
"""Then it is tried without. Longer than it takes cameras to fall behind again, so that it seldom is."""


class CpuGate:
    """One for all that decodes and analyses on the same CPUs: whoever makes the sources and the pipeline makes it.

    gauge: how busy the CPUs are, and how many there are. share: of them, what decoding has even when the analysis could
    use them all.
    """

    def __init__(
        self, gauge: CpuGauge | None = None, share: float = SHARE, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.gauge = gauge or CpuGauge()
        self._cpus = max(1, round(self.gauge.cpus))
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

    def limit_if_busy(self) -> None:
        """A camera fell behind: if the CPUs are busy, decoding keeps to its share for LIMIT_S from now on."""
        if self.gauge.busy() <= BUSY_SHARE:
            return
        with self._lock:
            if self.limited:
                return
            self._limited_until_s = self._now_s() + LIMIT_S
        log.info("decoding_limited", cpus=self._least, of=self._cpus, for_s=LIMIT_S)

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Decode a frame inside; waits for its turn. Must not be nested."""
        turn = self._queue()
        if turn is not None:
            turn.acquire()  # released by `_admit_waiting`, which has counted this one already
        try:
            yield
        finally:
            with self._lock:
                self._decoding -= 1
                self._admit_waiting()

    @contextmanager
    def analysing(self) -> Iterator[None]:
        """Analyse frames inside: at once, however many decode."""
        with self._lock:
            self._analysing += 1
        try:
            yield
        finally:
            with self._lock:
                self._analysing -= 1
                self._admit_waiting()

    def _queue(self) -> threading.Lock | None:
        """What to wait for; None where decoding may begin at once."""
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

    def _admit_waiting(self) -> None:
        """Let in those that wait, as many as there is room for. With the lock held."""
        while self._waiting and self._is_free():
            self._decoding += 1
            self._waiting.popleft().release()
