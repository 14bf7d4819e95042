"""A detector's figures from its predictions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv

from training.data.labelled import SIZES, side_of, size_name
from training.errors import EvaluationError
from training.evaluation.average_precision import (
    Boxes,
    ClassMatches,
    average_precision,
    bootstrap,
    interval,
    match_class,
    mean_ap,
    precision_recall,
    resamples,
)  # fmt: skip
from training.evaluation.served_model import ImagePredictions, latency, thresholds
from workers.engines.engine import F32
from workers.model_card import ModelCard

IOU = 0.5
NOTHING = "nothing"
LEAST_CALIBRATED = 0.1
"""Boxes below this confidence are never shown and would only dilute the calibration error."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class ImageArrays:
    """One image's labels and boxes as arrays."""

    truth: F32
    truth_id: npt.NDArray[np.int64]
    xyxy: F32
    confidence: F32
    class_id: npt.NDArray[np.int64]


def arrays(card: ModelCard, seen: Sequence[ImagePredictions]) -> list[ImageArrays]:
    """Raises EvaluationError when a label is none of the model's classes."""
    number = {label: index for index, label in enumerate(card.classes)}
    out = []
    for item in seen:
        unknown = {box.label for box in item.labelled.boxes} - set(number)
        if unknown:
            raise EvaluationError(
                f"{item.labelled.path}: has the labels {', '.join(sorted(unknown))}; the model has {', '.join(number)}"
            )
        truth = np.array([box.xyxy for box in item.labelled.boxes], np.float32).reshape(-1, 4)
        ids = np.array([number[box.label] for box in item.labelled.boxes], np.int64)
        out.append(ImageArrays(truth, ids, item.xyxy, item.confidence, item.class_id.astype(np.int64)))
    return out


def match_classes(card: ModelCard, data: Sequence[ImageArrays], size: str | None = None) -> list[ClassMatches]:
    """One for each class; with `size`, judged on labels and boxes of that size only."""
    matches = []
    for index in range(len(card.classes)):
        truth, found = [], []
        for item in data:
            real, own = item.truth[item.truth_id == index], item.class_id == index
            truth.append(Boxes(real, np.ones(len(real), np.float32), _of_size(real, size)))
            found.append(Boxes(item.xyxy[own], item.confidence[own], _of_size(item.xyxy[own], size)))
        matches.append(match_class(truth, found))
    return matches


