"""The features that drift is measured on, and how samples are binned: by value and by hour of the day. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from workers.bus.drift_report import Group

BINS = 101
"""Bins of a numeric feature: a hundredth each from 0, and 1 itself; of counts, one per count."""
HOURS = 24


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `scale`: the value that 1 stands for.

    A shift of the mean below `min_shift` of the scale, or `min_shift_share` of the mean, is no drift however certain:
    images get a little brighter, and nobody needs to know. `min_effect`: above the settings', for what comes and goes,
    as crowds do. `p_factor`: multiplies p; days differ by more than a week of them shows, and what is measured in every
    frame becomes certain soon enough all the same.
    """

    name: str
    group: Group
    kind: Literal["numeric", "categorical"] = "numeric"
    min_shift: float = 0.0
    min_shift_share: float = 0.0
    scale: float = 1.0
    min_effect: float = 0.0
    p_factor: float = 1.0


_FACTOR = 5.0

IMAGE_FEATURES = {
    feature.name: feature
    for feature in (
        Feature("brightness", "picture", min_shift=0.05, p_factor=_FACTOR),
        Feature("contrast", "picture", min_shift=0.05, p_factor=_FACTOR),
        Feature("sharpness", "picture", min_shift=0.08, p_factor=_FACTOR),
        Feature("focus", "picture", min_shift=0.06, p_factor=_FACTOR),
        Feature("blockiness", "picture", min_shift=0.1, p_factor=_FACTOR),
        Feature("saturation", "picture", min_shift=0.04, p_factor=_FACTOR),
        Feature("detail", "picture", min_shift=0.1, p_factor=_FACTOR),
        Feature("scene", "picture", min_shift=0.15, p_factor=_FACTOR),
    )
}
"""Of a sampled frame; ARCHITECTURE.md defines the figures. scene: the share of the scene's steady bits that differ."""

COUNT_FEATURES = {
    "boxes": Feature(
        "boxes", "population", min_shift=0.01, min_shift_share=0.75, scale=100.0, min_effect=0.8, p_factor=_FACTOR
    )
}
"""Of a sampled frame and a detector: how many objects."""

TRACK_FEATURES = {
    feature.name: feature
    for feature in (
        Feature("label", "population", "categorical"),
        Feature("box_side", "population", min_shift=0.015, min_shift_share=0.25, p_factor=_FACTOR),
        Feature("aspect", "population", min_shift=0.04, p_factor=_FACTOR),
        Feature("confidence", "model", min_shift=0.06),
        Feature("distance", "model", min_shift=0.06),
    )
}
"""Of a track and a model. label: its most frequent; box_side: square root of its share of the frame; aspect: width over
width and height; confidence: the detector's or the classifier's; distance: 1 - similarity to the person it is matched
with. Medians over its boxes."""


def present(values: Mapping[str, float | None]) -> dict[str, float]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def hour_of(at_s: float) -> int:
    """The hour of the day in UTC, which has no summer time; nor has the sun."""
    return int(at_s // 3600) % HOURS
