"""What a report tells, before it is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitoring.drift.report import DriftReport
from monitoring.report.period import Period
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class ReportedAlert:
    """An alert, how it ended and whether everybody who should know does. `picture`: a JPEG."""

    event: Event
    ended_at_ns: int | None
    acknowledged_by: str | None
    waiting: Sequence[str] = ()
    given_up: Sequence[str] = ()
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Certainty:
    """Of a label, on a day: how many tracks, and their mean confidence."""

    day: str
    label: str
    tracks: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Outages:
    """Of a camera: how often it was lost, and how long it was away, 0 to 1 of the period."""

    times: int
    share: float


@dataclass(frozen=True, slots=True)
class DriftPast:
    """Of a camera and a model: its newest report, how many were kept, and how many of these said drift."""

    newest: DriftReport
    kept: int
    drifted: int


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run, as MLflow has it."""

    name: str
    experiment: str
    status: str
    started_ms: int | None
    metrics: Mapping[str, float]
    url: str


@dataclass(frozen=True, slots=True)
class TrainingRuns:
    """The newest training runs; `why` in words when there are none."""

    runs: Sequence[TrainingRun] = ()
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. Counts by (day, kind), (label), (stream), hour of the day; days and hours are local to `zone`."""

    period: Period
    written: datetime
    zone: str
    kinds: Mapping[str, int]
    by_day: Mapping[str, Mapping[str, int]]
    by_label: Mapping[str, int]
    by_stream: Mapping[str, int]
    by_hour: Mapping[int, int]
    certainty: Sequence[Certainty]
    alert_counts: Mapping[tuple[str, str], int]
    alerts: Sequence[ReportedAlert]
    outages: Mapping[str, Outages]
    drift: Sequence[DriftPast]
    runs: TrainingRuns = field(default_factory=TrainingRuns)
