"""The second stage: what classifiers say of crops. Runs in its own thread for live streams, else on the caller's.

Live, a crop waits here while its picture's result goes out: detection never waits for a classifier, and what it said
shows in the stream's next result. All crops that wait, whatever their streams, are computed in the same batches.
Nothing queues up: a stream hands over its next crops when it has got the answers to the last (`StreamClassifier`).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import av
import numpy as np
import structlog

from stream.metrics import STAGE_SECONDS
from workers.bus.result import Attribute
from workers.card import ModelCard
from workers.engines.engine import F32, Engine
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox, least_padding
from workers.errors import EngineError
from workers.metrics import CLASSIFY_FAILURES, CROPS_CLASSIFIED

log = structlog.get_logger(__name__)

_LOG_EVERY_S = 10.0


@dataclass(slots=True)
class Crop:
    """What one classifier is to look at. `version` is that of the card it was cut for; with another it is not used.

    answer: None when no label reached its threshold. failed: nobody looked at it, or in vain.
    """

    model: str
    version: int
    picture: av.VideoFrame
    answer: Attribute | None = None
    failed: bool = True


@dataclass(slots=True)
class Submission:
    """Crops on their way. `done` is set last, whatever became of them: then the answers are there to be read."""

    crops: tuple[Crop, ...]
    done: bool = False


class Classifiers:
    """Computes crops: `run` on the caller's thread, `submit` in a thread of its own that starts with the first."""

    def __init__(self, slots: Mapping[str, EngineSlot]) -> None:
        self._slots = slots
        self._waiting: deque[Submission] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._logged_s: dict[str, float] = {}

    def run(self, crops: Sequence[Crop], letterbox: Letterbox) -> None:
        """Answer the crops now. A classifier that fails costs its own answers: counted, logged, never raised."""
        by_model: defaultdict[str, list[Crop]] = defaultdict(list)
        for crop in crops:
            by_model[crop.model].append(crop)
        for name, own in by_model.items():
            try:
                classify(self._slots[name], own, letterbox)
            except Exception as error:  # noqa: BLE001 - noted and counted, see above
                if len(own) > 1:
                    for crop in own:
                        self.run([crop], letterbox)
                else:
                    self._note(name, error)

    def submit(self, submission: Submission) -> None:
        """Have the crops answered soon. Any thread; returns at once. After `close` nothing is answered any more."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append(submission)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="classify", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self, timeout_s: float = 2.0) -> None:
        """End the thread; what waits is left. Idempotent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("classifier_still_running")

    def _work(self) -> None:
        letterbox = Letterbox()
        while batch := self._take():
            try:
                self.run([crop for submission in batch for crop in submission.crops], letterbox)
            except BaseException as error:
                log.exception("classifier_thread_died", error=repr(error))
                raise
            finally:
                for submission in batch:
                    submission.done = True

    def _take(self) -> list[Submission]:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            batch = list(self._waiting)
            self._waiting.clear()
            return batch

    def _note(self, name: str, error: Exception) -> None:
        """Count a failure; log one in ten seconds, as a broken model fails with every crop."""
        CLASSIFY_FAILURES.labels(name).inc()
        now_s = time.monotonic()
        if now_s - self._logged_s.get(name, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged_s[name] = now_s
            log.error("classifier_failed", model=name, error=repr(error), exc_info=error)


def classify(slot: EngineSlot, crops: Sequence[Crop], letterbox: Letterbox) -> None:
    """Compute one classifier on crops and set their answers. Raises what the engine raises."""
    with slot.use() as engine:
        card = engine.card
        by_shape: defaultdict[tuple[int, int], list[Crop]] = defaultdict(list)
        for crop in crops:
            if crop.version == card.version:
                by_shape[least_padding((crop.picture.width, crop.picture.height), card.shapes_wh)].append(crop)
        for shape_wh, own in by_shape.items():
            for crop, row in zip(own, _compute(engine, shape_wh, own, letterbox), strict=True):
                crop.answer, crop.failed = answer(card, row), False
            CROPS_CLASSIFIED.labels(card.name).inc(len(own))


def answer(card: ModelCard, probabilities: F32) -> Attribute | None:
    """The most probable label; None when the card has a threshold for it that is not reached.

    Raises EngineError for a row that holds no probabilities.
    """
    if probabilities.shape != (len(card.classes),) or not np.isfinite(probabilities).all():
        raise EngineError(f"model {card.name} {card.version} gave no probabilities for {len(card.classes)} classes")
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
                letterbox.fill(crop.picture, request.tensor[index], engine.card.pad_value, engine.card.color)
            rows.extend(request.run(len(part)))
            STAGE_SECONDS.labels("classify").observe(time.perf_counter() - started)
    return rows
