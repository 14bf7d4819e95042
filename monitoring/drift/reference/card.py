"""Compares windows with the distributions of a model card, until a camera has a reference of its own. Pure.

A card says nothing about variance between blocks: the effective size of a window is measured on the window itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from monitoring.drift.comparison import DriftFinding, EffectLimits
from monitoring.drift.features import Feature
from monitoring.drift.statistics import F64, autocorrelation_effective, chi2_p, ks_distance, ks_p, total_variation

_LARGE_DOF = 1e6
WINDOW = "card"


def compare_card(
    model: str, feature: Feature, values: Sequence[float | str], known: Any, limits: EffectLimits
) -> DriftFinding | None:
    """A window's values, oldest first, against an entry of a card's `reference`; None when they do not fit."""
    if len(values) < limits.min_n or not isinstance(known, dict):
        return None
    counts = np.asarray(known.get("counts", ()), float)
    if not len(counts) or counts.sum() <= 0:
        return None
    if feature.kind == "categorical" and known.get("kind") == "categorical":
        return _labels(model, feature, [str(value) for value in values], known, limits)
    if feature.kind == "numeric" and known.get("kind") == "numeric":
        return _numeric(model, feature, np.asarray(values, float), known, limits)
    return None


def _numeric(
    model: str, feature: Feature, values: F64, known: dict[str, Any], limits: EffectLimits
) -> DriftFinding | None:
    counts, edges = np.asarray(known["counts"], float), np.asarray(known["edges"], float)
    if len(edges) != len(counts) + 1:
        return None
    n = len(values)
    now, _ = np.histogram(np.clip(values, edges[0], edges[-1] - 1e-9), edges)
    reference = counts / counts.sum()
    effective = autocorrelation_effective(values)
    effect = ks_distance(now.astype(float), counts)
    centres = (edges[:-1] + edges[1:]) / 2
    return DriftFinding(
        model, feature, WINDOW, n, effective, effect, float(ks_p(effect, effective, counts.sum())),
        effect >= limits.min_effect(feature), float(values.mean()), float(reference @ centres), now / n, reference,
        (), tuple(edges.tolist()),
    )  # fmt: skip


def _labels(
    model: str, feature: Feature, labels: Sequence[str], known: dict[str, Any], limits: EffectLimits
) -> DriftFinding:
    counts, counted = np.asarray(known["counts"], float), Counter(labels)
    own = tuple(known["categories"])
    names = (*own, *sorted(set(counted) - set(own)))
    n = len(labels)
    now = np.array([counted[name] for name in names], float)
    reference = np.zeros(len(names))
    reference[: len(own)] = counts
    most_frequent = names[int(reference.argmax())]
    effective = autocorrelation_effective(np.array([label == most_frequent for label in labels], float))
    effect = total_variation(now, reference)
    shares, before, m = now / n, reference / reference.sum(), counts.sum()
    pooled = (effective * shares + m * before) / (effective + m)
    p = chi2_p(shares - before, pooled, pooled * (1 - pooled) * (1 / effective + 1 / m), _LARGE_DOF)
    return DriftFinding(
        model, feature, WINDOW, n, effective, effect, p, effect >= limits.min_effect(feature), None, None,
        now / n, reference / reference.sum(), names,
    )  # fmt: skip
