"""Plots of an evaluation, as PNG. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.evaluation.report import png


def _figure(title: str, width: float = 5.2, height: float = 4.2) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def precision_recall(curves: Mapping[str, tuple[Any, Any]]) -> bytes:
    """Precision over recall at IoU 0.5, by class."""
    figure, axes = _figure("Precision and recall, IoU 0.5")
    for label, (recall, precision) in curves.items():
        axes.plot(recall, precision, label=label)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend()
    return png(figure)


def reliability(calibration: Mapping[str, Any]) -> bytes:
    """Share of correct predictions over their confidence, as PNG."""
    figure, axes = _figure(f"Reliability, ECE {calibration['ece']}")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    bins = calibration["bins"]
    axes.plot([item["confidence"] for item in bins], [item["right"] for item in bins], marker="o")
    for item in bins:
        axes.annotate(str(item["count"]), (item["confidence"], item["right"]), fontsize=7)
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    return png(figure)


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> bytes:
    """Rows: labelled; columns: found."""
    figure, axes = _figure("Confusion (rows: labelled, columns: found)", 6.2)
    values = np.array(matrix, float)
    axes.imshow(values / np.maximum(values.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(values.shape):
        axes.text(column, row, str(int(values[row, column])), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(labels)), labels=list(labels), rotation=25, ha="right")
    axes.set_yticks(range(len(labels)), labels=list(labels))
    return png(figure)


def bars(title: str, values: Mapping[str, float | None], unit: str) -> bytes:
    """One bar for each name."""
    figure, axes = _figure(title)
    known = {name: value for name, value in values.items() if value is not None}
    axes.bar_label(axes.bar(list(known), list(known.values())), fmt="%.3g")
    axes.set(ylabel=unit)
    return png(figure)


def roc(curves: Mapping[str, tuple[Any, Any, float]]) -> bytes:
    """False and true positive rates and the area, by class."""
    figure, axes = _figure("ROC")
    for label, (false, true, area) in curves.items():
        axes.plot(false, true, label=f"{label}, AUC {area:.4f}")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend()
    return png(figure)
