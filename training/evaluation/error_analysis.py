"""The images a detector was most wrong about, drawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from training.data.labelled import Image, read_image
from training.evaluation.detection_figures import ImageArrays, arrays, match
from training.evaluation.served_model import ImagePredictions, thresholds
from workers.model_card import ModelCard

_RIGHT, _WRONG, _MISSED = (90, 200, 90), (60, 60, 230), (0, 190, 255)
_WIDTH = 480


def worst_images(card: ModelCard, seen: Sequence[ImagePredictions], most: int = 12) -> list[tuple[str, bytes]]:
    """Caption and JPEG of those with the largest cost: 1 for an object missed, its confidence for what is wrong."""
    data = arrays(card, seen)
    costs = [_cost(card, item) for item in data]
    order = sorted(range(len(seen)), key=lambda index: -costs[index][0])[:most]
    return [_drawn(card, seen[index], data[index], costs[index][1]) for index in order if costs[index][0] > 0]


def _cost(card: ModelCard, item: ImageArrays) -> tuple[float, str]:
    kept = item.confidence >= thresholds(card)[item.class_id]
    ids, confidence = item.class_id[kept], item.confidence[kept]
    pairs = match(item.truth, item.xyxy[kept])
    mislabelled = [column for row, column in pairs if item.truth_id[row] != ids[column]]
    extra = sorted(set(range(len(ids))) - {column for _, column in pairs})
    missed = len(item.truth) - len(pairs)
    cost = missed + float(confidence[mislabelled].sum() + confidence[extra].sum())
    return cost, f"{missed} missed, {len(mislabelled)} mislabelled, {len(extra)} too many"


def _drawn(card: ModelCard, item: ImagePredictions, data: ImageArrays, text: str) -> tuple[str, bytes]:
    image = read_image(item.labelled.path)
    scale = _WIDTH / image.shape[1]
    canvas: Image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
    kept = data.confidence >= thresholds(card)[data.class_id]
    found, ids, confidence = data.xyxy[kept], data.class_id[kept], data.confidence[kept]
    pairs = match(data.truth, found)
    right = {column for row, column in pairs if data.truth_id[row] == ids[column]}
    for row in set(range(len(data.truth))) - {row for row, _ in pairs}:
        _box(canvas, data.truth[row] * scale, _MISSED, f"missed {card.classes[data.truth_id[row]]}")
    for column in range(len(found)):
        label = f"{card.classes[ids[column]]} {confidence[column]:.2f}"
        good = column in right
        _box(canvas, found[column] * scale, _RIGHT if good else _WRONG, "" if good else label)
    return f"{item.labelled.path.name}: {text}", jpeg(canvas)


def jpeg(image_bgr: Image) -> bytes:
    """A u8 HWC BGR image as JPEG."""
    return bytes(cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())


def _box(
    canvas: Image, xyxy: np.ndarray[tuple[int, ...], np.dtype[np.float32]], colour: tuple[int, int, int], text: str
) -> None:
    x1, y1, x2, y2 = (round(float(value)) for value in xyxy)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2)
    if text:
        cv2.putText(canvas, text, (x1, max(12, y1 - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(canvas, text, (x1, max(12, y1 - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
