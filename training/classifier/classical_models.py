"""What learns from histograms of visual words: a forest, a support vector machine, boosted trees. Pure.

Each is given back as a graph, checked against the library that it is from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from training.classifier.tree_graphs import booster_graph, forest_graph, from_booster, from_forest, linear_graph
from training.errors import ExportError
from workers.engines.engine import F32

TOLERANCE = 1e-3
"""Most that a probability may differ between the library and the graph."""

_TREES = 300


@dataclass(frozen=True, slots=True)
class Rows:
    """histograms (n, features) and the classes' numbers (n,)."""

    histograms: F32
    labels: npt.NDArray[np.int64]


Machine = Callable[[Rows, Rows, int], tuple[ov.Model, Callable[[F32], npt.NDArray[Any]]]]
"""(train, val, seed) → the graph, and the library's own probabilities of rows."""


def forest(train: Rows, val: Rows, seed: int) -> tuple[ov.Model, Callable[[F32], npt.NDArray[Any]]]:
    """A random forest; val is not used."""
    from sklearn.ensemble import RandomForestClassifier

    found = RandomForestClassifier(_TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed)
    found.fit(train.histograms, train.labels)
    return forest_graph(from_forest(found), train.histograms.shape[1]), found.predict_proba


def support_vectors(train: Rows, val: Rows, seed: int) -> tuple[ov.Model, Callable[[F32], npt.NDArray[Any]]]:
    """A linear support vector machine, which over roots of shares is one of Hellinger's kernel.

    Probabilities are Platt's: a logistic regression of the distances to the borders, learned on val.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=0.3, class_weight="balanced", random_state=seed).fit(train.histograms, train.labels)

    def distances(rows: F32) -> Any:
        found = machine.decision_function(rows)
        return found[:, None] if found.ndim == 1 else found

    scaled = LogisticRegression(class_weight="balanced").fit(distances(val.histograms), val.labels)
    scale, offset = np.asarray(scaled.coef_, np.float64), np.asarray(scaled.intercept_, np.float64)
    if len(scale) == 1:  # of two classes scikit-learn keeps the second's logit alone
        scale, offset = np.vstack([0 * scale, scale]), np.append(0.0, offset)
    weights = (scale @ machine.coef_).T.astype(np.float32)
    offsets = (offset + scale @ machine.intercept_).astype(np.float32)
    return linear_graph(weights, offsets), lambda rows: np.asarray(scaled.predict_proba(distances(rows)))


def boosted_trees(train: Rows, val: Rows, seed: int) -> tuple[ov.Model, Callable[[F32], npt.NDArray[Any]]]:
    """XGBoost; val is not used."""
    from xgboost import XGBClassifier

    counts = np.bincount(train.labels)
    booster = XGBClassifier(
        n_estimators=_TREES,
        max_depth=5,
        learning_rate=0.1,
        subsample=0.8,
        colsample_bytree=0.5,
        tree_method="hist",
        base_score=0.5,  # a logit of 0
        random_state=seed,
    ).fit(train.histograms, train.labels, sample_weight=(1 / counts)[train.labels] * len(train.labels) / len(counts))
    graph = booster_graph(from_booster(booster, len(counts)), train.histograms.shape[1])
    return graph, booster.predict_proba


CLASSICAL_MODELS: dict[str, tuple[Machine, str]] = {
    "orb-forest": (forest, "sklearn"),
    "orb-svm": (support_vectors, "sklearn"),
    "orb-xgboost": (boosted_trees, "xgboost"),
}
"""By the name that `--backbone` gives; with the module that it needs."""


def train_model(name: str, train: Rows, val: Rows, seed: int) -> tuple[ov.Model, F32, float]:
    """The graph, its probabilities of val, and the most they differ from the library's. Raises ExportError above
    TOLERANCE."""
    graph, library = CLASSICAL_MODELS[name][0](train, val, seed)
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = np.asarray(compiled([val.histograms])[0], np.float32)
    difference = float(np.abs(found - library(val.histograms)).max())
    if difference > TOLERANCE:
        raise ExportError(f"{name}: the graph's probabilities differ from the library's by {difference:.4f}")
    return graph, found, difference
