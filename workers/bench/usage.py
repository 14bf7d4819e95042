"""What this process counts and uses while it is measured: counters, CPU, memory. One thread."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence

import psutil
from prometheus_client import Counter

from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED
from workers.bench.report import CpuFigures
from workers.cpu import processor, usable_cpus
from workers.metrics import FRAMES_ANALYSED


class UsageMeter:
    """Counters, CPU and memory from its creation to `stop`."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.peak_rss = 0
        self.began_s = self.ended_s = time.monotonic()
        self._before = self._read()
        self._after = self._before

    def tick(self) -> None:
        """Sample the memory."""
        self.peak_rss = max(self.peak_rss, self._process.memory_info().rss)

    def stop(self) -> None:
        """End the measured time."""
        self.ended_s = time.monotonic()
        self._after = self._read()

    def count(self, counter: Counter, stream_id: str) -> dict[str, int]:
        """How much a counter of a stream grew, by its reason ("" where it has none); without those that did not."""
        before, after = (_by_reason(counters[counter], stream_id) for counters in (self._before[0], self._after[0]))
        grown = {reason: round(value - before.get(reason, 0.0)) for reason, value in after.items()}
        return {reason: number for reason, number in grown.items() if number}

    def cpu(self) -> CpuFigures:
        """Cores used over the measured time."""
        span_s = self.ended_s - self.began_s
        process, machine, steal = (
            round((late - early) / span_s, 2) for early, late in zip(self._before[1], self._after[1], strict=True)
        )
        return CpuFigures(cores=usable_cpus(), process=process, machine=machine, steal=steal)

    def _read(self) -> tuple[dict[Counter, list[tuple[dict[str, str], float]]], tuple[float, float, float]]:
        own, machine = self._process.cpu_times(), psutil.cpu_times()
        busy = machine.user + machine.nice + machine.system + machine.irq + machine.softirq
        times = own.user + own.system, busy, machine.steal
        return {counter: _samples(counter) for counter in (FRAMES_DECODED, FRAMES_DROPPED, FRAMES_ANALYSED)}, times


def _samples(counter: Counter) -> list[tuple[dict[str, str], float]]:
    return [
        (sample.labels, sample.value)
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    ]


def _by_reason(samples: Sequence[tuple[dict[str, str], float]], stream_id: str) -> dict[str, float]:
    return {labels.get("reason", ""): value for labels, value in samples if labels["stream"] == stream_id}


def machine_name() -> str:
    """The processor's name and the number of cores."""
    name = processor("model name") or platform.processor() or platform.machine()
    return f"{name}, {usable_cpus()} cores"
