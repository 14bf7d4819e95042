"""The data of a report, before it is rendered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Column, ColumnElement

from monitoring.core.known_people import UNTOLD_TO_ALL, ToldNames
from monitoring.report.period import Period
from monitoring.store.visible import visible
from workers.access.principal import StreamScope
from workers.bus.drift_report import DriftReport
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """What a report is about: a period, in days and hours of the time zone `zone`, and the streams in scope.

    events: whose events, alerts and drift. pictures: whose crops. told: the names that the reader may be told.
    """

    period: Period
    zone: str
    events: StreamScope
    pictures: StreamScope
    told: ToldNames = UNTOLD_TO_ALL

    def conditions(self, time: Column[int], stream: Column[str]) -> tuple[ColumnElement[bool], ...]:
        """For rows whose time (a wall clock in nanoseconds) and stream belong to it."""
        return (*self.period.conditions(time), *visible(stream, self.events))


@dataclass(frozen=True, slots=True)
class ReportedAlert:
    """An alert, when it ended, and the targets that do not have it. `image`: a JPEG.

    waiting: targets that are still tried. given_up: targets that will not get it.
    """

    event: Event
    ended_at_ns: int | None
    acknowledged_by: str | None
    waiting: Sequence[str] = ()
    given_up: Sequence[str] = ()
    image: bytes | None = None


@dataclass(frozen=True, slots=True)
class DailyConfidence:
    """Of a label on a day: how many tracks, and their mean confidence."""

    day: str
    label: str
    tracks: int
    confidence: float


@dataclass(frozen=True, slots=True)
class CameraOutages:
    """How often a camera was down, and for which share of the time that it was watched, 0 to 1.

    removed: it was, at the end of the period.
    """

    times: int
    share: float
    removed: bool = False


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """Of a camera and a model: the newest drift report, how many are stored, and how many of these have drift."""

    newest: DriftReport
    stored: int
    drifted: int


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run of MLflow."""

    name: str
    experiment: str
    status: str
    started_ms: int | None
    metrics: Mapping[str, float]
    url: str


@dataclass(frozen=True, slots=True)
class TrainingRuns:
    """The newest training runs; `why`: in words, when there are none."""

    runs: Sequence[TrainingRun] = ()
    why: str | None = None


@dataclass(slots=True)
class SeenPerson:
    """Somebody who was recognised. Times are wall clocks in nanoseconds; `tracks`: how many, by camera."""

    name: str
    first_ns: int
    last_ns: int
    tracks: dict[str, int] = field(default_factory=dict)

    @property
    def times(self) -> int:
        """How many tracks."""
        return sum(self.tracks.values())


@dataclass(frozen=True, slots=True)
class ReportedScene:
    """What a camera showed, told to whoever reads the report, and how many captions there are of the period."""

    stream_id: str
    at_ns: int
    text: str
    captions: int


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything in a report. Counts by kind, (day, kind), label, stream, hour of the day, (rule, severity).

    Days and hours are those of the time zone `zone`.
    """

    period: Period
    zone: str
    kinds: Mapping[str, int]
    by_day: Mapping[str, Mapping[str, int]]
    by_label: Mapping[str, int]
    by_stream: Mapping[str, int]
    by_hour: Mapping[int, int]
    confidence: Sequence[DailyConfidence]
    alert_counts: Mapping[tuple[str, str], int]
    alerts: Sequence[ReportedAlert]
    outages: Mapping[str, CameraOutages]
    drift: Sequence[DriftSummary]
    runs: TrainingRuns = field(default_factory=TrainingRuns)
    people: Sequence[SeenPerson] = ()
    scenes: Sequence[ReportedScene] = ()
