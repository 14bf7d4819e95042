"""What the command line shows on a terminal. Runs on the calling thread."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from workers.bus.result import FrameResult
from workers.cli.tally import Tally
from workers.errors import WorkerError

if TYPE_CHECKING:
    from workers.card import ModelCard
    from workers.cli.doctor import CheckResult

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


def shown(results: Iterator[FrameResult], text: str, output: Path | None = None) -> Generator[FrameResult]:
    """The results, counted on a progress bar called `text` and written as JSON lines into `output` on the way.

    Closing it closes `results`. Raises WorkerError when `output` cannot be written.
    """
    try:
        file = output.open("wb") if output else None
    except OSError as error:
        raise WorkerError(f"{output}: {error.strerror or error}") from error
    with ExitStack() as stack:
        if file is not None:
            stack.enter_context(file)
        if isinstance(results, Generator):
            stack.callback(results.close)
        bar = stack.enter_context(progress())
        task = bar.add_task(text, total=None)
        for result in results:
            if file is not None:
                file.write(result.to_json() + b"\n")
            yield result
            bar.update(task, advance=1)


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
    for column in table.columns[:2]:
        column.no_wrap = True
    for card, in_service in cards:
        shapes = "\n".join(f"{width}×{height}" for width, height in card.shapes_wh)
        version = f"{card.version}{' in service' if in_service else ''}"
        table.add_row(card.name, version, card.task, "\n".join(card.classes), shapes, card.licence)
    return table


def findings_table(findings: Iterable[CheckResult]) -> Table:
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
