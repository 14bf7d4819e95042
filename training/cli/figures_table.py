"""An evaluation's figures as a short table for a terminal; all of them are in metrics.json. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from workers.cli.tables import make_table

_OF_CLASS = (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
_AP = (("ap50", "AP50"), ("ap50_95", "AP50-95"))


def figures_table(figures: Mapping[str, Any]) -> Table:
    """A row for each class: its objects, precision, recall and F1 at the card's thresholds, of a detector AP too.

    Below it, of a detector, a row for each size of objects. figures: what `evaluate` returns.
    """
    ap = [(key, title) for key, title in _AP if key in figures]
    table = make_table(("",), ("labelled", *(title for _, title in (*_OF_CLASS, *ap))), _title(figures))
    for label, row in figures["per_class"].items():
        own = [row[key] for key, _ in _OF_CLASS] + [figures[key].get(label) for key, _ in ap]
        table.add_row(label, *map(_shown, [row["objects"], *own]))
    for size, row in figures.get("by_size", {}).items():
        if row["objects"]:
            table.add_row(size, *map(_shown, [row["objects"], None, None, None, row["map50"], row["map50_95"]]))
    return table


def _title(figures: Mapping[str, Any]) -> str:
    latency_ms = figures["latency_ms"]["total"]["p50"]
    return f"{figures['model']} {figures['version']}: {figures['images']} images, median {latency_ms:.1f} ms each"


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
