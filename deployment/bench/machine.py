"""What the machine and a process did over a stretch of time. Any one thread."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Usage:
    """Cores used over a stretch: by the process and its children, by all of the machine, and taken away from it."""

    process_cores: float
    machine_cores: float
    steal_cores: float

    def as_dict(self) -> dict[str, float]:
        """Rounded, for a report."""
        return {key: round(value, 2) for key, value in asdict(self).items()}


class UsageMeter:
    """Counts from its making to `read`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = self._now()

    def read(self) -> Usage:
        """The averages since."""
        spans = [late - early for early, late in zip(self._began, self._now(), strict=True)]
        return Usage(*(span / spans[0] for span in spans[1:]))

    def _now(self) -> tuple[float, float, float, float]:
        total = psutil.cpu_times()
        busy = total.user + total.nice + total.system + total.irq + total.softirq
        return time.monotonic(), _process_s(self._pid), busy, total.steal


def _process_s(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)
    except psutil.NoSuchProcess:
        return 0.0


def describe() -> dict[str, Any]:
    """What machine this is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cpu": model,
        "cores": len(psutil.Process().cpu_affinity()),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }
