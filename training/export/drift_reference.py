"""The distributions that drift is measured against, from what a model saw when it was measured. Pure.

{feature: {"kind": "numeric", "edges", "counts", "n"} or {"kind": "categorical", "categories", "counts", "n"}}. Numeric
features have one count for each interval between edges; what lies outside belongs to the first or the last.

label, confidence, box_side (square root of the box's share of the image): of each box at the card's thresholds.
boxes (how many), brightness, contrast, sharpness (as in the result's `image`): of each image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.labelled import read_image, side_of
from training.evaluation.served_model import ImagePredictions, as_frame, thresholds
from workers.images.image_figures import FigureCalculator
from workers.model_card import ModelCard

_UNIT = np.linspace(0, 1, 21)
_COUNTS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 31, 101], float)


def reference(card: ModelCard, seen: Sequence[ImagePredictions]) -> dict[str, Any]:
    """See the module. Reads the images again, for their figures."""
    labels: list[str] = []
    values: dict[str, list[float]] = {
        key: [] for key in ("confidence", "box_side", "boxes", "brightness", "contrast", "sharpness")
    }
    least = thresholds(card)
    for item in seen:
        image = read_image(item.labelled.path)
        whole = float(np.sqrt(image.shape[0] * image.shape[1]))
        kept = np.flatnonzero(item.confidence >= least[item.class_id.astype(int)])
        values["boxes"].append(float(len(kept)))
        for index in kept:
            x1, y1, x2, y2 = (float(side) for side in item.xyxy[index])
            labels.append(card.classes[int(item.class_id[index])])
            values["confidence"].append(float(item.confidence[index]))
            values["box_side"].append(side_of((x1, y1, x2, y2)) / whole)
        figures = FigureCalculator().figures(as_frame(image), 0)
        for key in ("brightness", "contrast", "sharpness"):
            values[key].append(float(getattr(figures, key)))
    counts = Counter(labels)
    out: dict[str, Any] = {
        "label": {
            "kind": "categorical",
            "categories": list(card.classes),
            "counts": [counts[label] for label in card.classes],
            "n": len(labels),
        }
    }
    for key, found in values.items():
        out[key] = numeric(found, _COUNTS if key == "boxes" else _UNIT)
    return out


def numeric(values: Sequence[float], edges: npt.NDArray[np.float64]) -> dict[str, Any]:
    """A histogram; what lies outside the edges is counted in the outermost intervals."""
    inside = np.clip(np.asarray(values, float), edges[0], edges[-1] - 1e-9)
    counts, _ = np.histogram(inside, edges)
    return {
        "kind": "numeric",
        "edges": [round(float(edge), 4) for edge in edges],
        "counts": [int(count) for count in counts],
        "n": len(values),
    }
