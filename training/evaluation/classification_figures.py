"""A classifier's predictions on crops, and their figures. Pure apart from reading the crops."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.labelled import Image, read_image
from training.data.labelled_set import IMAGE_SUFFIXES
from training.errors import EvaluationError
from training.evaluation.average_precision import F64, interval, resamples
from training.evaluation.detection_figures import calibration, class_figures
from training.evaluation.error_analysis import jpeg
from training.evaluation.served_model import as_frame, latency, probabilities
from workers.engines.engine import F32, Engine
from workers.engines.letterbox import Letterbox
from workers.model_card import ModelCard


@dataclass(frozen=True, slots=True)
class Answer:
    """One crop: its class (index), the probabilities (classes,), and the seconds of each stage."""

    path: Path
    truth: int
    probabilities: F32
    seconds: tuple[float, float, float]


def read_crops(folder: Path, classes: Sequence[str], part: str, listing: Path | None) -> list[tuple[Path, int]]:
    """Crops with their class: all of FOLDER/{class}/*, or those that the JSON file names ("class/file") in a part.

    Raises EvaluationError naming a class that is missing or an entry of the list that is wrong.
    """
    if listing is None:
        if missing := [name for name in classes if not (folder / name).is_dir()]:
            raise EvaluationError(f"{folder}: has no folder {', '.join(missing)}")
        found = [
            (path, index)
            for index, name in enumerate(classes)
            for path in sorted((folder / name).iterdir())
            if path.suffix.lower() in IMAGE_SUFFIXES
        ]
    else:
        found = [_entry(folder, classes, listing, text) for text in _listed(listing, part)]
    if not found:
        raise EvaluationError(f"{folder}: no crops in part {part!r}")
    return found


def _listed(listing: Path, part: str) -> list[str]:
    try:
        return list(json.loads(listing.read_text())[part])
    except OSError as error:
        raise EvaluationError(f"{listing}: cannot read it: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{listing}: not a list of crops with a part {part!r}: {error}") from error


def _entry(folder: Path, classes: Sequence[str], listing: Path, text: str) -> tuple[Path, int]:
    label = Path(text).parent.name
    if label not in classes:
        raise EvaluationError(f"{listing}: {text!r} has a class that the model lacks; it has {', '.join(classes)}")
    return folder / text, classes.index(label)


def classify(engine: Engine, crops: Iterable[tuple[Path, int]]) -> list[Answer]:
    """As served: each crop through the letterbox and the engine. Raises DatasetError naming an unreadable crop."""
    letterbox = Letterbox()
    answers = []
    for path, truth in crops:
        started = time.perf_counter()
        image = read_image(path)
        decode_s = time.perf_counter() - started
        found, convert_s, inference_s = probabilities(engine, letterbox, as_frame(image))
        answers.append(Answer(path, truth, found, (decode_s, convert_s, inference_s)))
    return answers


def classification_figures(
    card: ModelCard, answers: Sequence[Answer], draws: int = 1000
) -> tuple[dict[str, Any], dict[str, tuple[F64, F64, float]]]:
    """Every figure of a classifier, rounded to four places, and the ROC (false, true positive rate, area) by class."""
    table = np.array([answer.probabilities for answer in answers], np.float64)
    truth, said = np.array([answer.truth for answer in answers]), table.argmax(1)
    matrix = np.zeros((len(card.classes), len(card.classes)), np.int64)
    np.add.at(matrix, (truth, said), 1)
    per_class = {label: class_figures(matrix, index) for index, label in enumerate(card.classes)}
    right = said == truth
    curves = {label: roc(table[:, index], truth == index) for index, label in enumerate(card.classes)}
    figures: dict[str, Any] = {
        "images": len(answers),
        "accuracy": round(float(right.mean()), 4),
        "f1": round(float(np.mean([row["f1"] for row in per_class.values()])), 4),
        "auc": round(float(np.mean([area for _, _, area in curves.values()])), 4),
        "per_class": per_class,
        "confusion": {"labels": list(card.classes), "matrix": matrix.tolist()},
        "calibration": calibration(table.max(1), right),
        "latency_ms": latency([answer.seconds for answer in answers]),
    }
    if draws:
        weights = resamples(len(answers), draws)
        low, high = interval(weights @ right / len(answers))
        figures["intervals"] = {"accuracy": [round(low, 4), round(high, 4)]}
    return figures, curves


def roc(scores: F64, positive: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[F64, F64, float]:
    """False and true positive rates over all thresholds, and the area under them; equal scores are one step."""
    order = np.argsort(-scores, kind="stable")
    steps = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.concatenate([[0], np.cumsum(positive[order])[steps]]) / max(1, int(positive.sum()))
    false = np.concatenate([[0], np.cumsum(~positive[order])[steps]]) / max(1, int((~positive).sum()))
    return false, true, float(np.trapezoid(true, false))


def worst_crops(card: ModelCard, answers: Sequence[Answer], most: int = 24) -> list[tuple[str, bytes]]:
    """Caption and JPEG of the crops that were answered wrongly with the most confidence."""
    wrong = [answer for answer in answers if int(answer.probabilities.argmax()) != answer.truth]
    wrong.sort(key=lambda answer: -float(answer.probabilities.max()))
    out = []
    for answer in wrong[:most]:
        image = read_image(answer.path)
        scale = 240 / max(image.shape[:2])
        small: Image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
        said = int(answer.probabilities.argmax())
        answered = f"{card.classes[said]} {answer.probabilities[said]:.3f}"
        text = f"{answer.path.name}: {answered}, is {card.classes[answer.truth]}"
        out.append((text, jpeg(small)))
    return out


@dataclass(frozen=True, slots=True)
class ProbabilityFigures:
    """f1: the mean of the classes' F1. loss: mean of -log of the right class's probability."""

    accuracy: float
    f1: float
    loss: float

    def row(self, part: str) -> dict[str, float]:
        """As metrics for MLflow, by name."""
        return {f"{part}/accuracy": self.accuracy, f"{part}/f1": self.f1, f"{part}/loss": self.loss}


def probability_figures(probabilities: npt.NDArray[Any], truth: npt.NDArray[Any]) -> ProbabilityFigures:
    """Accuracy, macro F1 and loss of probabilities (n, classes), with the true class numbers (n,)."""
    predicted = probabilities.argmax(1)
    scores = []
    for index in range(probabilities.shape[1]):
        right = int(((predicted == index) & (truth == index)).sum())
        named, there = int((predicted == index).sum()), int((truth == index).sum())
        scores.append(2 * right / (named + there) if named + there else 0.0)
    loss = -np.log(np.clip(probabilities[np.arange(len(truth)), truth], 1e-7, 1)).mean()
    return ProbabilityFigures(float((predicted == truth).mean()), float(np.mean(scores)), float(loss))
