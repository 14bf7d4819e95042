"""How well similarity alone tells pairs of one person from pairs of two: rates over all pairs. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from workers.engines.engine import F32

PAIR_THRESHOLD = 0.42
"""Of two single looks, without a gallery: one pair of strangers in 1,000 is as alike (card: tar_at_far)."""
FARS = (1e-2, 1e-3, 1e-4)
_LEAST_PAIRS = 10


class TarAtFar(BaseModel):
    """tar: the share of pairs of one person at or above `threshold`, where `far` of other pairs are."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    far: float
    tar: float
    threshold: float


class PairRates(BaseModel):
    """eer: the rate at which as many pairs of one person are too little alike as of two are too much."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    same: int
    different: int
    eer: float | None
    tar_at_far: tuple[TarAtFar, ...]


class WorseRates(BaseModel):
    """Pairs of a worse copy with others' photos as they are, at PAIR_THRESHOLD.

    tar: of those of one person, similarity: their mean; far: of those of two; found: in how many copies the
    landmarks were found; gated: the share that the gate refuses, so that it is nobody instead of somebody.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    condition: str
    same: int
    tar: float | None
    similarity: float | None
    far: float | None
    found: float
    gated: float


def similarities(vectors: F32, people: npt.NDArray[np.int_]) -> tuple[F32, F32]:
    """The cosines of all pairs of one person, and of all pairs of two. vectors: float32 (looks, features)."""
    row, column = np.triu_indices(len(vectors), 1)
    cosines = (vectors @ vectors.T)[row, column]
    same = people[row] == people[column]
    return cosines[same], cosines[~same]


def pair_rates(same: F32, different: F32) -> PairRates:
    """The rates of these cosines. A rate of which there are too few pairs to say is left out."""
    tars = []
    for far in FARS:
        if len(same) and len(different) * far >= _LEAST_PAIRS:
            threshold = float(np.quantile(different, 1 - far, method="higher"))
            tars.append(TarAtFar(far=far, tar=float((same > threshold).mean()), threshold=threshold))
    return PairRates(same=len(same), different=len(different), eer=equal_error(same, different), tar_at_far=tuple(tars))


def equal_error(same: F32, different: F32) -> float | None:
    """The equal error rate, 0 to 1; None without pairs of both kinds."""
    if not len(same) or not len(different):
        return None
    thresholds = np.sort(np.concatenate((same, different)))
    missed = np.searchsorted(np.sort(same), thresholds, "left") / len(same)
    passed = 1 - np.searchsorted(np.sort(different), thresholds, "left") / len(different)
    nearest = int(np.argmin(np.abs(missed - passed)))
    return float((missed[nearest] + passed[nearest]) / 2)


def across(worse: F32, plain: F32, people: npt.NDArray[np.int_]) -> tuple[F32, F32]:
    """The cosines of each worse copy with every other photo: of those of one person, and of those of two."""
    cosines = worse @ plain.T
    same = people[:, None] == people[None, :]
    others = ~np.eye(len(people), dtype=bool)
    return cosines[same & others], cosines[~same]


def share_above(cosines: F32, threshold: float = PAIR_THRESHOLD) -> float | None:
    """The share at or above a threshold; None of nothing."""
    return float((cosines >= threshold).mean()) if cosines.size else None
