"""Graphs for explanations: evidence of detectors by cell, class-activation maps of classifiers.

Any thread, one at a time.

They are cut out of the models that serve, in full precision, and compiled for the first explanation; the serving graphs
are not touched. A detector's class scores and boxes of every cell are what its NMS gets, so the graph is followed
upwards from there; a classifier brings its map as the output `cam`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
from openvino.passes import ConstantFolding, Manager

from workers.engines.engine import F32, U8
from workers.engines.openvino_engine import CAM
from workers.engines.precision import GRAPH
from workers.engines.visual_words import VISUAL_WORDS
from workers.errors import EngineError, ModelError
from workers.model_card import ModelCard

_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32), (8, 16), (8,), (16,), (32,))
_VIEW_STRIDES = (8, 16, 32)
_MOST_STEPS = 12


@dataclass(frozen=True, slots=True)
class CellScores:
    """The raw output of every cell of a detector: boxes (n, 4) xyxy in input pixels; scores (n, classes), 0 to 1."""

    boxes: F32
    scores: F32
    shape_wh: tuple[int, int]

    def grid(self, values: F32) -> F32:
        """A value a cell (n,) → one map at the finest scale: coarser scales enlarged, the strongest of all wins.

        Raises ModelError when the cells are those of no known pyramid.
        """
        width, height = self.shape_wh
        for strides in _STRIDES:
            sizes = [(math.ceil(width / stride), math.ceil(height / stride)) for stride in strides]
            if sum(columns * rows for columns, rows in sizes) == len(values):
                break
        else:
            raise ModelError(
                f"cannot explain a detector with {len(values)} cells at {width}x{height}: no known strides give so many"
            )
        best, first = np.zeros(sizes[0][::-1], np.float32), 0
        for columns, rows in sizes:
            level = values[first : first + columns * rows].reshape(rows, columns).astype(np.float32)
            best = np.maximum(best, cv2.resize(level, sizes[0], interpolation=cv2.INTER_LINEAR))
            first += columns * rows
        return best


class ExplainGraph:
    """One model at one of its shapes, compiled for one thread. Raises ModelError, EngineError."""

    def __init__(self, card: ModelCard, folder: Path, shape_wh: tuple[int, int]) -> None:
        if GRAPH not in card.files:
            raise ModelError(f"model {card.name} {card.version} cannot be explained: it has no {GRAPH}")
        if VISUAL_WORDS in card.files:
            raise ModelError(
                f"model {card.name} {card.version} cannot be explained: a bag of visual words has no activation map"
            )
        self.card = card
        self.shape_wh = shape_wh
        self.tensor: U8 = np.zeros((1, shape_wh[1], shape_wh[0], 3), np.uint8)
        try:
            core = ov.Core()
            model = core.read_model(folder / GRAPH)
            model.reshape({0: ov.PartialShape(list(self.tensor.shape))})
            _fold(model)
            graph = _cells_of(model, card) if card.task == "detect" else _map_of(model, card)
            settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}
            self._request = core.compile_model(graph, "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot explain with {folder / GRAPH}: {error}") from error

    def cells(self) -> CellScores:
        """A detector's cells for the image in `tensor`."""
        boxes, scores = self._run()
        if scores.shape[2] != len(self.card.classes):
            scores = scores.transpose(0, 2, 1)
        own = self._cells_of_first_view(len(boxes[0]))
        return CellScores(boxes[0][:own], scores[0][:own], self.shape_wh)

    def _cells_of_first_view(self, count: int) -> int:
        """A model with test-time augmentation lists the cells of its input's own size first."""
        views = self.card.data.get("views")
        if not isinstance(views, dict) or len(views.get("scales", ())) < 2:
            return count
        return sum(math.prod(math.ceil(side / stride) for side in self.shape_wh) for stride in _VIEW_STRIDES)

    def activation(self) -> tuple[F32, F32]:
        """A classifier's probabilities (classes,) and maps (classes, rows, columns) for the image in `tensor`."""
        probabilities, maps = self._run()
        return probabilities[0], maps[0]

    def _run(self) -> tuple[F32, F32]:
        try:
            self._request.infer({0: self.tensor})
            first, second = (np.array(self._request.get_output_tensor(index).data, np.float32) for index in (0, 1))
        except RuntimeError as error:
            raise EngineError(f"OpenVINO: {error}") from error
        return first, second


def _fold(model: ov.Model) -> None:
    """Make constants of the sizes that a graph computes from its input's, so that its shapes are known.

    Graphs with test-time augmentation compute some (training/export/test_time_augmentation.py).
    """
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)


def _cells_of(model: ov.Model, card: ModelCard) -> ov.Model:
    """The part of a detector before its NMS: boxes (1, n, 4) and class scores, (1, n, classes) or (1, classes, n)."""
    chosen = [node for node in model.get_ordered_ops() if node.get_type_name() == "NonMaxSuppression"]
    what = f"model {card.name} {card.version}"
    if len(chosen) != 1 or chosen[0].get_attributes().get("box_encoding") != "corner":
        raise ModelError(f"{what} cannot be explained: its graph does not end in one NMS of corner boxes")
    boxes, scores = chosen[0].input_value(0), chosen[0].input_value(1)
    expected = sorted((1, boxes.get_shape()[1], len(card.classes)))
    for _ in range(_MOST_STEPS):
        if sorted(_shape(scores)) == expected:
            return ov.Model([boxes, scores], model.get_parameters(), "cells")
        if scores.get_node().get_input_size() == 0:
            break
        scores = scores.get_node().input_value(0)
    raise ModelError(f"{what} cannot be explained: its NMS does not come from a score for each cell and class")


def _map_of(model: ov.Model, card: ModelCard) -> ov.Model:
    maps = [output for output in model.outputs if CAM in output.get_names()]
    if not maps or len(_shape(maps[0])) != 4 or _shape(maps[0])[1] != len(card.classes):
        raise ModelError(
            f"model {card.name} {card.version} cannot be explained: it has no output {CAM} with a map for each class"
        )
    results: list[Any] = [model.outputs[0].get_node(), maps[0].get_node()]
    return ov.Model(results, model.get_parameters(), "map")


def _shape(output: Any) -> list[int]:
    """The static shape; empty when it is none."""
    shape = output.get_partial_shape()
    return list(shape.to_shape()) if shape.is_static else []
