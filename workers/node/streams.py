"""Runs a node's streams. Any thread: reading never waits for a change; changes block, for as long as a model loads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from stream.config import StreamConfig
from stream.decoding.cpu_gate import CpuGate
from stream.frame import Frame
from stream.metrics import forget_stream as forget_source
from stream.sources.source import Source
from stream.sources.source_urls import open_source
from workers.bus.result import FrameResult
from workers.bus.stream_down import DISABLED, REMOVED, REPLACED
from workers.engines.hot_swap import EngineSlots
from workers.errors import NodeClosed, QuotaReached, StreamExists, StreamUnknown
from workers.inference.batcher import InferenceStream
from workers.inference.pipeline import Pipeline, StreamOptions
from workers.metrics import forget_stream
from workers.node.kept_results import ResultLines
from workers.node.local_streams import LocalStreams
from workers.node.passthrough import Passthrough, passthrough_of
from workers.node.publisher import ResultPublisher
from workers.node.stream_events import WatchedStream
from workers.node.stream_view import RecentResults, StreamView, running_view
from workers.secrets.stored_stream import LockedStream
from workers.settings import NodeSettings

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Running:
    """One stream. `source` and `inference` are None while it is disabled. stored: it outlives a restart.

    limited: it is refused where there are `max_streams` already.
    """

    config: StreamConfig
    stored: bool
    ephemeral: bool
    limited: bool = True
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


class StreamRunner:
    """Owned by the node. Opens sources, has their frames analysed, and knows how each stream is.

    on_removed: called with the id of a stream that nobody wants any more.
    """

    def __init__(
        self,
        settings: NodeSettings,
        slots: EngineSlots,
        pipeline: Pipeline,
        publisher: ResultPublisher,
        cpu_gate: CpuGate,
    ) -> None:
        self._node = settings.name
        self._settings = settings.stream
        self._slots = slots
        self._pipeline = pipeline
        self._publisher = publisher
        self._cpu_gate = cpu_gate
        self.on_removed: Callable[[str], None] | None = None
        self._stored = LocalStreams(settings.state_dir, settings.keys) if settings.state_dir else None
        self._streams: dict[str, _Running] = {}
        self._lock = threading.RLock()  # what readers take: nothing slow under it
        self._changes = StreamLocks()  # held by a change of one stream, however long it takes; taken before the other
        self._closed = False

    def start(self) -> None:
        """Run the streams that are stored; one that cannot be started is logged, and stays stored."""
        for config in self._stored.read() if self._stored else []:
            try:
                self._add(_Running(config, stored=True, ephemeral=False, limited=False), allow_local=False)
            except Exception:
                log.exception("kept_stream_failed", stream=config.id)

    def add(self, config: StreamConfig, *, keep: bool = False, allow_local: bool = False) -> StreamView:
        """Run a stream from its URL. `keep` has it started again after a restart.

        Raises StreamExists, SourceError (of the URL), ModelError or EngineError (of a model), StateUnwritable,
        NodeClosed, and with `keep` QuotaReached; then there is no such stream.
        """
        return self._add(_Running(config, keep, ephemeral=False, limited=keep), allow_local=allow_local)

    def _add(self, running: _Running, *, allow_local: bool) -> StreamView:
        config, keep = running.config, running.stored
        with self._changes.held(config.id):
            self._refuse_taken(running)
            source = None if isinstance(config, LockedStream) else self._open(config, allow_local)
            self._slots.ensure(config.models)
            before = self._store(running, config)
            try:
                self._begin(running, config, source)
            except Exception:
                with self._lock:
                    self._streams.pop(config.id, None)
                if before is not None:
                    self._store(running, before)
                elif keep and self._stored is not None:
                    self._stored.discard(config.id)
                raise
            return self.view(config.id)

    def attach(self, source: Source, config: StreamConfig) -> StreamView:
        """Run a pushed stream from a source that exists already.

        Raises StreamExists, QuotaReached, ModelError, EngineError, NodeClosed.
        """
        running = _Running(config, stored=False, ephemeral=True)
        with self._changes.held(config.id):
            self._refuse_taken(running)
            self._slots.ensure(config.models)
            self._begin(running, config, source)
            return self.view(config.id)

    def remove(self, stream_id: str, reason: str = REMOVED) -> None:
        """Stop a stream and forget it; `reason` is what its stream_down event says.

        Raises StreamUnknown; StateUnwritable, then it runs on.
        """
        with self._changes.held(stream_id):
            stored = self._stored is not None and self._stored.discard(stream_id)
            with self._lock:
                running = self._streams.pop(stream_id, None)
            if running is not None:
                self._stop(running, reason)
            elif not stored:  # one that could not be started at the last start is only stored
                raise StreamUnknown(f"there is no stream {stream_id}")
            if reason == REMOVED and self.on_removed is not None:
                self.on_removed(stream_id)
            forget_source(stream_id)
            forget_stream(stream_id)

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """Change a stream (StreamConfig.changed). It begins a new session, unless it takes over all that is changed.

        Raises StreamUnknown, and as `add`; then the stream is as it was.
        """
        with self._changes.held(stream_id):
            running = self._find(stream_id)
            before = running.config
            config = before.changed(changes)
            if before.keeps_session(config):
                return self._take_over(running, config)
            source = self._reopened(config, allow_local=config.url == before.url)
            self._slots.ensure(config.models)
            self._store(running, config)
            self._stop(running, REPLACED if config.enabled else DISABLED)
            try:
                self._begin(running, config, source)
            except Exception:
                self._store(running, before)
                self._begin(running, before, self._reopened(before, allow_local=True))
                raise
            return self.view(stream_id)

    def take_over(self, config: StreamConfig) -> None:
        """Have a stream that runs go on with a configuration that keeps its session. Raises StreamUnknown,
        StateUnwritable.
        """
        with self._changes.held(config.id):
            self._take_over(self._find(config.id), config)

    def problems(self) -> list[str]:
        """Readiness reasons: streams that are stored but cannot be read, or that cannot say who is seen."""
        stored = [] if self._stored is None else self._stored.problems()
        with self._lock:
            wanting = sorted(name for name, one in self._streams.items() if self._unidentified(one))
        why = self._pipeline.identification.problem
        return [*stored, *([f"identity is on for {', '.join(wanting)}, but {why}"] if wanting else [])]

    def views(self) -> list[StreamView]:
        """All streams as they are now, by id."""
        with self._lock:
            return [self._view(running) for _, running in sorted(self._streams.items())]

    def view(self, stream_id: str) -> StreamView:
        """One stream as it is now. Raises StreamUnknown."""
        with self._lock:
            return self._view(self._find(stream_id))

    def config(self, stream_id: str) -> StreamConfig:
        """How a stream is configured, with its secrets. Raises StreamUnknown."""
        return self._find(stream_id).config

    def latest(self, stream_id: str) -> tuple[Frame, FrameResult] | None:
        """The newest analysed frame of a stream with its result; None before the first. Raises StreamUnknown."""
        with self._lock:
            return self._find(stream_id).recent.latest

    def results(self, stream_id: str, from_us: int, to_us: int) -> ResultLines:
        """The results of a stream's newest session, as far back as its packets go. Raises StreamUnknown."""
        return self._find(stream_id).recent.kept.cut(from_us, to_us)

    def passthrough(self, stream_id: str) -> Passthrough:
        """Where a stream's encoded packets come from, for viewers and clips. Raises StreamUnknown."""
        with self._lock:
            running = self._find(stream_id)
            return passthrough_of(running.config, running.source)

    def runs(self, stream_id: str) -> bool:
        """Whether the stream is one of this node's. Never waits."""
        return stream_id in self._streams

    def record(self, frame: Frame, result: FrameResult, json: bytes) -> None:
        """Note a result, and its wire form, as the newest of its stream. On the inference threads; never waits."""
        running = self._streams.get(frame.stream_id)
        if running is not None:
            source = running.source
            running.recent.add(frame, result, 0 if source is None else source.mailbox.left_out)
            ring = None if source is None else source.ring
            running.recent.kept.add(result, json, None if ring is None else ring.from_us)

    def close(self, timeout_s: float) -> None:
        """Close all sources side by side; nothing is started any more. What they delivered is still analysed."""
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._closed = True
            sources = [running.source for running in self._streams.values() if running.source is not None]
            self._streams.clear()
        closers = [
            threading.Thread(target=source.close, args=(timeout_s / 2,), name="source-closer") for source in sources
        ]
        for thread in closers:
            thread.start()
        for thread in closers:
            thread.join(max(0.1, deadline_s - time.monotonic()))

    def _refuse_taken(self, running: _Running) -> None:
        stream_id = running.config.id
        with self._lock:
            self._refuse_closed(stream_id)
            if stream_id in self._streams:
                raise StreamExists(f"stream {stream_id} exists already")
            self._refuse_more(running)

    def _refuse_more(self, running: _Running) -> None:
        """With the lock held. Raises QuotaReached when this is one stream too many."""
        most, stream_id = self._settings.max_streams, running.config.id
        if running.limited and stream_id not in self._streams and len(self._streams) >= most:
            raise QuotaReached(
                f"stream {stream_id}: {most} streams run here already, and stream.max_streams allows no more; "
                "remove one, or raise the setting"
            )

    def _refuse_closed(self, stream_id: str) -> None:
        if self._closed:
            raise NodeClosed(f"stream {stream_id}: this node is stopping")

    def _find(self, stream_id: str) -> _Running:
        with self._lock:
            try:
                return self._streams[stream_id]
            except KeyError:
                raise StreamUnknown(f"there is no stream {stream_id}") from None

    def _open(self, config: StreamConfig, allow_local: bool) -> Source:
        """The source of a stream's URL, not started yet. Raises SourceError."""
        return open_source(config, self._settings, live=True, allow_local=allow_local, cpu_gate=self._cpu_gate)

    def _reopened(self, config: StreamConfig, *, allow_local: bool) -> Source | None:
        """The source of a stream's URL, not started yet; None for a pushed stream, whose source comes with the push,
        and where the URL cannot be decrypted.
        """
        return None if config.url is None else self._open(config, allow_local)

    def _begin(self, running: _Running, config: StreamConfig, source: Source | None) -> None:
        """Register the stream, and run it if it is enabled. Raises NodeClosed, QuotaReached; ModelError for no slot."""
        with self._lock:
            self._refuse_closed(config.id)
            self._refuse_more(running)
            running.config = config
            if config.enabled and source is not None:
                options = StreamOptions(
                    blur=config.blur, pushed=running.ephemeral, identity=lambda: running.config.identity
                )
                running.inference = self._pipeline.add(config.id, source.mailbox, config.models, options)
                running.source, running.recent = source, RecentResults()
            self._streams[config.id] = running
            if running.source is not None and running.inference is not None:
                all_published = partial(self._pipeline.is_idle, running.inference)
                self._publisher.events.begin(config.id, WatchedStream(running.source.status, all_published))
        if running.source is not None:
            running.source.start()  # does nothing where the node was closed meanwhile, and its sources with it

    def _take_over(self, running: _Running, config: StreamConfig) -> StreamView:
        self._store(running, config)
        with self._lock:
            running.config = config
            if running.source is not None:
                running.source.take_over(config)
            return self._view(running)

    def _stop(self, running: _Running, reason: str) -> None:
        """End the stream's source and its results. Blocks for seconds: never under the lock."""
        stream_id = running.config.id
        self._publisher.events.stopping(stream_id)
        if running.source is not None:
            running.source.close()
        if running.inference is not None:
            self._pipeline.remove(running.inference)
        self._publisher.stream_stopped(stream_id, reason)
        with self._lock:
            running.recent.clear_frame()
            running.source = running.inference = None

    def _store(self, running: _Running, config: StreamConfig) -> StreamConfig | None:
        """Have the stream started again after a restart, if it is to be; returns what was stored of it before.

        Raises StateUnwritable.
        """
        return self._stored.put(config) if running.stored and self._stored is not None else None

    def _view(self, running: _Running) -> StreamView:
        view = running_view(running.config, self._node, running.ephemeral, running.source, running.recent)
        why = self._unidentified(running)
        return view if why is None else view.model_copy(update={"identity_problem": f"identity is on, but {why}"})

    def _unidentified(self, running: _Running) -> str | None:
        """Why a stream that runs cannot say who is seen; None where it can, or is not to."""
        if not running.config.identity or running.source is None:
            return None
        self._pipeline.identification.ready()  # a model that was missing may be there now
        return self._pipeline.identification.problem
