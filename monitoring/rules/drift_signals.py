"""What drift detection tells the rules: camera faults and drift alarms that hold now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

FaultKind = Literal["frozen", "black", "covered", "moved"]
Cause = Literal["picture", "population", "model", "unknown"]


@dataclass(frozen=True, slots=True)
class Fault:
    """The picture of a camera is of no use, or not what it was. It has been so since `since_ns`.

    It is told only after it has lasted as long as monitoring.drift.camera says, so `since_ns` (wall clock of the first
    such picture, as `captured_at_ns`) lies before the picture that made it known, `known_ns`.
    """

    kind: FaultKind
    since_ns: int
    known_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """What a model sees on a stream is no longer what its reference says, and why.

    `known_ns`: wall clock of the result that made it known. `features`: those that differ, the worst first. `score`,
    0 to 1, is the largest effect among them. An alarm is the same one, with the same `known_ns`, until it ends.
    """

    model: str
    cause: Cause
    since_ns: int
    known_ns: int
    features: tuple[str, ...]
    score: float
    text: str


class DriftSignals(Protocol):
    """What holds on a stream after the results taken so far. All calls come from the monitor's thread."""

    def faults(self, stream_id: str) -> Mapping[str, Fault]:
        """The faults that hold now, by kind; empty when the picture is well, or the stream is not known."""
        ...

    def drifts(self, stream_id: str) -> Sequence[DriftAlarm]:
        """The drift alarms that hold now, at most one a model and cause."""
        ...
