"""The second stage: classifiers over crops, and looks at faces. In its own thread for live streams, else the caller's.

Live, a crop waits here while its frame's result goes out: detection never waits for a classifier, whose labels show in
the stream's next result. All waiting crops, whatever their streams, are computed in the same batches. Nothing queues
up: a stream submits its next crops when the last ones are classified (`StreamClassifier`).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import av
import numpy as np
import structlog

from stream.metrics import STAGE_SECONDS
from workers.bus.result import Attribute
from workers.engines.engine import F32, Engine
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox, least_padding
from workers.errors import EngineError
from workers.metrics import CLASSIFY_FAILURES, CROPS_CLASSIFIED
from workers.model_card import ModelCard

log = structlog.get_logger(__name__)

_LOG_EVERY_S = 10.0


@dataclass(slots=True)
class Crop:
    """Pixels for one classifier, and its label. `version`: of the card it was cut for; another version ignores it.

    attribute: None when no label reached its threshold. failed: not classified, or in vain.
    """

    model: str
    version: int
    image: av.VideoFrame
    attribute: Attribute | None = None
    failed: bool = True


@dataclass(slots=True)
class CropBatch:
    """The crops that a stream submits together. `done` is set last, whatever became of them."""

    crops: tuple[Crop, ...]
    done: bool = False


class OtherWork(Protocol):
    """What the thread does beside classifying, such as a `LookBatch`. `run` takes little time and raises nothing."""

    done: bool

    def run(self) -> None:
        """Do it. `done` is set afterwards, whatever became of it."""
        ...


class Classifiers:
    """Classifies crops: `run` on the caller's thread, `submit` in a thread of its own that starts with the first."""

    def __init__(self, slots: Mapping[str, EngineSlot]) -> None:
        self._slots = slots
        self._waiting: deque[CropBatch] = deque()
        self._others: deque[OtherWork] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._logged_s: dict[str, float] = {}

    def run(self, crops: Sequence[Crop], letterbox: Letterbox) -> None:
        """Classify the crops now. A classifier's failure is counted and logged, never raised; its crops stay failed."""
        by_model: defaultdict[str, list[Crop]] = defaultdict(list)
        for crop in crops:
            by_model[crop.model].append(crop)
        for name, own in by_model.items():
            try:
                classify(self._slots[name], own, letterbox)
            except Exception as error:  # noqa: BLE001 - counted and logged
                if len(own) > 1:
                    for crop in own:
                        self.run([crop], letterbox)
                else:
                    self._report(name, error)

    def submit(self, batch: CropBatch | OtherWork) -> None:
        """Have the crops classified, or the work done, soon. Any thread; returns at once. Ignored after `close`."""
        with self._changed:
            if self._closed:
                return
            if isinstance(batch, CropBatch):
                self._waiting.append(batch)
            else:
                self._others.append(batch)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="classify", daemon=True)
                self._thread.start()
            self._changed.notify()

    @property
    def working(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def close(self, timeout_s: float = 2.0) -> None:
        """End the thread and drop what waits. Idempotent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._others.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("classifier_thread_still_running")

    def _work(self) -> None:
        letterbox = Letterbox()
        while taken := self._take():
            batches, other = taken
            try:
                self.run([crop for batch in batches for crop in batch.crops], letterbox)
                for batch in batches:
                    batch.done = True
                if other is not None:
                    other.run()
            except BaseException as error:
                log.exception("classifier_thread_died", error=repr(error))
                raise
            finally:
                for done in (*batches, other):
                    if done is not None:
                        done.done = True

    def _take(self) -> tuple[list[CropBatch], OtherWork | None] | None:
        """All crops that wait, which are computed together, and one piece of other work; None once closed."""
        with self._changed:
            while not self._waiting and not self._others and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            batches = list(self._waiting)
            self._waiting.clear()
            return batches, self._others.popleft() if self._others else None

    def _report(self, name: str, error: Exception) -> None:
        """Count a failure; log one in ten seconds, as a broken model fails with every crop."""
        CLASSIFY_FAILURES.labels(name).inc()
        now_s = time.monotonic()
        if now_s - self._logged_s.get(name, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged_s[name] = now_s
            log.error("classifier_failed", model=name, error=repr(error), exc_info=error)


def classify(slot: EngineSlot, crops: Sequence[Crop], letterbox: Letterbox) -> None:
    """Compute one classifier on crops and set their attributes. Raises EngineError."""
    with slot.use() as engine:
        card = engine.card
        by_shape: defaultdict[tuple[int, int], list[Crop]] = defaultdict(list)
        for crop in crops:
            if crop.version == card.version:
                by_shape[least_padding((crop.image.width, crop.image.height), card.shapes_wh)].append(crop)
        for shape_wh, own in by_shape.items():
            for crop, row in zip(own, _compute(engine, shape_wh, own, letterbox), strict=True):
                crop.attribute, crop.failed = best_label(card, row), False
            CROPS_CLASSIFIED.labels(card.name).inc(len(own))


def best_label(card: ModelCard, probabilities: F32) -> Attribute | None:
    """The most probable label; None when the card has a threshold for it that is not reached.

    Raises EngineError for a row that is not the probabilities of the card's classes.
    """
    model = f"model {card.name} {card.version}"
    if probabilities.shape != (len(card.classes),):
        raise EngineError(f"{model} returned {probabilities.size} values; its card has {len(card.classes)} classes")
    if not np.isfinite(probabilities).all():
        raise EngineError(f"{model} returned NaN or infinity")
    best = int(probabilities.argmax())
    label, confidence = card.classes[best], float(probabilities[best])
    if confidence < card.thresholds.get(label, 0.0):
        return None
    return Attribute(label=label, confidence=round(min(1.0, max(0.0, confidence)), 4))


def _compute(engine: Engine, shape_wh: tuple[int, int], crops: Sequence[Crop], letterbox: Letterbox) -> Iterable[F32]:
    """A row of probabilities a crop, in as few batches as the request has room for."""
    rows: list[F32] = []
    with engine.request(shape_wh) as request:
        room = len(request.tensor)
        for first in range(0, len(crops), room):
            part = crops[first : first + room]
            started = time.perf_counter()
            for index, crop in enumerate(part):
                letterbox.fill(crop.image, request.tensor[index], engine.card.pad_value, engine.card.color)
            rows.extend(request.run(len(part)))
            STAGE_SECONDS.labels("classify").observe(time.perf_counter() - started)
    return rows
