"""`livesight dataset build | check | show | example`. Runs on the calling thread."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.cli import arguments

if TYPE_CHECKING:
    from training.data.check import CheckReport

_MOST_SHOWN = 10
dataset_app = typer.Typer(help="Build, check and show a data set of labelled images.", no_args_is_help=True)

SourceArgument = Annotated[
    Path, typer.Argument(help="A set as Pascal VOC (images/, annotations/), YOLO (data.yaml) or COCO (JSON).")
]
ClassesOption = Annotated[
    str | None,
    typer.Option(
        help="Known classes by comma, in the order of their numbers.",
        show_default="the set's; Pascal VOC has no order: by name",
    ),
]
SplitOption = Annotated[
    Path | None,
    typer.Option(help="JSON with names for train, val and test.", show_default="SOURCE/split.json, else the set's own"),
]


@dataset_app.command("build")
def build_command(
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="The folder to write; an earlier data set there is replaced.")],
    classes: ClassesOption = None,
    split: SplitOption = None,
    ratios: Annotated[str, typer.Option(help="Shares of train, val, test, when there is no split.")] = "0.8,0.1,0.1",
    repair: Annotated[bool, typer.Option("--repair", help="Build what is left after a repair; SOURCE stays.")] = False,
    crops: Annotated[Path | None, typer.Option(help="Folder with a folder of face crops for each class.")] = None,
    yunet: Annotated[Path | None, typer.Option(help="YuNet's weights (ONNX), to find the face in a crop.")] = None,
    large_faces: Annotated[
        int, typer.Option(min=0, help="Images with one large face, made from crops, half of them tilted.")
    ] = 320,
    crowds: Annotated[int, typer.Option(min=0, help="Images with small faces added, made from crops.")] = 160,
    zooms: Annotated[int, typer.Option(min=0, help="Windows cut around labelled objects.")] = 240,
    rare_repeats: Annotated[int, typer.Option(min=1, help="How often an image with the rarest class is listed.")] = 2,
    seed: int = 7,
) -> None:
    """Labelled images to YOLO: checked, split, with large and rare objects added; statistics, plots and a data card."""
    from training.data.build import BuildSettings, build, remove_leftovers

    settings = BuildSettings(
        source=source,
        out=out,
        classes=arguments.names(classes) if classes else None,
        split=split,
        ratios=arguments.ratios(ratios),
        repair=repair,
        crops=crops,
        yunet=yunet,
        large_faces=large_faces,
        crowds=crowds,
        zooms=zooms,
        rare_repeats=rare_repeats,
        seed=seed,
    )
    remove_leftovers(out)
    record = build(settings)
    _show(record)
    typer.echo(f"{out / 'data.yaml'}")


@dataset_app.command("check")
def check_command(
    source: SourceArgument,
    classes: ClassesOption = None,
    split: SplitOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Correct SOURCE; files removed or changed are moved to SOURCE/removed.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="A line for each fault, not for each kind.")] = False,
) -> None:
    """Report what is wrong with a data set: exit code 2 when something has to be repaired.

    Pascal VOC, YOLO and COCO are told by their content; --repair is for Pascal VOC.
    """
    from training.data.check import check
    from training.data.findings import grouped
    from training.data.repair import repair as apply

    checked = check(source, arguments.names(classes) if classes else None, split)
    for line in _each(checked, repair) if every or repair else grouped(checked.findings):
        typer.echo(line)
    typer.echo(_summed(checked))
    if repair and checked.findings:
        typer.echo(f"{apply(source, checked, split)} files repaired or removed")
    elif checked.errors:
        raise typer.Exit(2)


def _each(checked: CheckReport, repair: bool) -> list[str]:
    return [f"{item.level}: {item}" + (f" ({item.remedy})" if repair else "") for item in checked.findings]


def _summed(checked: CheckReport) -> str:
    counts = Counter(finding.kind for finding in checked.findings)
    found = ", ".join(f"{count} × {kind}" for kind, count in sorted(counts.items())) or "nothing wrong"
    boxes = sum(len(image.boxes) for image in checked.images.values())
    classes = ", ".join(checked.classes)
    return f"{checked.format}: {len(checked.images)} usable images with {boxes} objects of {classes}; {found}"


@dataset_app.command("show")
def show_command(
    folder: Annotated[Path, typer.Argument(help="A built data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """Classes, sizes and origin of a built data set. Its plots and DATA_CARD.md lie in the folder."""
    import json

    from training.data.build import read_record
    from training.data.statistics import data_version
    from training.errors import DatasetError

    record = read_record(folder)
    if (version := data_version(folder)) != record["version"]:
        raise DatasetError(
            f"{folder}: was changed since it was built: its version is {version}, not {record['version']}"
        )
    if as_json:
        typer.echo(json.dumps(record))
    else:
        _show(record)


def _show(record: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Data set {record['version']} from {record['source']}")
    for column in ("part", "images", *record["classes"], "small / medium / large", "median px"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part, figures in record["parts"].items():
        table.add_row(
            part,
            str(figures["pictures"]),
            *(str(count) for count in figures["objects"].values()),
            " / ".join(str(count) for count in figures["by_size"].values()),
            f"{figures['sizes_px'][2]:.0f}" if figures["sizes_px"] else "–",
        )
    console = Console(soft_wrap=True)
    console.print(table)
    findings = record["findings"]
    for text in findings[:_MOST_SHOWN]:
        console.print(text, style="dim", markup=False)
    if len(findings) > _MOST_SHOWN:
        console.print(f"and {len(findings) - _MOST_SHOWN} more, in DATA_CARD.md", style="dim", markup=False)


@dataset_app.command("example")
def example_command(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    images: Annotated[int, typer.Option("--pictures", min=10, max=100_000, help="How many images to draw.")] = 160,
    seed: int = 1,
) -> None:
    """Write a small, trivially separable data set (discs and squares), with params.yaml for `dvc repro`."""
    from training.data.example import ExampleSettings, write_example

    write_example(folder, ExampleSettings(images=images, seed=seed))
    typer.echo(f"{folder / 'raw'} and {folder / 'params.yaml'}")
