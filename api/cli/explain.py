"""`livesight explain`. Runs on the calling thread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.config import DEFAULT_MODELS
from workers.cli.command import ConfigOption, JsonOption, OpenContext


def mount(app: typer.Typer, open_: OpenContext) -> None:
    """Add the command to `app`."""

    @app.command("explain")
    def explain_image(
        image: Annotated[Path, typer.Argument(help="A JPEG, PNG or WebP.")],
        model: Annotated[str, typer.Option(help="The detector or classifier to explain.")] = DEFAULT_MODELS[0],
        detector: Annotated[str, typer.Option(help="Detector whose boxes a classifier looks at.")] = DEFAULT_MODELS[0],
        detection: Annotated[
            int | None, typer.Option(min=0, help="Index of the detection; default: the first one the model applies to.")
        ] = None,
        label: Annotated[
            str | None, typer.Option(help="The label to explain; default: the one the model gives.")
        ] = None,
        output: Annotated[
            Path | None, typer.Option(help="Where to write the overlay, a PNG.", show_default="IMAGE-explained.png")
        ] = None,
        array: Annotated[
            Path | None, typer.Option(help="Also write the raw map: a NumPy file, f32, height × width of the image.")
        ] = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Explain what a model says of an image: a heatmap over it."""
        opened = open_(config)
        from api.cli.explain_file import explain_file
        from workers.explain.explain import ExplainRequest

        request = ExplainRequest(model, detector, detection, label)
        files = (image, output or Path(f"{image.stem}-explained.png"), array)
        found = explain_file(files, request, opened.store, opened.workers, opened.stream)
        if as_json:
            typer.echo(found.model_dump_json(by_alias=True))
            return
        where = "in the whole image" if found.detection is None else f"in detection {found.detection}"
        typer.echo(f"{found.model} {found.version}: {found.label} {found.confidence:.2f}, {where}")
        typer.echo("\n".join(str(path) for path in files[1:] if path))
