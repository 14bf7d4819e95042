"""A model's predictions as it is served: through its card, engine, letterbox and shapes. One thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from training.data.labelled import Image, Labelled, read_image
from training.errors import EvaluationError
from workers.engines.engine import F32, Engine
from workers.engines.letterbox import Letterbox, least_padding
from workers.engines.load import graph_engine
from workers.model_card import ModelCard, load_card
from workers.settings import WorkerSettings

STAGES = ("decode", "convert", "inference")


@dataclass(frozen=True, slots=True)
class ImagePredictions:
    """One image's boxes as the engine gave them (xyxy in pixels of the image), its labels, and what it took.

    seconds: for each of STAGES.
    """

    labelled: Labelled
    xyxy: F32
    confidence: F32
    class_id: F32
    seconds: tuple[float, float, float]


def open_engine(folder: Path, precision: str = "auto", task: str | None = None) -> Engine:
    """The engine of one version's folder. Raises ModelError, EngineError; EvaluationError for another task."""
    card = load_card(folder)
    if task is not None and card.task != task:
        raise EvaluationError(f"{folder}: has the task {card.task}, not {task}")
    return graph_engine(card, folder, WorkerSettings.model_validate({"precision": precision, "threads": 1}))


def predict(engine: Engine, images: Iterable[Labelled]) -> Iterator[ImagePredictions]:
    """Run a detector over labelled images. Raises DatasetError naming an image that it cannot read."""
    letterbox = Letterbox()
    for labelled in images:
        started = time.perf_counter()
        image = read_image(labelled.path)
        decoded = time.perf_counter()
        rows, convert_s, inference_s = run(engine, letterbox, as_frame(image))
        yield ImagePredictions(
            labelled, rows[:, :4], rows[:, 4], rows[:, 5], (decoded - started, convert_s, inference_s)
        )


def as_frame(image_bgr: Image) -> av.VideoFrame:
    """An image as the pipeline gets it, BGR."""
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(image_bgr), format="bgr24")


def detect(engine: Engine, letterbox: Letterbox, image: av.VideoFrame) -> F32:
    """Boxes (n, 6: xyxy in image pixels, confidence, class) of one image, as the pipeline computes them."""
    return run(engine, letterbox, image)[0]


def run(engine: Engine, letterbox: Letterbox, image: av.VideoFrame) -> tuple[F32, float, float]:
    """As detect, with the seconds that conversion and inference took."""
    shape = least_padding((image.width, image.height), engine.card.shapes_wh)
    with engine.request(shape) as request:
        started = time.perf_counter()
        placement = letterbox.fill(image, request.tensor[0], engine.card.pad_value, engine.card.color)
        converted = time.perf_counter()
        rows = request.run(1)[0]
        inference_s = time.perf_counter() - converted
    rows = rows[rows[:, 4] > 0]
    boxes = np.hstack([placement.to_image(rows[:, :4]), rows[:, 4:]]).astype(np.float32)
    return boxes, converted - started, inference_s


def probabilities(engine: Engine, letterbox: Letterbox, crop: av.VideoFrame) -> tuple[F32, float, float]:
    """A classifier's probabilities (classes,) of one crop, with the seconds of conversion and inference."""
    shape = least_padding((crop.width, crop.height), engine.card.shapes_wh)
    with engine.request(shape) as request:
        started = time.perf_counter()
        letterbox.fill(crop, request.tensor[0], engine.card.pad_value, engine.card.color)
        converted = time.perf_counter()
        answer = request.run(1)[0]
        return answer, converted - started, time.perf_counter() - converted


def latency(seconds: list[tuple[float, float, float]]) -> dict[str, dict[str, float]]:
    """Milliseconds of each stage and of all together, median and 95th percentile, the first image left out."""
    table = np.array(seconds[1:] or seconds) * 1000
    stages = {name: table[:, index] for index, name in enumerate(STAGES)} | {"total": table.sum(1)}
    return {
        name: {"p50": round(float(np.median(values)), 2), "p95": round(float(np.percentile(values, 95)), 2)}
        for name, values in stages.items()
    }


def thresholds(card: ModelCard) -> F32:
    """The card's least confidence of each class, by its number."""
    return np.array([card.threshold(label) for label in card.classes], np.float32)
