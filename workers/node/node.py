"""A node: the streams it runs and the models it runs on them. Any thread; what joins threads or loads models blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import structlog

from stream.config import StreamConfig, StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.frame import Frame, new_session
from stream.metrics import DECODING_LIMITED
from stream.metrics import forget_stream as forget_source
from stream.redaction import redact
from stream.sources.health import SourceStatus
from stream.sources.source import Source
from stream.sources.source_urls import open_source
from workers.bus.bus import DETECTIONS, EVENTS, MODELS, Bus, Message
from workers.bus.event import EVENT_SCHEMA, Event
from workers.bus.result import FRAME_SCHEMA, FrameResult
from workers.card import ModelCard, ModelStore
from workers.engines.engine import U8, Engine
from workers.engines.hot_swap import EngineSlots
from workers.errors import NodeClosed, StreamExists, StreamUnknown
from workers.explain.explain import Explainer
from workers.images.best_shots import BestShots
from workers.inference.batcher import InferenceStream
from workers.inference.detect import image_result
from workers.inference.pipeline import Pipeline, StreamOptions
from workers.metrics import forget_stream
from workers.node.local_streams import LocalStreams
from workers.node.passthrough import Passthrough, passthrough_of
from workers.node.stream_events import StreamEvents
from workers.node.stream_view import RecentResults, StreamView
from workers.registry.active_versions import MODEL_SCHEMA, ActiveVersion
from workers.registry.promotion import Promotion, Promotions
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)

_JSON = ("content-type", b"application/json")


@dataclass(slots=True)
class _Running:
    """One stream. `source` and `inference` are None while it is disabled."""

    config: StreamConfig
    kept: bool
    ephemeral: bool
    source: Source | None = None
    inference: InferenceStream | None = None
    recent: RecentResults = field(default_factory=RecentResults)


class StreamLocks:
    """A lock for each stream: changes to one wait for each other, those to others do not. Not reentrant."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[threading.Lock, int]] = {}  # with how many hold it or wait for it
        self._lock = threading.Lock()

    @contextmanager
    def held(self, stream_id: str) -> Iterator[None]:
        """Hold this stream's lock."""
        with self._lock:
            own, users = self._locks.get(stream_id, (threading.Lock(), 0))
            self._locks[stream_id] = (own, users + 1)
        try:
            with own:
                yield
        finally:
            with self._lock:
                own, users = self._locks.pop(stream_id)
                if users > 1:
                    self._locks[stream_id] = (own, users - 1)


