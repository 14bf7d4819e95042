"""Finished references by hour of the day, in the form that windows are compared with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.drift.features import BINS, Feature
from monitoring.drift.statistics import F64

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HourlyFeature:
    """One numeric feature. shares (hours, bins); mean and the fields of VarianceComponents: each (hours,).

    known: whether every hour, with those around it, had enough samples.
    """

    shares: F64
    mean: F64
    between: F64
    within: F64
    days: F64
    samples: F64
    known: bool


@dataclass(frozen=True, slots=True)
class HourlyNumbers:
    """Several numeric features side by side: shares (hours, features, bins).

    components (hours, 5, features): mean, between, within, days, samples. Others: (features,).
    """

    features: tuple[Feature, ...]
    shares: F64
    components: F64
    known: npt.NDArray[np.bool_]
    scales: F64
    min_shift: F64
    min_shift_share: F64

    def bin_of(self, values: F64) -> I64:
        """The bin of each of values (n, features); values outside belong to the first or the last."""
        return np.clip((values * ((BINS - 1) / self.scales) + 1e-9).astype(np.int64), 0, BINS - 1)


@dataclass(frozen=True, slots=True)
class HourlyLabels:
    """One categorical feature: shares and their variance between blocks (hours, labels).

    components (hours, 4): between and within, summed over the labels, days, samples.
    """

    labels: tuple[str, ...]
    shares: F64
    between: F64
    components: F64
    known: bool


def side_by_side(features: tuple[Feature, ...], each: Sequence[HourlyFeature]) -> HourlyNumbers:
    """Joins numeric features."""
    return HourlyNumbers(
        features=features,
        shares=np.stack([one.shares for one in each], axis=1),
        components=np.stack(
            [np.stack([one.mean, one.between, one.within, one.days, one.samples], axis=1) for one in each], axis=2
        ),
        known=np.array([one.known for one in each]),
        scales=np.array([feature.scale for feature in features]),
        min_shift=np.array([feature.min_shift for feature in features]),
        min_shift_share=np.array([feature.min_shift_share for feature in features]),
    )
