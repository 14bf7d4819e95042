"""`livesight analyze`. Runs on the calling thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.url_redaction import redact
from workers.cli.command import CommandContext, ConfigOption, ModelsOption, OpenContext
from workers.cli.stream_names import model_names, named_source

if TYPE_CHECKING:
    from workers.bus.result import FrameResult


def mount(app: typer.Typer, open_: OpenContext) -> None:
    """Add the command to `app`."""

    @app.command()
    def analyze(
        source: Annotated[str, typer.Argument(help="A file, a URL, or a folder of images (in order of name).")],
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each frame.")] = False,
        output: Annotated[
            Path | None, typer.Option(help="Write the JSON lines to this file.", show_default=False)
        ] = None,
        models: ModelsOption = None,
        confidence: Annotated[
            float | None,
            typer.Option(min=0, max=1, help="Least confidence to report; overrides the models' thresholds."),
        ] = None,
        config: ConfigOption = None,
    ) -> None:
        """Analyse every frame of a source once, in order."""
        if as_json and output:
            raise typer.BadParameter("use either --json or --output, not both")
        opened = open_(config)
        from workers.cli.analysis_output import AnalysisSummary, summary_table, with_progress

        summary = AnalysisSummary()
        try:
            found = _results(opened, source, models, confidence)
            with closing(with_progress(found, redact(source), output)) as results:
                for result in results:
                    summary.add(result)
                    if as_json:
                        sys.stdout.buffer.write(result.to_json() + b"\n")
                        sys.stdout.buffer.flush()
        except BrokenPipeError:  # such as `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        if not as_json:
            Console().print(summary_table(summary))


def _results(opened: CommandContext, text: str, models: str | None, confidence: float | None) -> Iterator[FrameResult]:
    from stream.sources.source_urls import open_source
    from workers.inference.analyze import AnalyzeOptions
    from workers.inference.analyze import analyze as analyze_source

    named = named_source(text, models=model_names(models))
    source = open_source(named, opened.stream, live=False, allow_local=True)
    return analyze_source(
        source, named.models, opened.store, opened.workers, AnalyzeOptions(confidence, opened.node_name)
    )
