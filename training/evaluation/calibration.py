"""How far a confidence can be believed: reliability curve and expected calibration error. Pure.

ECE: Naeini, Cooper, Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; equal bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10


def calibration(confidence: npt.NDArray[Any], right: npt.NDArray[Any]) -> dict[str, Any]:
    """confidence (n,) 0 to 1, right (n,) bool → {"ece", "count", "bins"}.

    A bin is {"from", "to", "count", "confidence", "right"}. Empty bins are left out; ece is None when there is nothing.
    """
    edges = np.linspace(0, 1, BINS + 1)
    where = np.clip(np.digitize(confidence, edges[1:-1]), 0, BINS - 1)
    bins, error = [], 0.0
    for index in range(BINS):
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
