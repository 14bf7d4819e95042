"""What drift detection reports to the rules: current camera faults and drift alarms. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from workers.bus.drift_report import Cause

FaultKind = Literal["frozen", "black", "covered", "moved"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A camera's image is useless, or no longer what it was, since `since_ns`.

    A fault is reported only after it has lasted as long as monitoring.drift.camera says, so `since_ns` (wall clock of
    its first frame, as `captured_at_ns`) is before `known_ns`, that of the frame at which it was reported.
    """

    kind: FaultKind
    since_ns: int
    known_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """What a model sees on a stream no longer matches its reference, and why.

    `known_ns`: wall clock of the result at which it was reported. `features`: those that differ, the worst first.
    `score`, 0 to 1, is the largest effect among them. An alarm keeps its `known_ns` until it ends.
    """

    model: str
    cause: Cause
    since_ns: int
    known_ns: int
    features: tuple[str, ...]
    score: float
    text: str


class DriftSignals(Protocol):
    """Current faults and alarms of a stream. All calls come from the monitor's thread."""

    def faults(self, stream_id: str) -> Mapping[str, Fault]:
        """The current faults by kind; empty when the image is fine, or the stream is unknown."""
        ...

    def drifts(self, stream_id: str) -> Sequence[DriftAlarm]:
        """The current drift alarms, at most one per model and cause."""
        ...
