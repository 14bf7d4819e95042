"""`livesight bench`: the node as it serves, measured. Blocks the calling thread."""

from __future__ import annotations

import datetime
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from stream.config import DEFAULT_MODELS, StreamConfig, StreamSettings
from stream.errors import SourceError
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED
from stream.redaction import redact
from workers.bench.engine_benchmark import engines_fps, sample_inputs
from workers.bench.meter import Meter, machine_name
from workers.bench.report import Ages, BenchReport, EngineBenchmark, Minute, StreamBenchFigures
from workers.bus.bus import DETECTIONS, LocalBus, Message
from workers.card import ModelStore, load_card
from workers.engines.engine import worker_count
from workers.metrics import FRAMES_ANALYSED
from workers.node.node import Node
from workers.node.settings import NodeSettings
from workers.settings import WorkerSettings

_TICK_S = 0.5
_MINUTES_FROM_S = 120.0
Progress = Callable[[str], None]


class BenchPlan(BaseModel):
    """What is measured. `sources` are taken in turn until there are `streams` of them (None: each once)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[str, ...] = Field(min_length=1)
    streams: int | None = Field(default=None, ge=1, le=1024)
    seconds: float = Field(default=30.0, gt=0)
    models: tuple[str, ...] = DEFAULT_MODELS
    warmup_s: float = Field(default=3.0, ge=0, description="After every stream is live.")
    live_timeout_s: float = Field(default=60.0, gt=0)
    ceiling_s: float = Field(default=2.5, gt=0, description="Before, and again after the streams.")

    def configs(self) -> list[StreamConfig]:
        """One stream each."""
        count = self.streams or len(self.sources)
        urls = [self.sources[index % len(self.sources)] for index in range(count)]
        return [StreamConfig(id=f"bench-{index}", url=url, models=self.models) for index, url in enumerate(urls)]


class _Results:
    """When results came and how old their pictures were. `note` is called by the workers, `drain` by the bench."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._new: deque[tuple[str, float, float]] = deque()
        self.rows: list[tuple[str, float, float]] = []

    def note(self, message: Message) -> None:
        """A result is published: `latest` is its picture, as a stream's results come one after another."""
        now_s = time.monotonic()
        latest = self._node.streams.latest(message.key)
        if latest is not None:
            self._new.append((message.key, now_s, now_s - latest[0].arrived_s))

    def drain(self) -> None:
        """Take in what came."""
        while self._new:
            self.rows.append(self._new.popleft())


def run_bench(
    plan: BenchPlan,
    store: ModelStore,
    settings: WorkerSettings | None = None,
    stream_settings: StreamSettings | None = None,
    progress: Progress = lambda text: None,
) -> BenchReport:
    """Run the streams through a node of their own and measure. `progress` is told what happens, in words.

    Raises SourceError when a stream does not become live in time, ModelError, EngineError.
    """
    settings, stream_settings = settings or WorkerSettings(), stream_settings or StreamSettings()
    configs = plan.configs()
    began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    progress("taking pictures from the sources")
    cards = [load_card(store.folder(name)) for name in plan.models]
    cards = [card for card in cards if card.task == "detect"] or cards  # classifiers look at few pictures
    names = [card.name for card in cards]
    samples = sample_inputs(configs, stream_settings, cards, plan.live_timeout_s)
    progress("measuring the engine alone")
    before_fps = engines_fps(samples, names, store, settings, plan.ceiling_s)
    bus = LocalBus()
    node = Node(NodeSettings("bench", settings, stream_settings), store, bus)
    try:
        results, meter, backends = _serve(plan, node, bus, configs, progress)
        reconnects = {view.id: view.reconnects for view in node.streams.views()}
    finally:
        node.close()
    progress("measuring the engine alone again")
    after_fps = engines_fps(samples, names, store, settings, plan.ceiling_s)
    ceiling = EngineBenchmark(
        fps=round((before_fps + after_fps) / 2, 1),
        before_fps=round(before_fps, 1),
        after_fps=round(after_fps, 1),
        threads=worker_count(settings),
        pictures=len(samples),
    )
    figures = [_stream_figures(config, results, meter, reconnects.get(config.id, 0)) for config in configs]
    return _report(began, backends, figures, results, meter, ceiling)


