"""What is measured of pictures and tracks to see drift, and what each feature speaks of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Group = Literal["picture", "population", "model"]
BINS = 101
"""Intervals of a numeric feature: a hundredth each from 0, and 1 itself; of counts, one a count."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. A distribution that moved by less than `least` of its scale, and `least_share` of its mean, is no
    drift however certain: pictures get a little brighter, and nobody needs to know. `scale`: what 1 stands for.
    `least_effect`: above the settings', for what comes and goes, as crowds do. `doubt`: how many times p counts; days
    differ more than a week of them tells, and what is measured in every picture is sure soon enough all the same.
    """

    name: str
    group: Group
    kind: Literal["numeric", "categorical"] = "numeric"
    least: float = 0.0
    least_share: float = 0.0
    scale: float = 1.0
    least_effect: float = 0.0
    doubt: float = 1.0


_DOUBT = 5.0

PICTURE = {
    feature.name: feature
    for feature in (
        Feature("brightness", "picture", least=0.05, doubt=_DOUBT),
        Feature("contrast", "picture", least=0.05, doubt=_DOUBT),
        Feature("sharpness", "picture", least=0.08, doubt=_DOUBT),
        Feature("focus", "picture", least=0.06, doubt=_DOUBT),
        Feature("blockiness", "picture", least=0.1, doubt=_DOUBT),
        Feature("saturation", "picture", least=0.04, doubt=_DOUBT),
        Feature("detail", "picture", least=0.1, doubt=_DOUBT),
        Feature("scene", "picture", least=0.15, doubt=_DOUBT),
    )
}
"""Of a sampled picture; ARCHITECTURE.md defines the figures. scene: share of the scene's steady marks that differ."""

FRAMES = {
    "boxes": Feature("boxes", "population", least=0.01, least_share=0.75, scale=100.0, least_effect=0.8, doubt=_DOUBT)
}
"""Of a sampled picture and a detector: how many objects."""

TRACKS = {
    feature.name: feature
    for feature in (
        Feature("label", "population", "categorical"),
        Feature("box_side", "population", least=0.015, least_share=0.25, doubt=_DOUBT),
        Feature("aspect", "population", least=0.04, doubt=_DOUBT),
        Feature("confidence", "model", least=0.06),
        Feature("distance", "model", least=0.06),
    )
}
"""Of a track and a model. label: what it mostly was; box_side: square root of its share of the picture; aspect: width
over width and height; confidence: the detector's or the classifier's; distance: 1 - similarity to who it is taken for.
Medians over its boxes."""


def numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    """What is there of values that may be missing."""
    return {name: value for name, value in values.items() if value is not None}
