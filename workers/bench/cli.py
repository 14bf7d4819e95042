"""`livesight bench`. Runs on the calling thread."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from workers.cli.command import ConfigOption, JsonOption, ModelsOption, OpenContext
from workers.cli.stream_names import as_url, model_names


def mount(app: typer.Typer, open_: OpenContext) -> None:
    """Add the command to `app`."""

    @app.command()
    def bench(
        sources: Annotated[list[str], typer.Argument(help="URLs, or files (looped at their own frame rate).")],
        streams: Annotated[
            int | None,
            typer.Option(min=1, max=1024, help="How many streams; sources repeat.", show_default="one per source"),
        ] = None,
        seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 30.0,
        models: ModelsOption = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Measure how many frames this machine analyses, compared with its inference engine alone."""
        opened = open_(config)
        from workers.bench.bench import BenchPlan, run_bench
        from workers.bench.report import render

        console = Console(stderr=True, highlight=False)
        urls = tuple(as_url(source) for source in sources)
        plan = BenchPlan(sources=urls, streams=streams, seconds=seconds, models=model_names(models))
        report = run_bench(
            plan,
            opened.store,
            opened.workers,
            opened.stream,
            lambda text: console.print(escape(text), style="dim"),
        )
        if as_json:
            typer.echo(report.to_json())
        else:
            Console().print(render(report))
