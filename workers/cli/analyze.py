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

from stream.errors import StreamError
from stream.url_redaction import redact
from workers.cli.command import CommandContext, ConfigOption, ModelsOption, OpenContext
from workers.cli.stream_names import model_names, named_source

if TYPE_CHECKING:
    from workers.bus.result import FrameResult

_MOST_NAMED = 10
SourceArgument = Annotated[
    str, typer.Argument(help="A video, an image, a URL, a folder of images, or a pattern in quotes.")
]


def mount(app: typer.Typer, open_: OpenContext) -> None:
    """Add the command to `app`."""

    @app.command()
    def analyze(
        source: SourceArgument,
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
        """Analyse every frame of a source once, in order.

        The images of a folder come in natural order (img2 before img10); in JSON each says its file (`source`). Other
        files and folders in it are left out and named. Images that cannot be read are named after the others' results,
        with exit code 2.
        """
        if as_json and output:
            raise typer.BadParameter("use either --json or --output, not both")
        found = _results(open_(config), source, models, confidence)
        _show(found, redact(source), as_json, output)


def _show(found: Iterator[FrameResult], text: str, as_json: bool, output: Path | None) -> None:
    """Lines or a summary. What a source gave before it failed is shown before its error is raised."""
    from workers.cli.analysis_output import AnalysisSummary, summary_table, with_progress

    summary, failure = AnalysisSummary(), None
    try:
        with closing(with_progress(found, text, output)) as results:
            for result in results:
                summary.add(result)
                if as_json:
                    sys.stdout.buffer.write(result.to_json() + b"\n")
                    sys.stdout.buffer.flush()
    except BrokenPipeError:  # such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except StreamError as error:
        failure = error
    if not as_json and (summary.frames or failure is None):
        Console().print(summary_table(summary))
    if failure is not None:
        raise failure


def _results(opened: CommandContext, text: str, models: str | None, confidence: float | None) -> Iterator[FrameResult]:
    from stream.sources.source_urls import open_source
    from workers.inference.analyze import AnalyzeOptions
    from workers.inference.analyze import analyze as analyze_source

    named = named_source(text, models=model_names(models))
    source = open_source(named, opened.stream, live=False, allow_local=True)
    _tell_left_out(Path((named.url or "").removeprefix("file:")).expanduser())
    return analyze_source(
        source, named.models, opened.store, opened.workers, AnalyzeOptions(confidence, opened.node_name)
    )


def _tell_left_out(folder: Path) -> None:
    """On stderr: what of a folder is no image. A video in it is a source of its own."""
    from stream.sources.images_source import others_in

    if others := [path.name for path in others_in(folder)]:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        named = ", ".join(others[:_MOST_NAMED])
        typer.echo(f"livesight: {folder}: left out, as they are no images: {named}{more}", err=True)
