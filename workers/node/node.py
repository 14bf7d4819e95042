"""A node: its streams, its models, and what it publishes. Any thread; what joins threads or loads models blocks."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from stream.config import DEFAULT_MODELS, StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.frame import Frame
from stream.metrics import DECODING_LIMITED
from workers.bus.message_bus import Bus
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlots
from workers.inference.identification import GalleryNow, Identification, nobody
from workers.inference.pipeline import Pipeline, Shared
from workers.model_card import ModelStore
from workers.node.models import NodeModels
from workers.node.publisher import Gate, ResultPublisher, always
from workers.node.streams import StreamRunner
from workers.settings import NodeSettings
from workers.taught.taught_tags import TaughtTags


class Node:
    """Runs `streams` with `models`, and publishes every result to the bus. `tags`: those that cameras were taught.

    gate: whether what concerns a stream may be published now. gallery: who is enrolled now.
    """

    def __init__(
        self,
        settings: NodeSettings,
        store: ModelStore,
        bus: Bus,
        gate: Gate = always,
        gallery: GalleryNow = nobody,
    ) -> None:
        self.name = settings.name
        self.stream_settings: StreamSettings = settings.stream
        self._bus = bus
        slots = EngineSlots(store, settings.workers)
        cpu_gate = CpuGate()
        DECODING_LIMITED.set_function(lambda: float(cpu_gate.limited))
        self.tags = TaughtTags(_tags_dir(settings))
        shared = Shared(cpu_gate, Identification(settings.workers, store, gallery), self.tags.of_frame)
        self._pipeline = Pipeline(slots, settings.workers, settings.name, self._take, shared)
        self._publisher = ResultPublisher(settings, bus, self._pipeline.background, gate)
        self.models = NodeModels(settings, store, slots, self._publisher.promotion)
        self.streams = StreamRunner(settings, slots, self._pipeline, self._publisher, cpu_gate)
        self.streams.on_removed = self.tags.forget
        self._lock = threading.Lock()
        self._started = self._closed = False

    @property
    def ready(self) -> bool:
        """Whether models are loaded and the workers run."""
        return self._started and not self._closed

    def start(self, models: tuple[str, ...] = DEFAULT_MODELS) -> None:
        """Load `models`, start the workers and the streams that are stored. Raises ModelError, EngineError."""
        self.models.start(models)
        self._pipeline.start()
        self._publisher.events.start()
        self.streams.start()
        self._started = True

    def problems(self) -> list[str]:
        """What is wrong now, in words."""
        return [
            *self._pipeline.problems(),
            *self.models.promotions.problems(),
            *self.streams.problems(),
            *self._bus.problems(),
        ]

    def close(self, timeout_s: float = 8.0) -> None:
        """Stop in order: sources, mailboxes, inference, bus flush. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._publisher.events.halt(1.0)
        self.models.promotions.close()
        deadline_s = time.monotonic() + timeout_s
        self.streams.close(timeout_s)
        self._pipeline.close(max(0.5, deadline_s - time.monotonic()))
        self._publisher.close()
        self._bus.flush(max(0.5, deadline_s - time.monotonic()))
        self.models.slots.close()

    def _take(self, frame: Frame, result: FrameResult) -> None:
        """A result, on an inference thread."""
        json = result.to_json()
        self.streams.record(frame, result, json)
        self._publisher.result(frame, result, json)


def _tags_dir(settings: NodeSettings) -> Path | None:
    """None: tags end with the process."""
    if settings.tags_dir is not None or settings.state_dir is None:
        return settings.tags_dir
    return settings.state_dir / "tags"
