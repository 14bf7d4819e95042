"""What the command line shows on a terminal. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from workers.tally import Tally

if TYPE_CHECKING:
    from workers.card import ModelCard
    from workers.doctor import Finding

_MARKS = {"ok": "[green]ok[/]", "absent": "[dim]–[/]", "wrong": "[red]wrong[/]"}


def progress() -> Progress:
    """A progress bar on stderr, on a terminal only."""
    bar = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *bar,
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def tally_table(tally: Tally) -> Table:
    """What an analysis saw, a row a label."""
    models = ", ".join(f"{name} {version}" for name, version in sorted(tally.models.items()))
    table = _table(
        ("detector", "label"),
        ("detections", "frames", "tracks", "mean confidence"),
        f"{tally.frames} frames, {tally.frames_with} with detections ({models or 'no model ran'})",
    )
    for (detector, label), found in sorted(tally.labels.items()):
        row = (str(found.detections), str(found.frames), str(len(found.tracks)), f"{found.confidence:.2f}")
        table.add_row(detector, label, *row)
    return table


def models_table(cards: Iterable[tuple[ModelCard, bool]]) -> Table:
    """Models; the second of each pair says whether it is in service."""
    table = _table(("name", "version", "task", "labels", "shapes", "licence"))
    for card, in_service in cards:
        shapes = ", ".join(f"{width}×{height}" for width, height in card.shapes_wh)
        version = f"{card.version}{' in service' if in_service else ''}"
        table.add_row(card.name, version, card.task, ", ".join(card.classes), shapes, card.licence)
    return table


def findings_table(findings: Iterable[Finding]) -> Table:
    """What `doctor` found."""
    table = Table(show_header=False, box=None)
    for finding in findings:
        table.add_row(_MARKS[finding.verdict], finding.subject, escape(finding.detail))
    return table


def _table(left: tuple[str, ...], right: tuple[str, ...] = (), title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left")
    for column in left:
        table.add_column(column, overflow="fold")
    for column in right:
        table.add_column(column, justify="right")
    return table
