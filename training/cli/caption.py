"""`livesight caption`. Runs on the calling thread; needs no extra: what learns here is NumPy and OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.errors import GateError

if TYPE_CHECKING:
    from training.captioner.captioner import CaptionerReport


def caption(
    folder: Annotated[Path, typer.Argument(help="Images, with captions and without.")],
    captions: Annotated[Path, typer.Option(help="CSV with the columns image (file name) and text.")],
    out: Annotated[
        Path | None,
        typer.Option(help="CSV for the captions of the other images.", show_default="new-captions.csv in FOLDER"),
    ] = None,
    least: Annotated[int, typer.Option(min=2, max=10_000, help="Captions that a word must stand in to be a tag.")] = 8,
) -> None:
    """Learn tags from a captioned folder, test them, and write captions for the images that have none.

    Words that recur become tags, by key points, visual words and colours; those with an F1 above 0.8 on images that
    were not learnt from are used. Exit code 1 when there are none.
    """
    from training.captioner.captioner import caption_folder
    from training.captioner.captions_file import read_captions, write_captions

    read = read_captions(folder, captions)
    report = caption_folder(read, least)
    _tell(report)
    if not any(word.served for word in report.words):
        raise GateError("no word can be told from these images with an F1 above 0.8: no captions were written")
    if report.rows:
        path = out or folder / "new-captions.csv"
        write_captions(path, report.rows)
        typer.echo(f"{len(report.rows)} captions written to {path}")
    else:
        typer.echo("every image has a caption: none was written")


def _tell(report: CaptionerReport) -> None:
    from rich.console import Console

    from workers.cli.tables import make_table

    title = f"{report.images} captioned images; all tags right for {report.exact:.1%} of them, unseen"
    table = make_table(("word",), ("captions", "precision", "recall", "F1", "used"), title)
    for one in sorted(report.words, key=lambda word: (-word.f1, word.word)):
        figures = (f"{value:.3f}" for value in (one.precision, one.recall, one.f1))
        table.add_row(one.word, str(one.captions), *figures, "yes" if one.served else "no")
    Console().print(table)
