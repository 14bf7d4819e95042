"""Classifiers over visual words: key points and words by OpenCV, then OpenVINO.

Any thread; each request belongs to one thread at a time.

Such a model's card names `visual-words.json` beside `model.xml`, which takes histograms (workers.engines.visual_words)
and gives probabilities. Nothing of it is a pickle: the words are text that is checked, the trees are tensors.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import openvino as ov

from workers.engines.engine import F32, U8, RequestPool, require_file, worker_count
from workers.engines.openvino_engine import cpu_properties
from workers.engines.precision import GRAPH
from workers.engines.visual_words import VISUAL_WORDS, WordCounter, read_visual_words
from workers.errors import EngineError, ModelError
from workers.model_card import ModelCard
from workers.settings import WorkerSettings


class VisualWordsRequest:
    """The input memory of one batch. See workers.engines.engine.Request."""

    def __init__(self, request: ov.InferRequest, counter: WordCounter, shape: tuple[int, int, int, int]) -> None:
        self.tensor: U8 = np.zeros(shape, np.uint8)
        self._request = request
        self._counter = counter

    def run(self, count: int) -> F32:
        """See workers.engines.engine.Request.run."""
        rows = np.stack([self._counter.histogram(image) for image in self.tensor[:count]])
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
        properties = {**cpu_properties(workers), "INFERENCE_PRECISION_HINT": "f32"}

        def create_request(shape_wh: tuple[int, int]) -> VisualWordsRequest:
            shape = (settings.classify.batch, shape_wh[1], shape_wh[0], 3)
            return VisualWordsRequest(compiled.create_infer_request(), WordCounter(words), shape)

        try:
            core = ov.Core()
            graph = core.read_model(folder / GRAPH)
            _check_graph(graph, card, words.features)
            compiled = core.compile_model(graph, "CPU", properties)
            self._requests = RequestPool(card.shapes_wh, workers, create_request)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {folder / GRAPH}: {error}") from error

    def request(self, shape_wh: tuple[int, int]) -> AbstractContextManager[VisualWordsRequest]:
        """See workers.engines.engine.Engine.request."""
        return self._requests.borrow(shape_wh)

    def close(self) -> None:
        """Free requests and, with them, the compiled model."""
        self._requests.clear()


def _check(card: ModelCard, settings: WorkerSettings) -> None:
    what = f"model {card.name} {card.version}"
    if card.task != "classify":
        raise ModelError(f"{what}: a card with {VISUAL_WORDS} must have the task classify, not {card.task}")
    if card.color != "rgb":
        raise ModelError(f"{what}: a card with {VISUAL_WORDS} must have the color rgb, not {card.color}")
    require_file(card, GRAPH, "OpenVINO")
    if settings.precision == "int8":
        raise EngineError(f"{what} runs in full precision only; set workers.precision to auto or full to run it")


def _check_graph(graph: ov.Model, card: ModelCard, features: int) -> None:
    needed = {"input": [-1, features], "output": [-1, len(card.classes)]}
    for name, found in (("input", graph.inputs), ("output", graph.outputs)):
        own = [axis.get_length() if axis.is_static else -1 for axis in found[0].get_partial_shape()]
        if len(found) != 1 or own != needed[name]:
            raise ModelError(
                f"model {card.name} {card.version}: {GRAPH} has an {name} of shape {own}; {VISUAL_WORDS} and the card "
                f"need {needed[name]}"
            )
