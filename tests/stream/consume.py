"""Helpers of the tests of sources: take frames and read the numbers in them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stream.config import StreamConfig, StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.decoding.shedding import CpuGauge
from stream.errors import MailboxClosed
from stream.frame import Frame
from stream.sources.source import Source
from stream.sources.source_urls import open_source
from tests.peers.numbers import read_number

QUICK = StreamSettings(
    connect_timeout_s=2.0, stall_timeout_s=3.0, stalled_after_s=0.6, backoff_min_s=0.2, backoff_max_s=0.5
)


@dataclass
class Seen:
    """What came out of a source."""

    frames: list[Frame] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def take(self, frame: Frame) -> None:
        """Keep a frame's identity and its number, not its frame."""
        self.frames.append(frame)
        self.numbers.append(read_number(frame.to_bgr()))

    @property
    def pts_us(self) -> list[int]:
        """Presentation times."""
        return [frame.pts_us for frame in self.frames]


class FixedGauge(CpuGauge):
    """So many CPUs, as busy as set."""

    def __init__(self, cpus: float, busy: float) -> None:
        self.cpus = cpus
        self.share = busy

    def busy(self) -> float:
        """As set."""
        return self.share


def opened(
    url: str | Path,
    *,
    live: bool,
    settings: StreamSettings = QUICK,
    stream_id: str = "cam",
    cpu_gate: CpuGate | None = None,
) -> Source:
    """A started source."""
    config = StreamConfig(id=stream_id, url=str(url))
    source = open_source(config, settings, live=live, allow_local=True, cpu_gate=cpu_gate)
    source.start()
    return source


def watch(source: Source, until: Callable[[Seen], bool], timeout_s: float = 20.0) -> Seen:
    """Take frames until a condition holds. Raises TimeoutError, and what the mailbox raises but its end."""
    seen = Seen()
    deadline_s = time.monotonic() + timeout_s
    while not until(seen):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"after {len(seen.frames)} frames: {source.status()}")
        try:
            seen.take(source.mailbox.get(left_s))
        except MailboxClosed:
            break
    return seen


def read_all(url: str | Path) -> Seen:
    """Every frame of a file, in order."""
    source = opened(url, live=False)
    try:
        return watch(source, lambda _: False)
    finally:
        source.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    """Wait until something holds; returns the seconds it took. Raises TimeoutError."""
    begun_s = time.monotonic()
    while not condition():
        if time.monotonic() - begun_s > timeout_s:
            raise TimeoutError
        time.sleep(0.02)
    return time.monotonic() - begun_s