class Node:
    """Runs streams. The API and the command line talk to it; it publishes every result to the bus."""

    def __init__(
        self,
        name: str,
        store: ModelStore,
        bus: Bus,
        settings: WorkerSettings | None = None,
        stream_settings: StreamSettings | None = None,
        state_dir: Path | None = None,
    ) -> None:
        self.name = name
        self.settings = settings or WorkerSettings()
        self.stream_settings = stream_settings or StreamSettings()
        self._store = store
        self._bus = bus
        self._stored = LocalStreams(state_dir) if state_dir else None
        self._slots = EngineSlots(store, self.settings)
        self.explainer = Explainer(store, self._slots, name)
        self.promotions = Promotions(store, self._slots, self.settings)
        self.promotions.changed = self._tell_promotion
        self._cpu_gate = CpuGate()
        DECODING_LIMITED.set_function(lambda: float(self._cpu_gate.limited))
        self._pipeline = Pipeline(self._slots, self.settings, name, self._publish, cpu_gate=self._cpu_gate)
        self._streams: dict[str, _Running] = {}
        self._headers = (("schema", FRAME_SCHEMA.encode()), _JSON, ("node", name.encode()))
        self._snapshots = BestShots(name, self.settings.snapshots, self._pipeline.background, self._send)
        self._events = StreamEvents(name, self._say, self._status)
        self.gate: Callable[[str], bool] = lambda stream_id: True  # whether a stream's results may be published now
        self._lock = threading.RLock()  # what readers take: nothing slow under it
        self._changes = StreamLocks()  # held by a change of one stream, however long it takes; taken before the other
        self._ready = False
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether models are loaded and the workers run."""
        return self._ready and not self._closed

    def start(self, models: tuple[str, ...] = ("mask",)) -> None:
        """Load `models`, start the workers and the streams that were kept. Raises ModelError, EngineError."""
        self._slots.ensure(models)
        self.promotions.watch()
        self._pipeline.start()
        self._events.start()
        for config in self._stored.read() if self._stored else []:
            try:
                self.add(config, keep=True)
            except Exception:
                log.exception("kept_stream_failed", stream=config.id)
        self._ready = True

    def add(self, config: StreamConfig, *, keep: bool = False, allow_local: bool = False) -> StreamView:
        """Run a stream from its URL. `keep` has it started again after a restart.

        Raises StreamExists, SourceError (of the URL), ModelError or EngineError (of a model), StateUnwritable,
        NodeClosed; then there is no such stream.
        """
        with self._changes.held(config.id):
            self._refuse_taken(config.id)
            source = self._open(config, allow_local)
            self._slots.ensure(config.models)
            running = _Running(config, keep, ephemeral=False)
            self._store_config(running, config)
            try:
                self._begin(running, config, source)
            except Exception:
                with self._lock:
                    self._streams.pop(config.id, None)
                if keep and self._stored is not None:
                    self._stored.discard(config.id)
                raise
            return self.stream(config.id)

    def attach(self, source: Source, config: StreamConfig) -> StreamView:
        """Run a pushed stream from a source that exists already. Raises StreamExists, ModelError, EngineError."""
        with self._changes.held(config.id):
            self._refuse_taken(config.id)
            self._slots.ensure(config.models)
            self._begin(_Running(config, kept=False, ephemeral=True), config, source)
            return self.stream(config.id)

    def remove(self, stream_id: str, reason: str = "removed") -> None:
        """Stop a stream and forget it; `reason` is what its stream_down event says. Raises StreamUnknown."""
        with self._changes.held(stream_id):
            stored = self._stored is not None and self._stored.discard(stream_id)
            with self._lock:
                running = self._streams.pop(stream_id, None)
            if running is not None:
                self._stop(running, reason)
            elif not stored:  # one that could not be started at the last start is only stored
                raise StreamUnknown(f"there is no stream {stream_id}")
            forget_source(stream_id)
            forget_stream(stream_id)

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """Change `url`, `models`, `enabled`, `blur` or `max_fps` of a stream: it stops and starts with a new session.

        Raises StreamUnknown, and as `add`; then the stream is as it was.
        """
        with self._changes.held(stream_id):
            running = self._find(stream_id)
            before = running.config
            config = StreamConfig.model_validate({**before.model_dump(), **changes})
            source = self._reopened(config, allow_local=config.url == before.url)
            self._slots.ensure(config.models)
            self._store_config(running, config)
            self._stop(running, "replaced" if config.enabled else "disabled")
            try:
                self._begin(running, config, source)
            except Exception:
                self._store_config(running, before)
                self._begin(running, before, self._reopened(before, allow_local=True))
                raise
            return self.stream(stream_id)

    def streams(self) -> list[StreamView]:
        """All streams, by id."""
        with self._lock:
            return [self._view(running) for _, running in sorted(self._streams.items())]

    def stream(self, stream_id: str) -> StreamView:
        """One stream. Raises StreamUnknown."""
        with self._lock:
            return self._view(self._find(stream_id))

    def latest(self, stream_id: str) -> tuple[Frame, FrameResult] | None:
        """The newest analysed picture of a stream with its result; None before the first. Raises StreamUnknown."""
        with self._lock:
            return self._find(stream_id).recent.latest

    def outlet(self, stream_id: str) -> Passthrough:
        """Where a stream's encoded packets come from, for viewers and clips. Raises StreamUnknown."""
        with self._lock:
            running = self._find(stream_id)
            return passthrough_of(running.config, running.source)

    def analyse_image(self, image_bgr: U8, models: tuple[str, ...] | None = None) -> FrameResult:
        """Detect in one picture (u8 HWC BGR). Blocks; there is no tracking. Raises ModelError, EngineError."""
        names = models or ("mask",)
        self._slots.ensure(names)
        picture = av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
        now = time.monotonic()
        frame = Frame("predict", new_session(), 0, 0, 0, time.time_ns(), now, 0.0, picture)
        return image_result(self._slots, frame, names, self.name)

    def models(self) -> list[ModelCard]:
        """The cards of every model there is."""
        return self._store.cards()

    def runs(self, stream_id: str) -> bool:
        """Whether the stream is one of this node's. Never waits."""
        return stream_id in self._streams

    def loaded(self) -> dict[str, tuple[int, str]]:
        """The models in service: name → (version, backend)."""
        return {name: (slot.card.version, slot.backend) for name, slot in list(self._slots.items())}

    def put_engine(self, engine: Engine) -> None:
        """Put an engine in service under its card's name, between two batches; the one before is closed after."""
        self._slots.put(engine)

    def problems(self) -> list[str]:
        """What is wrong now, in words."""
        return [*self._pipeline.problems(), *self.promotions.problems(), *self._bus.problems()]

    def close(self, timeout_s: float = 8.0) -> None:
        """Stop in order: sources, mailboxes, inference, bus flush. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._events.halt(1.0)
        self.promotions.close()
        deadline = time.monotonic() + timeout_s
        with self._lock:
            streams = list(self._streams.values())
            self._streams.clear()
        closers = [
            threading.Thread(target=running.source.close, args=(timeout_s / 2,), name="source-closer")
            for running in streams
            if running.source is not None
        ]
        for thread in closers:
            thread.start()
        for thread in closers:
            thread.join(max(0.1, deadline - time.monotonic()))
        self._pipeline.close(max(0.5, deadline - time.monotonic()))
        self._snapshots.close()
        self._events.close()
        self._bus.flush(max(0.5, deadline - time.monotonic()))
        self._slots.close()

    def _refuse_taken(self, stream_id: str) -> None:
        with self._lock:
            if stream_id in self._streams:
                raise StreamExists(f"stream {stream_id} exists already")

    def _find(self, stream_id: str) -> _Running:
        with self._lock:
            try:
                return self._streams[stream_id]
            except KeyError:
                raise StreamUnknown(f"there is no stream {stream_id}") from None

    def _open(self, config: StreamConfig, allow_local: bool) -> Source:
        """The source of a stream's URL, not started yet. Raises SourceError."""
        return open_source(config, self.stream_settings, live=True, allow_local=allow_local, cpu_gate=self._cpu_gate)

    def _reopened(self, config: StreamConfig, *, allow_local: bool) -> Source | None:
        """The source of a stream's URL, not started yet; None for a pushed stream, whose source comes with the push."""
        return None if config.url is None else self._open(config, allow_local)

    def _begin(self, running: _Running, config: StreamConfig, source: Source | None) -> None:
        """Register the stream, and run it if it is enabled. Raises NodeClosed; ModelError for a model of no slot."""
        with self._lock:
            if self._closed:
                raise NodeClosed(f"stream {config.id}: this node is stopping")
            running.config = config
            if config.enabled and source is not None:
                running.inference = self._pipeline.add(
                    config.id, source.mailbox, config.models, StreamOptions(blur=config.blur)
                )
                running.source, running.recent = source, RecentResults()
            self._streams[config.id] = running
            if running.source is not None:
                self._events.begin(config.id)
                running.source.start()  # starts its thread and returns

    def _stop(self, running: _Running, reason: str) -> None:
        """End the stream's source and its results. Blocks for seconds: never under the lock."""
        stream_id = running.config.id
        self._events.leave(stream_id)
        if running.source is not None:
            running.source.close()
        if running.inference is not None:
            self._pipeline.remove(running.inference)
        self._snapshots.forget(stream_id)
        self._events.over(stream_id, reason)
        with self._lock:
            running.recent.clear_picture()
            running.source = running.inference = None

    def _store_config(self, running: _Running, config: StreamConfig) -> None:
        """Have the stream started again after a restart, if it is to be. Raises StateUnwritable."""
        if running.kept and self._stored is not None:
            self._stored.put(config)

    def _publish(self, frame: Frame, result: FrameResult) -> None:
        running = self._streams.get(frame.stream_id)
        if running is not None:
            source = running.source
            running.recent.add(frame, result, 0 if source is None else source.mailbox.left_out)
        if self.gate(frame.stream_id):
            self._events.result(result)
            self._bus.publish(Message(DETECTIONS, frame.stream_id, result.to_json(), self._headers, time.monotonic()))
            self._snapshots.offer(frame, result)

    def _say(self, event: Event) -> None:
        headers = (("schema", EVENT_SCHEMA.encode()), _JSON, ("node", self.name.encode()))
        self._send(Message(EVENTS, event.stream_id, event.to_json(), headers, time.monotonic()))

    def _send(self, message: Message) -> None:
        if self.gate(message.key):
            self._bus.publish(message)

    def _status(self, stream_id: str) -> SourceStatus | None:
        running = self._streams.get(stream_id)
        source = None if running is None else running.source
        return None if source is None else source.status()

    def _tell_promotion(self, done: Promotion, at_ns: int) -> None:
        record = ActiveVersion(name=done.name, version=done.version, before=done.before, at_ns=at_ns, node=self.name)
        headers = (("schema", MODEL_SCHEMA.encode()), *self._headers[1:])
        self._bus.publish(Message(MODELS, done.name, record.to_json(), headers, time.monotonic()))

    def _view(self, running: _Running) -> StreamView:
        config = running.config
        url = redact(config.url) if config.url else None
        known: dict[str, Any] = {"state": "disabled"}
        kind = "push" if url is None else url.split(":", 1)[0]
        if running.source is not None:
            status, kind = running.source.status(), running.source.kind
            rate, latency_ms = running.recent.rate()
            known = {
                "state": status.state.value,
                "last_error": status.last_error,
                "session": status.session,
                "size_wh": status.size_wh,
                "codec": status.codec,
                "fps": round(status.fps, 1),
                "frames": status.frames,
                "reconnects": status.reconnects,
                "analysed_fps": rate,
                "latency_ms": latency_ms,
                "analysed": running.recent.analysed,
                "dropped": running.recent.dropped,
            }
        return StreamView(
            id=config.id,
            kind=kind,
            url=url,
            models=config.models,
            enabled=config.enabled,
            blur=config.blur,
            max_fps=config.max_fps,
            ephemeral=running.ephemeral,
            node=self.name,
            **known,
        )