def _serve(
    plan: BenchPlan, node: Node, bus: LocalBus, configs: Sequence[StreamConfig], progress: Progress
) -> tuple[_Results, Meter, dict[str, str]]:
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
    meter = Meter()
    while (left_s := meter.began_s + plan.seconds - time.monotonic()) > 0:
        time.sleep(min(_TICK_S, left_s))
        meter.tick()
        results.drain()
    meter.stop()
    end_subscription()
    results.drain()
    return results, meter, {name: backend for name, (_, backend) in node.models.loaded().items()}


def _wait_live(node: Node, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while waiting := [view for view in node.streams.views() if view.state != "live" or view.analysed == 0]:
        if time.monotonic() > deadline_s:
            view = waiting[0]
            said = view.last_error or "no picture in time"
            raise SourceError(f"{len(waiting)} streams are not live; {view.id} ({view.url}) is {view.state}: {said}")
        time.sleep(0.1)


def _report(
    began: str,
    backends: dict[str, str],
    figures: Sequence[StreamBenchFigures],
    results: _Results,
    meter: Meter,
    ceiling: EngineBenchmark,
) -> BenchReport:
    seconds = meter.ended_s - meter.began_s
    decoded, analysed = (sum(getattr(stream, name) for stream in figures) for name in ("decoded", "analysed"))
    dropped: defaultdict[str, int] = defaultdict(int)
    for stream in figures:
        for reason, number in stream.dropped.items():
            dropped[reason] += number
    most = max(stream.analysed for stream in figures)
    return BenchReport(
        schema="livesight.bench/1",
        began=began,
        machine=machine_name(),
        backends=backends,
        streams=len(figures),
        seconds=round(seconds, 2),
        decoded=decoded,
        analysed=analysed,
        dropped=dict(dropped),
        decoded_fps=round(decoded / seconds, 1),
        analysed_fps=round(analysed / seconds, 1),
        age_ms=Ages.of([age_s for _, _, age_s in results.rows]),
        fairness=round(min(stream.analysed for stream in figures) / most, 3) if most else 0.0,
        cpu=meter.cpu(),
        peak_rss_mb=round(meter.peak_rss / 2**20, 1),
        ceiling=ceiling,
        ceiling_share=round(analysed / seconds / ceiling.fps, 3) if ceiling.fps else 0.0,
        per_stream=tuple(figures),
        minutes=_minutes(results, meter.began_s, seconds),
    )


def _stream_figures(config: StreamConfig, results: _Results, meter: Meter, reconnects: int) -> StreamBenchFigures:
    return StreamBenchFigures(
        id=config.id,
        source=redact(config.url or ""),
        decoded=meter.count(FRAMES_DECODED, config.id).get("", 0),
        analysed=meter.count(FRAMES_ANALYSED, config.id).get("", 0),
        dropped=meter.count(FRAMES_DROPPED, config.id),
        reconnects=reconnects,
        age_ms=Ages.of([age_s for stream_id, _, age_s in results.rows if stream_id == config.id]),
    )


def _minutes(results: _Results, began_s: float, seconds: float) -> tuple[Minute, ...]:
    """Minute by minute, for runs of two minutes and more; a last part of a minute is left out."""
    if seconds < _MINUTES_FROM_S:
        return ()
    ages: defaultdict[int, list[float]] = defaultdict(list)
    for _, at_s, age_s in results.rows:
        ages[int((at_s - began_s) / 60)].append(age_s)
    whole = range(round(seconds) // 60)
    return tuple(Minute(analysed=len(ages[number]), age_ms=Ages.of(ages[number])) for number in whole)
