"""What `livesight analyze` shows and writes: a progress bar, JSON lines, a summary table. One thread."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from workers.bus.result import FrameResult
from workers.cli.tables import make_table
from workers.errors import WorkerError


@dataclass(slots=True)
class LabelSummary:
    """One label of one detector."""

    detections: int = 0
    frames: int = 0
    confidence_sum: float = 0.0
    tracks: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def confidence(self) -> float:
        """The mean confidence; 0 without detections."""
        return self.confidence_sum / self.detections if self.detections else 0.0


class AnalysisSummary:
    """Counts over the results of an analysis."""

    def __init__(self) -> None:
        self.frames = 0
        self.frames_with = 0
        self.labels: dict[tuple[str, str], LabelSummary] = {}
        self.models: dict[str, int] = {}

    def add(self, result: FrameResult) -> None:
        """Count one more frame."""
        self.frames += 1
        self.frames_with += bool(result.detections)
        self.models.update(result.models)
        for found in result.detections:
            entry = self.labels.setdefault((found.detector, found.label), LabelSummary())
            entry.detections += 1
            entry.confidence_sum += found.confidence
            if found.track_id is not None:
                entry.tracks[(result.session, found.track_id)] += 1
        for key in {(found.detector, found.label) for found in result.detections}:
            self.labels[key].frames += 1


def with_progress(results: Iterator[FrameResult], text: str, output: Path | None = None) -> Generator[FrameResult]:
    """The results, counted on a progress bar labelled `text` and written to `output` as JSON lines.

    Closing it closes `results`. Raises WorkerError when `output` cannot be written.
    """
    try:
        file = output.open("wb") if output else None
    except OSError as error:
        raise WorkerError(f"--output {output}: {error.strerror or error}") from error
    with ExitStack() as stack:
        if file is not None:
            stack.enter_context(file)
        if isinstance(results, Generator):
            stack.callback(results.close)
        bar = stack.enter_context(_progress_bar())
        task = bar.add_task(text, total=None)
        for result in results:
            if file is not None:
                file.write(result.to_json() + b"\n")
            yield result
            bar.update(task, advance=1)


def summary_table(summary: AnalysisSummary) -> Table:
    """The summary as a table, one row for each label."""
    models = ", ".join(f"{name} {version}" for name, version in sorted(summary.models.items()))
    table = make_table(
        ("detector", "label"),
        ("detections", "frames", "tracks", "mean confidence"),
        f"{summary.frames} frames, {summary.frames_with} with detections ({models or 'no model ran'})",
    )
    for (detector, label), found in sorted(summary.labels.items()):
        row = (str(found.detections), str(found.frames), str(len(found.tracks)), f"{found.confidence:.2f}")
        table.add_row(detector, label, *row)
    return table


def _progress_bar() -> Progress:
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
