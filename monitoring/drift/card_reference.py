"""A model card's distributions as what to compare with, as long as a camera has none of its own. Pure.

A card says nothing about scatter: how many independent samples a window is worth is measured on the window itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from monitoring.drift.features import Feature
from monitoring.drift.findings import DriftFinding, Limits
from monitoring.drift.statistics import F64, autocorrelated, chi2_p, ks_distance, ks_p, total_variation

_LARGE_DOF = 1e6
WINDOW = "card"


def compare_card(
    model: str, feature: Feature, values: Sequence[float | str], known: Any, limits: Limits
) -> DriftFinding | None:
    """The values of a window, oldest first, against one entry of a card's `reference`; None when that cannot be."""
    if len(values) < limits.least_n or not isinstance(known, dict):
        return None
    counts = np.asarray(known.get("counts", ()), float)
    if not len(counts) or counts.sum() <= 0:
        return None
    if feature.kind == "categorical" and known.get("kind") == "categorical":
        return _labels(model, feature, [str(value) for value in values], known, counts, limits)
    if feature.kind == "numeric" and known.get("kind") == "numeric":
        return _numeric(model, feature, np.asarray(values, float), known, counts, limits)
    return None


def _numeric(
    model: str, feature: Feature, values: F64, known: dict[str, Any], counts: F64, limits: Limits
) -> DriftFinding | None:
    edges = np.asarray(known["edges"], float)
    if len(edges) != len(counts) + 1:
        return None
    n = len(values)
    now, _ = np.histogram(np.clip(values, edges[0], edges[-1] - 1e-9), edges)
    reference = counts / counts.sum()
    effective = autocorrelated(values)
    effect = ks_distance(now.astype(float), counts)
    middles = (edges[:-1] + edges[1:]) / 2
    return DriftFinding(
        model, feature, WINDOW, n, effective, effect, float(ks_p(effect, effective, counts.sum())),
        effect >= limits.least_effect(feature), float(values.mean()), float(reference @ middles), now / n, reference,
        (), tuple(edges.tolist()),
    )  # fmt: skip


def _labels(
    model: str, feature: Feature, labels: Sequence[str], known: dict[str, Any], counts: F64, limits: Limits
) -> DriftFinding:
    counted = Counter(labels)
    own = tuple(known["categories"])
    names = (*own, *sorted(set(counted) - set(own)))
    n = len(labels)
    now = np.array([counted[name] for name in names], float)
    reference = np.zeros(len(names))
    reference[: len(own)] = counts
    commonest = names[int(reference.argmax())]
    effective = autocorrelated(np.array([label == commonest for label in labels], float))
    effect = total_variation(now, reference)
    shares, before, m = now / n, reference / reference.sum(), counts.sum()
    pooled = (effective * shares + m * before) / (effective + m)
    p = chi2_p(shares - before, pooled, pooled * (1 - pooled) * (1 / effective + 1 / m), _LARGE_DOF)
    return DriftFinding(
        model, feature, WINDOW, n, effective, effect, p, effect >= limits.least_effect(feature), None, None,
        now / n, reference / reference.sum(), names,
    )  # fmt: skip
