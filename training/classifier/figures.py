"""Accuracy, macro F1 and loss of probabilities. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Figures:
    """f1: the mean of the classes' F1. loss: mean of -log of the right class's probability."""

    accuracy: float
    f1: float
    loss: float

    def row(self, part: str) -> dict[str, float]:
        """As MLflow gets them."""
        return {f"{part}/accuracy": self.accuracy, f"{part}/f1": self.f1, f"{part}/loss": self.loss}


def figures_of(probabilities: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Figures:
    """probabilities (n, classes), truth (n,) as class numbers."""
    said = probabilities.argmax(1)
    scores = []
    for index in range(probabilities.shape[1]):
        right = int(((said == index) & (truth == index)).sum())
        named, there = int((said == index).sum()), int((truth == index).sum())
        scores.append(2 * right / (named + there) if named + there else 0.0)
    loss = -np.log(np.clip(probabilities[np.arange(len(truth)), truth], 1e-7, 1)).mean()
    return Figures(float((said == truth).mean()), float(np.mean(scores)), float(loss))
