"""What is dropped when the CPU is short: frames that no other frame refers to are not decoded. Any thread."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from pathlib import Path

import psutil

BUSY_SHARE = 0.9
CALM_SHARE = 0.75
_WINDOW_S = 2.0
_HOLD_S = 5.0  # at the least this long in a state, so that it does not flutter
_UNUSED_SHARE = 0.5
_USED_AGAIN_SHARE = 0.4
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cpus() -> float:
    """How many CPUs this process may use: its affinity, and the quota of its container (cgroup v2)."""
    cpus = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
        return cpus if quota == "max" else min(cpus, int(quota) / int(period))
    except (OSError, ValueError):
        return cpus


def _machine_busy() -> float:
    """Since the last call; 0.0 where the system does not tell: without a free descriptor it cannot be asked."""
    try:
        return psutil.cpu_percent(None) / 100
    except OSError:
        return 0.0


class CpuGauge:
    """How busy the CPUs are, 0 to 1, read at most once a second: the machine's, or this process' share of its quota.

    cpus: how many CPUs this process may use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.cpus = usable_cpus()
        self._read_s = time.monotonic()
        self._process_s = time.process_time()
        self._busy = 0.0
        _machine_busy()

    def busy(self) -> float:
        """The larger of the two, over the last second."""
        now_s = time.monotonic()
        if now_s - self._read_s >= 1.0 and self._lock.acquire(blocking=False):
            try:
                process_s = time.process_time()
                own = (process_s - self._process_s) / ((now_s - self._read_s) * self.cpus)
                self._busy = max(_machine_busy(), own)
                self._read_s, self._process_s = now_s, process_s
            finally:
                self._lock.release()
        return self._busy


class Shedder:
    """Decides whether a stream leaves the frames undecoded that no other refers to.

    On when more than half of what came in the last 2 s went unused while the CPUs are busy; off again when the
    analysis keeps up with 60 % of what comes, or the CPUs are calm. One thread.
    """

    def __init__(self, gauge: CpuGauge) -> None:
        self._gauge = gauge
        self._counts: deque[tuple[float, int, int]] = deque()
        self._shedding = False
        self._changed_s = float("-inf")

    def decide(self, came: int, used: int, now_s: float) -> bool:
        """came: frames so far, decoded or not; used: those that the analysis took; now_s: time.monotonic()."""
        counts = self._counts
        counts.append((now_s, came, used))
        while len(counts) > 2 and counts[1][0] <= now_s - _WINDOW_S:
            counts.popleft()
        began_s, came_before, used_before = counts[0]
        if now_s - began_s < _WINDOW_S or now_s - self._changed_s < _HOLD_S or came == came_before:
            return self._shedding
        unused_share = 1 - (used - used_before) / (came - came_before)
        busy = self._gauge.busy()
        if self._shedding:
            wanted = unused_share > _USED_AGAIN_SHARE and busy > CALM_SHARE
        else:
            wanted = unused_share > _UNUSED_SHARE and busy > BUSY_SHARE
        if wanted is not self._shedding:
            self._shedding, self._changed_s = wanted, now_s
        return self._shedding
