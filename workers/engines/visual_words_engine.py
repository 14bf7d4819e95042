"""Classifiers over visual words: points and words by OpenCV, then OpenVINO. Any thread; each request belongs to one
thread at a time.

Such a model's card names `visual-words.json` beside `model.xml`, which takes histograms (workers.visual_words) and
gives probabilities. Nothing of it is a pickle: the words are text that is checked, the trees are tensors.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openvino as ov

from workers.card import ModelCard
from workers.engines.engine import F32, U8
from workers.engines.openvino_engine import GRAPH, worker_count
from workers.engines.visual_words import VISUAL_WORDS, VisualWords, WordCounter, read_visual_words
from workers.errors import EngineError, ModelError
from workers.settings import WorkerSettings


class VisualWordsRequest:
    """One batch in the making. See workers.engine.Request."""

    def __init__(self, request: ov.InferRequest, counter: WordCounter, shape: tuple[int, int, int, int]) -> None:
        self.tensor: U8 = np.zeros(shape, np.uint8)
        self._request = request
        self._counter = counter

    def run(self, count: int) -> F32:
        """See workers.engine.Request.run."""
        rows = np.stack([self._counter.histogram(picture) for picture in self.tensor[:count]])
        try:
            self._request.infer({0: rows})
            return np.array(self._request.get_output_tensor(0).data, np.float32)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO: {error}") from error


class VisualWordsEngine:
    """One model, always on the CPU and in full precision: thresholds of trees must not be rounded."""

    backend = "openvino-cpu-orb"

    def __init__(self, card: ModelCard, folder: Path, settings: WorkerSettings) -> None:
        self.card = card
        _check(card, settings)
        words = read_visual_words(folder / VISUAL_WORDS)
        workers = worker_count(settings)
        properties = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": workers,
            "INFERENCE_NUM_THREADS": max(len(os.sched_getaffinity(0)), workers),
            "ENABLE_CPU_PINNING": False,
        }
        try:
            core = ov.Core()
            graph = core.read_model(folder / GRAPH)
            _check_graph(graph, card, words.features)
            compiled = core.compile_model(graph, "CPU", properties)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {folder / GRAPH}: {error}") from error
        self._idle = {
            (width, height): _requests(compiled, words, (settings.classify.batch, height, width, 3), workers)
            for width, height in card.shapes_wh
        }

    @contextmanager
    def request(self, shape_wh: tuple[int, int]) -> Iterator[VisualWordsRequest]:
        """Borrow a request; waits while all are lent. There is one for each inference worker."""
        idle = self._idle[shape_wh]
        request = idle.get()
        try:
            yield request
        finally:
            idle.put(request)

    def close(self) -> None:
        """Free requests and, with them, the compiled model."""
        self._idle.clear()


def _requests(
    compiled: ov.CompiledModel, words: VisualWords, shape: tuple[int, int, int, int], workers: int
) -> queue.LifoQueue[VisualWordsRequest]:
    idle: queue.LifoQueue[VisualWordsRequest] = queue.LifoQueue()
    for _ in range(workers):
        idle.put(VisualWordsRequest(compiled.create_infer_request(), WordCounter(words), shape))
    return idle


def _check(card: ModelCard, settings: WorkerSettings) -> None:
    what = f"model {card.name} {card.version}"
    if card.task != "classify":
        raise ModelError(f"{what} names {VISUAL_WORDS}, but is of task {card.task}; visual words classify")
    if card.color != "rgb":
        raise ModelError(f"{what} names {VISUAL_WORDS}, but takes {card.color}; visual words take rgb")
    if GRAPH not in card.files:
        raise EngineError(f"{what} has no {GRAPH}: it is not for OpenVINO")
    if settings.precision == "int8":
        raise EngineError(f"{what} has no int8 graph, but precision is int8")


def _check_graph(graph: ov.Model, card: ModelCard, features: int) -> None:
    wanted = {"input": [-1, features], "output": [-1, len(card.classes)]}
    for name, found in (("input", graph.inputs), ("output", graph.outputs)):
        own = [axis.get_length() if axis.is_static else -1 for axis in found[0].get_partial_shape()]
        if len(found) != 1 or own != wanted[name]:
            raise ModelError(
                f"model {card.name} {card.version}: {GRAPH} has an {name} {own}, but {VISUAL_WORDS} and the card "
                f"want {wanted[name]}"
            )
