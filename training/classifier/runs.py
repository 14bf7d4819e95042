"""Runs of `livesight train classifier` as export sees them: what they were trained with, and how they become files.

Runs on the calling thread. A neural run needs torch; a classical one does not.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import openvino as ov

from training.classifier import classical
from training.classifier.augmentation import served_view
from training.classifier.crops import LabelledCrop
from training.data.labelled import Image
from training.errors import ExportError
from training.export.version_folder import FORMATS, ONNX
from workers.engines.precision import GRAPH, GRAPH_INT8
from workers.engines.visual_words import VISUAL_WORDS, WordCounter, read_visual_words

CHECKED = 16
CALIBRATED = 200
Parts = Mapping[str, Sequence[LabelledCrop]]


class ClassifierRun(Protocol):
    """settings: as trained with. val: the figures it was chosen by. formats: what it can be written as."""

    settings: Mapping[str, Any]
    data_version: str
    start_weights: str
    val: Mapping[str, float]
    formats: tuple[str, ...]

    def write(self, folder: Path, formats: Sequence[str], parts: Parts) -> dict[str, float]:
        """Write the graphs into FOLDER, checked on held-out crops; returns how each agrees with what was trained.

        Raises ExportError when a check fails.
        """
        ...


def open_run(folder: Path) -> ClassifierRun:
    """Raises RunError naming the file that is missing or wrong."""
    if (folder / classical.RUN).exists():
        return ClassicalRun(folder)
    return NeuralRun(folder)


class NeuralRun:
    """The best checkpoint of a network. See ClassifierRun."""

    formats: tuple[str, ...] = FORMATS

    def __init__(self, folder: Path) -> None:
        from training.classifier import checkpoint

        state = checkpoint.load(folder / checkpoint.BEST)
        self.settings: Mapping[str, Any] = state["settings"]
        self.data_version: str = state["data_version"]
        self.start_weights: str = state["source"]
        self.val: Mapping[str, float] = state["progress"]["rows"][state["progress"]["best_epoch"] - 1]
        self._state = state

    def write(self, folder: Path, formats: Sequence[str], parts: Parts) -> dict[str, float]:
        """See ClassifierRun.write; agreement is with PyTorch."""
        from training.classifier import checkpoint
        from training.classifier.graph import agreement, check_slots, openvino_graph, quantized, write_onnx

        network = checkpoint.network_of(self._state)
        margin = self.settings["margin"]
        images = _views(parts["test"], CHECKED, network.size, margin)
        graph = openvino_graph(network)
        check_slots(graph, images)
        files = [GRAPH]
        ov.save_model(graph, folder / GRAPH, compress_to_fp16=True)
        if "onnx" in formats:
            write_onnx(network, folder / ONNX)
            files.append(ONNX)
        if "int8" in formats:
            small = quantized(graph, _views(parts["train"], CALIBRATED, network.size, margin))
            check_slots(small, images)
            ov.save_model(small, folder / GRAPH_INT8, compress_to_fp16=True)
        return agreement(network, folder, files, images)


class ClassicalRun:
    """Words and trees, which training has written as they serve. See ClassifierRun."""

    formats: tuple[str, ...] = FORMATS[:1]
    start_weights = "none"

    def __init__(self, folder: Path) -> None:
        state = classical.read_run(folder)
        self.settings: Mapping[str, Any] = state["settings"]
        self.data_version: str = state["data_version"]
        self.val: Mapping[str, float] = state["val"]
        self._folder, self._difference = folder, float(state["difference"])

    def write(self, folder: Path, formats: Sequence[str], parts: Parts) -> dict[str, float]:
        """See ClassifierRun.write; agreement is with the library, on the part val, when it was trained."""
        for name in classical.FILES:
            shutil.copyfile(self._folder / name, folder / name)
        images = _views(parts["test"], CHECKED, self.settings["size"], self.settings["margin"])
        counter = WordCounter(read_visual_words(folder / VISUAL_WORDS))
        rows = np.stack([counter.histogram(image) for image in images])
        compiled = ov.Core().compile_model(folder / GRAPH, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        together = np.array(compiled([rows])[0])
        for index, row in enumerate(rows):
            if np.abs(np.asarray(compiled([row[None]])[0])[0] - together[index]).max() > 1e-5:
                raise ExportError(f"slot {index} of a batch gives other probabilities than its image alone")
        return {GRAPH: round(self._difference, 6)}


def _views(crops: Sequence[LabelledCrop], count: int, size: int, margin: float) -> list[Image]:
    """Of about `count` crops, evenly chosen."""
    step = max(1, len(crops) // count)
    return [served_view(crop, size, margin) for crop in crops[::step][:count]]
