"""References by hour of the day, finished: in the form in which windows are compared with them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.drift.features import BINS, Feature
from monitoring.drift.statistics import F64

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FeatureHours:
    """One numeric feature. shares (hours, bins); mean and the parts of Scatter: each (hours,).

    known: whether there was enough of it at every hour, or around it, to say anything.
    """

    shares: F64
    mean: F64
    between: F64
    within: F64
    days: F64
    samples: F64
    known: bool


@dataclass(frozen=True, slots=True)
class NumericHours:
    """Several numeric features side by side: shares (hours, features, bins).

    scatter (hours, 5, features): mean, between, within, days, samples. The others: (features,).
    """

    features: tuple[Feature, ...]
    shares: F64
    scatter: F64
    known: npt.NDArray[np.bool_]
    scales: F64
    least: F64
    least_share: F64

    def places(self, values: F64) -> Whole:
        """The interval of each of values (n, features); what is outside belongs to the first or the last."""
        return np.clip((values * ((BINS - 1) / self.scales) + 1e-9).astype(np.int64), 0, BINS - 1)


@dataclass(frozen=True, slots=True)
class LabelHours:
    """One categorical feature: shares and their variance between blocks (hours, labels).

    scatter (hours, 4): between and within, summed over the labels, days, samples.
    """

    labels: tuple[str, ...]
    shares: F64
    between: F64
    scatter: F64
    known: bool


def stacked(features: tuple[Feature, ...], each: Sequence[FeatureHours]) -> NumericHours:
    """Features side by side."""
    return NumericHours(
        features=features,
        shares=np.stack([hours.shares for hours in each], axis=1),
        scatter=np.stack(
            [np.stack([one.mean, one.between, one.within, one.days, one.samples], axis=1) for one in each], axis=2
        ),
        known=np.array([hours.known for hours in each]),
        scales=np.array([feature.scale for feature in features]),
        least=np.array([feature.least for feature in features]),
        least_share=np.array([feature.least_share for feature in features]),
    )