def _of_size(xyxy: F32, size: str | None) -> npt.NDArray[np.bool_]:
    sides = ((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in xyxy)
    return np.array([size is None or size_name(side_of(box)) == size for box in sides], np.bool_)


def detection_figures(card: ModelCard, seen: Sequence[ImagePredictions], draws: int = 1000) -> dict[str, Any]:
    """Every figure of a detector; intervals are 95 % percentile bootstraps over images. Rounded to four places."""
    data = arrays(card, seen)
    matches = match_classes(card, data)
    map50, map50_95 = mean_ap(matches)
    per_class = {label: average_precision(matched) for label, matched in zip(card.classes, matches, strict=True)}
    figures: dict[str, Any] = {
        "images": len(seen),
        "objects": int(sum(len(item.truth) for item in data)),
        "map50": _round(map50),
        "map50_95": _round(map50_95),
        "ap50": {label: _round(values[0]) for label, values in per_class.items() if not np.isnan(values[0])},
        "ap50_95": {label: _round(values.mean()) for label, values in per_class.items() if not np.isnan(values[0])},
    }
    if draws:
        sampled = bootstrap(matches, resamples(len(seen), draws))
        figures["intervals"] = {
            "map50": [_round(value) for value in interval(sampled[:, 0])],
            "map50_95": [_round(value) for value in interval(sampled[:, 1])],
        }
    figures["by_size"] = _by_size(card, data)
    figures |= _at_thresholds(card, data)
    confidence, right = _judged(matches)
    kept = confidence >= LEAST_CALIBRATED
    figures["calibration"] = calibration(confidence[kept], right[kept])
    figures["latency_ms"] = latency([item.seconds for item in seen])
    return figures


def curves(card: ModelCard, seen: Sequence[ImagePredictions]) -> dict[str, tuple[Any, Any]]:
    """Recall and precision at IoU 0.5 by class, for plots."""
    matches = match_classes(card, arrays(card, seen))
    return {label: precision_recall(matched) for label, matched in zip(card.classes, matches, strict=True)}


def _judged(matches: Sequence[ClassMatches]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return np.concatenate([matched.scores for matched in matches]), np.concatenate(
        [matched.right[:, 0] for matched in matches]
    )


def _by_size(card: ModelCard, data: Sequence[ImageArrays]) -> dict[str, Any]:
    out = {}
    for size in SIZES:
        matches = match_classes(card, data, size)
        objects = int(sum(matched.objects.sum() for matched in matches))
        map50, map50_95 = mean_ap(matches)
        out[size] = {"objects": objects, "map50": _round(map50), "map50_95": _round(map50_95)}
    return out


def _at_thresholds(card: ModelCard, data: Sequence[ImageArrays]) -> dict[str, Any]:
    """At the card's thresholds: the confusion matrix (rows: labelled, columns: found; the last is nothing), and from it
    precision, recall and F1 of each class; and all classes together, boxes only."""
    least = thresholds(card)
    many = len(card.classes)
    matrix = np.zeros((many + 1, many + 1), np.int64)
    for item in data:
        kept = item.confidence >= least[item.class_id]
        ids = item.class_id[kept]
        pairs = match(item.truth, item.xyxy[kept])
        for row, column in pairs:
            matrix[item.truth_id[row], ids[column]] += 1
        for row in set(range(len(item.truth))) - {row for row, _ in pairs}:
            matrix[item.truth_id[row], many] += 1
        for column in set(range(len(ids))) - {column for _, column in pairs}:
            matrix[many, ids[column]] += 1
    boxes, expected, found = matrix[:many, :many].sum(), matrix[:many].sum(), matrix[:, :many].sum()
    precision, recall = boxes / max(1, found), boxes / max(1, expected)
    return {
        "at_thresholds": {
            "precision": _round(precision),
            "recall": _round(recall),
            "f1": _round(2 * precision * recall / max(1e-12, precision + recall)),
            "label_right": _round(np.trace(matrix[:many, :many]) / max(1, boxes)),
        },
        "per_class": {label: class_figures(matrix, index) for index, label in enumerate(card.classes)},
        "confusion": {"labels": [*card.classes, NOTHING], "matrix": matrix.tolist()},
    }


def class_figures(matrix: npt.NDArray[np.int64], index: int) -> dict[str, Any]:
    """Precision, recall, F1 and count of one class of a confusion matrix (rows: truth)."""
    right, said, real = matrix[index, index], matrix[:, index].sum(), matrix[index].sum()
    precision, recall = right / max(1, said), right / max(1, real)
    f1 = 2 * precision * recall / max(1e-12, precision + recall)
    return {"precision": _round(precision), "recall": _round(recall), "f1": _round(f1), "objects": int(real)}


def match(truth_xyxy: F32, found_xyxy: F32, least: float = IOU) -> list[tuple[int, int]]:
    """Pairs (truth, found) of the best overlaps first, each used once, down to an IoU of `least`."""
    if not len(truth_xyxy) or not len(found_xyxy):
        return []
    ious = sv.box_iou_batch(truth_xyxy, found_xyxy)
    pairs = []
    while ious.max() >= least:
        row, column = (int(index) for index in np.unravel_index(ious.argmax(), ious.shape))
        pairs.append((row, column))
        ious[row, :] = ious[:, column] = 0
    return pairs


def gain_over(
    card: ModelCard, seen: Sequence[ImagePredictions], champion: Sequence[ImagePredictions], draws: int = 1000
) -> dict[str, Any]:
    """Challenger less champion on the same images, by a paired bootstrap: both are weighed by the same draws."""
    ours, theirs = match_classes(card, arrays(card, seen)), match_classes(card, arrays(card, champion))
    weights = resamples(len(seen), draws)
    gains = bootstrap(ours, weights)[:, 0] - bootstrap(theirs, weights)[:, 0]
    low, high = interval(gains)
    return {
        "gain": _round(mean_ap(ours)[0] - mean_ap(theirs)[0]),
        "interval": [_round(low), _round(high)],
        "p_gain": _round(float((gains > 0).mean())),
        "champion_map50": _round(mean_ap(theirs)[0]),
    }


def _round(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def calibration(confidence: npt.NDArray[Any], right: npt.NDArray[Any]) -> dict[str, Any]:
    """How far confidences can be trusted: confidence (n,) 0 to 1, right (n,) bool → {"ece", "count", "bins"}.

    A bin is {"from", "to", "count", "confidence", "right"}. Empty bins are left out; ece is None without
    values. Expected calibration error: Naeini, Cooper, Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning"; equal bins.
    """
    edges = np.linspace(0, 1, _BINS + 1)
    where = np.clip(np.digitize(confidence, edges[1:-1]), 0, _BINS - 1)
    bins, error = [], 0.0
    for index in range(_BINS):
        own = where == index
        if not own.any():
            continue
        said, was = float(confidence[own].mean()), float(right[own].mean())
        error += abs(said - was) * own.sum() / len(confidence)
        bins.append(
            {
                "from": round(float(edges[index]), 2),
                "to": round(float(edges[index + 1]), 2),
                "count": int(own.sum()),
                "confidence": round(said, 4),
                "right": round(was, 4),
            }
        )
    return {"ece": round(error, 4) if bins else None, "count": len(confidence), "bins": bins}
