"""The distributions that drift of a classifier is measured against. Pure.

label, confidence: of each answer; side (square root of the crop's area, in pixels, as a share of 256), brightness,
contrast, sharpness (as in the result's `image`): of each crop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.classifier.crops import LabelledCrop
from training.evaluation.classification_figures import Answer
from training.evaluation.served_model import as_frame
from training.export.drift_reference import numeric
from workers.images.image_figures import FigureCalculator
from workers.model_card import ModelCard

_UNIT = np.linspace(0, 1, 21)
_SIDE = 256.0


def reference(card: ModelCard, seen: Sequence[tuple[LabelledCrop, Answer]]) -> dict[str, Any]:
    """See the module; the form is that of training/export/drift_reference.py."""
    values: dict[str, list[float]] = {key: [] for key in ("confidence", "side", "brightness", "contrast", "sharpness")}
    labels: Counter[str] = Counter()
    for crop, answer in seen:
        best = int(answer.probabilities.argmax())
        labels[card.classes[best]] += 1
        values["confidence"].append(float(answer.probabilities[best]))
        values["side"].append(min(1.0, float(np.sqrt(crop.image_bgr.shape[0] * crop.image_bgr.shape[1])) / _SIDE))
        figures = FigureCalculator().figures(as_frame(crop.image_bgr), 0)
        for key in ("brightness", "contrast", "sharpness"):
            values[key].append(float(getattr(figures, key)))
    label = {
        "kind": "categorical",
        "categories": list(card.classes),
        "counts": [labels[name] for name in card.classes],
        "n": len(seen),
    }
    return {"label": label, **{key: numeric(found, _UNIT) for key, found in values.items()}}
