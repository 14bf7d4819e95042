"""`livesight bench`: measures a node as it serves. Blocks the calling thread."""

from __future__ import annotations

import datetime
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from stream.config import DEFAULT_MODELS, StreamConfig, StreamSettings
from stream.errors import SourceError
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED
from stream.url_redaction import redact
from workers.bench.engine_benchmark import engines_fps, sample_inputs
from workers.bench.report import AgePercentiles, BenchReport, EngineBenchmark, MinuteFigures, StreamBenchFigures
from workers.bench.usage import UsageMeter, machine_name
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.engines.engine import worker_count
from workers.metrics import FRAMES_ANALYSED
from workers.model_card import ModelStore, load_card
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings

_TICK_S = 0.5
_MINUTES_FROM_S = 120.0
Progress = Callable[[str], None]


class BenchPlan(BaseModel):
    """What to measure. `sources` are repeated until there are `streams` of them (None: each once)."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    sources: tuple[str, ...] = Field(min_length=1)
    streams: int | None = Field(default=None, ge=1, le=1024)
    seconds: float = Field(default=30.0, gt=0)
    models: tuple[str, ...] = DEFAULT_MODELS
    warmup_s: float = Field(default=3.0, ge=0, description="Not measured, once every stream is live.")
    live_timeout_s: float = Field(default=60.0, gt=0)
    ceiling_s: float = Field(default=2.5, gt=0, description="Of the engine alone, before and after the streams.")

    def configs(self) -> list[StreamConfig]:
        """The configuration of each stream."""
        count = self.streams or len(self.sources)
        urls = [self.sources[index % len(self.sources)] for index in range(count)]
        return [StreamConfig(id=f"bench-{index}", url=url, models=self.models) for index, url in enumerate(urls)]


class _Results:
    """When results came, and the ages of their frames. `note` is called by the workers, `drain` by the bench."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._new: deque[tuple[str, float, float]] = deque()
        self.rows: list[tuple[str, float, float]] = []

    def note(self, message: Message) -> None:
        """Note a published result: `latest` is of its frame, as a stream's results come one after another."""
        now_s = time.monotonic()
        latest = self._node.streams.latest(message.key)
        if latest is not None:
            self._new.append((message.key, now_s, now_s - latest[0].arrived_s))

    def drain(self) -> None:
        """Move what came into `rows`: stream id, when it came, the frame's age in seconds."""
        while self._new:
            self.rows.append(self._new.popleft())


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was measured of the streams, before it is made into figures."""

    results: _Results
    meter: UsageMeter
    backends: dict[str, str]
    reconnects: dict[str, int]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.meter.ended_s - self.meter.began_s


def run_bench(
    plan: BenchPlan,
    store: ModelStore,
    settings: WorkerSettings | None = None,
    stream_settings: StreamSettings | None = None,
    progress: Progress = lambda text: None,
) -> BenchReport:
    """Run the streams through a node of their own and measure. `progress` gets a line of text for each step.

    Raises SourceError when a stream does not become live in time, ModelError, EngineError.
    """
    settings, stream_settings = settings or WorkerSettings(), stream_settings or StreamSettings()
    configs = plan.configs()
    began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    progress("taking sample frames from the sources")
    cards = [load_card(store.folder(name)) for name in plan.models]
    cards = [card for card in cards if card.task == "detect"] or cards  # classifiers see few frames
    names = [card.name for card in cards]
    samples = sample_inputs(configs, stream_settings, cards, plan.live_timeout_s)
    progress("measuring the engine alone")
    before_fps = engines_fps(samples, names, store, settings, plan.ceiling_s)
    bus = LocalBus()
    node = Node(NodeSettings("bench", settings, stream_settings), store, bus)
    try:
        measured = _serve(plan, node, bus, configs, progress)
    finally:
        node.close()
    progress("measuring the engine alone again")
    after_fps = engines_fps(samples, names, store, settings, plan.ceiling_s)
    engine_alone = EngineBenchmark(
        fps=round((before_fps + after_fps) / 2, 1),
        before_fps=round(before_fps, 1),
        after_fps=round(after_fps, 1),
        threads=worker_count(settings),
        pictures=len(samples),
    )
    return _report(began, [_stream_figures(config, measured) for config in configs], measured, engine_alone)


def _serve(
    plan: BenchPlan, node: Node, bus: LocalBus, configs: Sequence[StreamConfig], progress: Progress
) -> _Measured:
    """Run all streams, wait until they are live and warm, measure."""
    results = _Results(node)
    node.start(plan.models)
    for config in configs:
        node.streams.add(config, allow_local=True)
    progress(f"waiting for {len(configs)} streams")
    _wait_live(node, plan.live_timeout_s)
    time.sleep(plan.warmup_s)
    progress(f"measuring {len(configs)} streams for {plan.seconds:g} s")
    end_subscription = bus.subscribe(results.note, [DETECTIONS])
    meter = UsageMeter()
    while (left_s := meter.began_s + plan.seconds - time.monotonic()) > 0:
        time.sleep(min(_TICK_S, left_s))
        meter.tick()
        results.drain()
    meter.stop()
    end_subscription()
    results.drain()
    backends = {name: backend for name, (_, backend) in node.models.loaded().items()}
    return _Measured(results, meter, backends, {view.id: view.reconnects for view in node.streams.views()})


def _wait_live(node: Node, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while waiting := [view for view in node.streams.views() if view.state != "live" or view.analysed == 0]:
        if time.monotonic() > deadline_s:
            view = waiting[0]
            reason = view.last_error or "no frame arrived"
            raise SourceError(
                f"{len(waiting)} streams are not live after {timeout_s:g} s; "
                f"{view.id} ({view.url}) is {view.state}: {reason}"
            )
        time.sleep(0.1)


def _report(
    began: str, streams: Sequence[StreamBenchFigures], measured: _Measured, engine_alone: EngineBenchmark
) -> BenchReport:
    seconds, meter = measured.seconds, measured.meter
    decoded, analysed = (sum(getattr(stream, name) for stream in streams) for name in ("decoded", "analysed"))
    dropped: defaultdict[str, int] = defaultdict(int)
    for stream in streams:
        for reason, number in stream.dropped.items():
            dropped[reason] += number
    most = max(stream.analysed for stream in streams)
    return BenchReport(
        schema="livesight.bench/1",
        began=began,
        machine=machine_name(),
        backends=measured.backends,
        streams=len(streams),
        seconds=round(seconds, 2),
        decoded=decoded,
        analysed=analysed,
        dropped=dict(dropped),
        decoded_fps=round(decoded / seconds, 1),
        analysed_fps=round(analysed / seconds, 1),
        age_ms=AgePercentiles.of([age_s for _, _, age_s in measured.results.rows]),
        fairness=round(min(stream.analysed for stream in streams) / most, 3) if most else 0.0,
        cpu=meter.cpu(),
        peak_rss_mb=round(meter.peak_rss / 2**20, 1),
        ceiling=engine_alone,
        ceiling_share=round(analysed / seconds / engine_alone.fps, 3) if engine_alone.fps else 0.0,
        per_stream=tuple(streams),
        minutes=_minutes(measured),
    )


def _stream_figures(config: StreamConfig, measured: _Measured) -> StreamBenchFigures:
    meter, rows = measured.meter, measured.results.rows
    return StreamBenchFigures(
        id=config.id,
        source=redact(config.url or ""),
        decoded=meter.count(FRAMES_DECODED, config.id).get("", 0),
        analysed=meter.count(FRAMES_ANALYSED, config.id).get("", 0),
        dropped=meter.count(FRAMES_DROPPED, config.id),
        reconnects=measured.reconnects.get(config.id, 0),
        age_ms=AgePercentiles.of([age_s for stream_id, _, age_s in rows if stream_id == config.id]),
    )


def _minutes(measured: _Measured) -> tuple[MinuteFigures, ...]:
    """Minute by minute, for runs of two minutes and more, without the last part of a minute."""
    if measured.seconds < _MINUTES_FROM_S:
        return ()
    ages: defaultdict[int, list[float]] = defaultdict(list)
    for _, at_s, age_s in measured.results.rows:
        ages[int((at_s - measured.meter.began_s) / 60)].append(age_s)
    whole = range(round(measured.seconds) // 60)
    return tuple(MinuteFigures(analysed=len(ages[number]), age_ms=AgePercentiles.of(ages[number])) for number in whole)
