"""Tables of models and of doctor's checks for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from workers.cli.doctor import CheckResult
    from workers.model_card import ModelCard

_MARKS = {"ok": "[green]ok[/]", "absent": "[dim]–[/]", "wrong": "[red]wrong[/]"}


def models_table(cards: Iterable[tuple[ModelCard, bool]]) -> Table:
    """A row for each version; the second of each pair is whether it is in service."""
    table = make_table(("name", "version", "task", "labels", "shapes", "licence"))
    for column in table.columns[:2]:
        column.no_wrap = True
    for card, in_service in cards:
        shapes = "\n".join(f"{width}×{height}" for width, height in card.shapes_wh)
        version = f"{card.version}{' in service' if in_service else ''}"
        table.add_row(card.name, version, card.task, "\n".join(card.classes), shapes, card.licence)
    return table


def findings_table(findings: Iterable[CheckResult]) -> Table:
    """A row for each check of `doctor`."""
    table = Table(show_header=False, box=None)
    for finding in findings:
        table.add_row(_MARKS[finding.verdict], finding.subject, escape(finding.detail))
    return table


def make_table(left: tuple[str, ...], right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """An empty table: columns that fold on the left, right-aligned ones for numbers on the right."""
    table = Table(title=title, title_justify="left")
    for column in left:
        table.add_column(column, overflow="fold")
    for column in right:
        table.add_column(column, justify="right")
    return table
