"""The report of a bench, as JSON and as tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Group
from rich.table import Table


class _Figures(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True)


class AgePercentiles(_Figures):
    """Milliseconds from a frame's arrival to its result being published; None where there was no result."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, ages_s: Sequence[float]) -> AgePercentiles:
        """The percentiles of these ages in seconds, in any order."""
        if not ages_s:
            return cls()
        ordered = sorted(ages_s)

        def at(share: float) -> float:
            return round(ordered[round(share * (len(ordered) - 1))] * 1000, 1)

        return cls(p50=at(0.5), p95=at(0.95), p99=at(0.99), most=at(1.0))


class StreamBenchFigures(_Figures):
    """One stream over the measured time."""

    id: str
    source: str
    decoded: int
    analysed: int
    dropped: dict[str, int]
    reconnects: int
    age_ms: AgePercentiles


class MinuteFigures(_Figures):
    """One minute of a long run."""

    analysed: int
    age_ms: AgePercentiles


class CpuFigures(_Figures):
    """Cores used: by this process, by the whole machine (servers of test cameras included), and stolen from it."""

    cores: int
    process: float
    machine: float
    steal: float


class EngineBenchmark(_Figures):
    """What the engine alone computes of the same frames, converted beforehand, on as many threads as the workers.

    Frames a second before and after the streams ran; `fps` is their mean.
    """

    fps: float
    before_fps: float
    after_fps: float
    threads: int
    pictures: int


class BenchReport(_Figures):
    """All figures of one bench. `fairness`: frames of the least analysed stream over those of the most analysed."""

    schema_: str = Field(default="livesight.bench/1", alias="schema")
    began: str
    machine: str
    backends: dict[str, str]
    streams: int
    seconds: float
    decoded: int
    analysed: int
    dropped: dict[str, int]
    decoded_fps: float
    analysed_fps: float
    age_ms: AgePercentiles
    fairness: float
    cpu: CpuFigures
    peak_rss_mb: float
    ceiling: EngineBenchmark
    ceiling_share: float = Field(description="analysed_fps over the ceiling")
    per_stream: tuple[StreamBenchFigures, ...]
    minutes: tuple[MinuteFigures, ...] = ()

    def to_json(self) -> str:
        """One JSON object, indented."""
        return self.model_dump_json(by_alias=True, indent=1)


def render(report: BenchReport) -> Group:
    """The report for a terminal."""
    facts = Table(show_header=False, title=f"{report.streams} streams, {report.seconds:g} s, {report.machine}")
    facts.add_column(style="bold")
    facts.add_column()
    dropped = ", ".join(f"{reason} {count}" for reason, count in report.dropped.items()) or "none"
    cpu, ceiling = report.cpu, report.ceiling
    for name, text in (
        ("models", ", ".join(f"{name} ({backend})" for name, backend in report.backends.items())),
        ("decoded", f"{report.decoded} ({report.decoded_fps:g}/s)"),
        ("analysed", f"{report.analysed} ({report.analysed_fps:g}/s)"),
        ("dropped", dropped),
        ("age of a result", f"{_ages(report.age_ms)} ms (p50 / p95 / p99)"),
        ("fairness", f"{report.fairness:g} (least / most analysed stream)"),
        ("CPU", f"{cpu.process:g} cores by this process, {cpu.machine:g} of {cpu.cores} in all, {cpu.steal:g} stolen"),
        ("peak RSS", f"{report.peak_rss_mb:g} MB"),
        ("engine alone", f"{ceiling.fps:g}/s (before {ceiling.before_fps:g}, after {ceiling.after_fps:g})"),
        ("analysed / engine alone", f"{report.ceiling_share:g}"),
    ):
        facts.add_row(name, text)
    return Group(facts, _streams_table(report), *([_minutes_table(report)] if report.minutes else []))


def _streams_table(report: BenchReport) -> Table:
    table = Table("stream", "source", "decoded", "analysed", "dropped", "age p50 / p95 / p99 ms")
    for stream in report.per_stream:
        dropped = ", ".join(f"{reason} {count}" for reason, count in stream.dropped.items()) or "0"
        numbers = (str(stream.decoded), str(stream.analysed), dropped, _ages(stream.age_ms))
        table.add_row(stream.id, stream.source, *numbers)
    return table


def _minutes_table(report: BenchReport) -> Table:
    table = Table("minute", "analysed", "age p50 / p95 / p99 ms")
    for number, minute in enumerate(report.minutes, 1):
        table.add_row(str(number), str(minute.analysed), _ages(minute.age_ms))
    return table


def _ages(ages: AgePercentiles) -> str:
    if ages.p50 is None:
        return "–"
    return f"{ages.p50:g} / {ages.p95:g} / {ages.p99:g}"
