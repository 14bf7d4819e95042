"""How good a detector is as it is served: through its engine, letterbox and shapes. Runs in its own process.

    python -m training.evaluate --model models/mask/1 --facemask DIR

Prints JSON: mAP by supervision's COCO metric, AP50 of each class, and at the card's thresholds precision, recall and
the share of right labels among the boxes found (IoU 0.5, all classes together).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import av
import cv2
import numpy as np
import supervision as sv
import typer
from supervision.metrics import MeanAveragePrecision

from training.dataset import CLASSES
from training.errors import DatasetError
from training.split import read_split
from training.voc import read_voc
from workers.card import ModelCard, load_card
from workers.engine import F32, Engine
from workers.letterbox import Letterbox, least_padding
from workers.openvino_engine import OpenVinoEngine
from workers.settings import WorkerSettings

IOU = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture's boxes as the engine gave them, and as they are labelled. xyxy in pixels of the picture."""

    found: sv.Detections
    truth: sv.Detections


def look(engine: Engine, facemask: Path, part: str = "val") -> Iterator[Seen]:
    """Run the engine over one part of the labelled pictures. Raises DatasetError naming a picture it cannot read."""
    letterbox = Letterbox()
    for name in read_split(facemask / "split.json")[part]:
        path = facemask / "images" / f"{name}.jpg"
        image = cv2.imread(str(path))
        if image is None:
            raise DatasetError(f"{path}: missing or not a readable picture")
        truth = read_voc(facemask / "annotations" / f"{name}.xml")
        yield Seen(
            _detections(detect(engine, letterbox, av.VideoFrame.from_ndarray(image.astype(np.uint8), format="bgr24"))),
            sv.Detections(
                xyxy=np.array([box.xyxy for box in truth], np.float32).reshape(-1, 4),
                class_id=np.array([CLASSES.index(box.label) for box in truth], np.int64),
            ),
        )


def detect(engine: Engine, letterbox: Letterbox, picture: av.VideoFrame) -> F32:
    """Boxes (n, 6: xyxy in picture pixels, confidence, class) of one picture, as the pipeline computes them."""
    shape = least_padding((picture.width, picture.height), engine.card.shapes_wh)
    with engine.request(shape) as request:
        placement = letterbox.fill(picture, request.tensor[0], engine.card.pad_value, engine.card.color)
        rows = request.run(1)[0]
    rows = rows[rows[:, 4] > 0]
    return np.hstack([placement.to_picture(rows[:, :4]), rows[:, 4:]])


def figures(card: ModelCard, seen: list[Seen]) -> dict[str, Any]:
    """The figures of the module's docstring, rounded to four places."""
    metric = MeanAveragePrecision()
    score = metric.update([item.found for item in seen], [item.truth for item in seen]).compute()
    per_class = dict(zip(score.matched_classes.tolist(), score.ap_per_class[:, 0].tolist(), strict=True))
    found = expected = matched = right = 0
    least = np.array([card.threshold(label) for label in card.classes])
    for item in seen:
        kept = cast("sv.Detections", item.found[item.found.confidence >= least[_class_ids(item.found)]])
        pairs = match(np.asarray(item.truth.xyxy, np.float32), np.asarray(kept.xyxy, np.float32))
        found, expected, matched = found + len(kept), expected + len(item.truth), matched + len(pairs)
        right += sum(_class_ids(item.truth)[row] == _class_ids(kept)[column] for row, column in pairs)
    return {
        "images": len(seen),
        "map50": round(float(score.map50), 4),
        "map50_95": round(float(score.map50_95), 4),
        "ap50": {card.classes[index]: round(value, 4) for index, value in sorted(per_class.items())},
        "at_thresholds": {
            "precision": round(matched / max(1, found), 4),
            "recall": round(matched / max(1, expected), 4),
            "label_right": round(right / max(1, matched), 4),
        },
    }


def match(truth_xyxy: F32, found_xyxy: F32) -> list[tuple[int, int]]:
    """Pairs (truth, found) of the best overlaps first, each used once, down to an IoU of 0.5."""
    if not len(truth_xyxy) or not len(found_xyxy):
        return []
    ious = sv.box_iou_batch(truth_xyxy, found_xyxy)
    pairs = []
    while ious.max() >= IOU:
        row, column = (int(index) for index in np.unravel_index(ious.argmax(), ious.shape))
        pairs.append((row, column))
        ious[row, :] = ious[:, column] = 0
    return pairs


def _class_ids(detections: sv.Detections) -> list[int]:
    return [] if detections.class_id is None else detections.class_id.astype(int).tolist()


def _detections(rows: F32) -> sv.Detections:
    return sv.Detections(xyxy=rows[:, :4], confidence=rows[:, 4], class_id=rows[:, 5].astype(np.int64))


def evaluate(
    model: Annotated[Path, typer.Option(help="Folder of one version of a model.")],
    facemask: Annotated[Path, typer.Option(help="Folder with images/, annotations/ and split.json.")],
    part: str = "val",
    precision: Annotated[str, typer.Option(help="auto, full or int8: which of the model's graphs.")] = "auto",
) -> None:
    """Print the figures of one model as JSON."""
    card = load_card(model)
    engine = OpenVinoEngine(card, model, WorkerSettings.model_validate({"precision": precision}))
    seen = list(look(engine, facemask, part))
    typer.echo(
        json.dumps({"model": card.name, "version": card.version, "backend": engine.backend} | figures(card, seen))
    )


if __name__ == "__main__":
    typer.run(evaluate)
