"""`livesight evaluate`, `livesight evaluate-webcam`, `livesight export`. Runs on the calling thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.cli import arguments
from training.errors import EvaluationError, ExportError, GateError, require

if TYPE_CHECKING:
    from training.evaluation.gates import Verdict

ShapesOption = Annotated[
    str | None,
    typer.Option(help="Input shapes WIDTHxHEIGHT, separated by commas.", show_default="16:9, 4:3, 1:1, 3:4, 9:16"),
]
ScalesOption = Annotated[
    str,
    typer.Option(help="Scales of test-time augmentation, as shares of the shape, separated by commas; the first is 1."),
]
MirrorOption = Annotated[bool, typer.Option("--mirror", help="Also run on the mirrored image, in twice the time.")]
PrecisionOption = Annotated[str, typer.Option(help="Which of the model's graphs to run: auto, full or int8.")]
GatesOption = Annotated[
    str | None,
    typer.Option(
        help="FIGURE=LIMIT, separated by commas, in addition to the defaults (detector map50=0.85; "
        "classifier accuracy=0.85,f1=0.80; "
        "challenger gain=0.01,p_gain=0.9); 'none' for none."
    ),
]
_PRECISIONS = ("auto", "full", "int8")


def evaluate(
    model: Annotated[Path, typer.Argument(help="A version's folder, or a detector's checkpoint (.pt).")],
    data: Annotated[Path, typer.Option(help="Built data set, folder of Pascal VOC, or folder of crops by class.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json and report.html.")],
    part: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    crops: Annotated[
        Path | None, typer.Option(help="Classifier: JSON that lists crops (class/file) by part.", show_default="all")
    ] = None,
    gates: GatesOption = None,
    champion: Annotated[
        Path | None, typer.Option(help="Folder of the version that this model should replace.", show_default=False)
    ] = None,
    precision: PrecisionOption = "auto",
    shapes: ShapesOption = None,
    scales: ScalesOption = "1",
    mirror: MirrorOption = False,
    draws: Annotated[int, typer.Option(min=0, help="Draws of the bootstrap; 0: no intervals.")] = 1000,
) -> None:
    """Measure a model as it is served; exit code 1 when it misses a gate."""
    if precision not in _PRECISIONS:
        raise typer.BadParameter(f"{precision!r}: must be one of {', '.join(_PRECISIONS)}", param_hint="--precision")
    if model.suffix == ".pt":
        require("torch", "ultralytics")
    from training.evaluation.evaluate import EvaluateSettings, evaluate, task_of
    from training.evaluation.gates import read_gates
    from training.export.candidate import candidate_version

    wanted = arguments.shapes(shapes) if shapes else None
    views = arguments.views(scales, mirror)
    with candidate_version(model, data, part, wanted, views) as folder:
        settings = EvaluateSettings(
            model=folder,
            data=data,
            out=out,
            part=part,
            crops=crops,
            champion=champion,
            gates=read_gates(gates, task_of(folder), champion is not None),
            precision=precision,
            draws=draws,
        )
        figures, verdicts = evaluate(settings)
    _tell(figures, verdicts)
    typer.echo(f"{out / 'report.html'}")
    if not figures["passed"]:
        raise GateError("the model misses a gate")


def _tell(figures: Mapping[str, Any], verdicts: Iterable[Verdict]) -> None:
    """The table, the figures of the whole with their intervals, and what the gates say of them."""
    from rich.console import Console

    from training.cli.figures_table import figures_table

    Console(soft_wrap=True).print(figures_table(figures))
    for key in ("map50", "map50_95", "accuracy", "f1", "auc"):
        if key in figures:
            low_high = figures.get("intervals", {}).get(key)
            typer.echo(f"{key} {figures[key]}" + (f" ({low_high[0]} to {low_high[1]})" if low_high else ""))
    for verdict in verdicts:
        typer.echo(f"gate: {verdict}")


def evaluate_webcam(
    clips: Annotated[list[Path], typer.Argument(help="Clips in which every face has the label.")],
    yunet: Annotated[Path, typer.Option(help="YuNet's weights (ONNX), the reference.")],
    model: Annotated[Path, typer.Option(help="Folder of one version of a detector.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the figures to this file as JSON.", show_default=False)
    ] = None,
    label: Annotated[str, typer.Option(help="The label of every face in the clips.")] = "without_mask",
    every: Annotated[int, typer.Option(min=1, help="Judge every nth frame.")] = 1,
    least_face: Annotated[float, typer.Option(min=0, max=1, help="YuNet's score from which a face counts.")] = 0.8,
    least_right: Annotated[float, typer.Option(min=0, max=1)] = 0.97,
    most_wrong: Annotated[float, typer.Option(min=0, max=1)] = 0.02,
    precision: PrecisionOption = "auto",
) -> None:
    """Compare large faces in real clips with YuNet; exit code 1 when too few frames are right or too many wrong."""
    import json

    from training.evaluation.webcam import WebcamSettings, verdict, webcam

    figures = webcam(
        WebcamSettings(
            model=model,
            yunet=yunet,
            clips=tuple(clips),
            label=label,
            every=every,
            least_face=least_face,
            precision=precision,
        )
    )
    for name, row in figures["clips"].items():
        typer.echo(
            f"{name}: {row['judged']} of {row['frames']} frames; right {row['right']:.2%}, wrong {row['wrong']:.2%}"
        )
    typer.echo(f"all: {figures['judged']} frames; right {figures['right']:.2%}, wrong {figures['wrong']:.2%}")
    if out is not None:
        try:
            out.write_text(json.dumps(figures, indent=1) + "\n")
        except OSError as error:
            raise EvaluationError(f"{out}: {error.strerror or error}") from error
    if missed := verdict(figures, least_right, most_wrong):
        raise GateError("\n".join(missed))


def export(
    checkpoint: Annotated[Path, typer.Option(help="A detector's checkpoint (.pt).")],
    data: Annotated[Path, typer.Option(help="Labelled images: a built data set, or a folder of Pascal VOC.")],
    models: Annotated[Path, typer.Option(help="The models folder; the version goes to NAME/VERSION in it.")],
    name: Annotated[str, typer.Option(help="The model's name.")],
    version: Annotated[int, typer.Option(min=1)],
    part: Annotated[str, typer.Option(help="The part to measure on.")] = "val",
    shapes: ShapesOption = None,
    scales: ScalesOption = "1",
    mirror: MirrorOption = False,
    formats: Annotated[str, typer.Option(help="openvino, onnx, int8, separated by commas; openvino must be one.")] = (
        "openvino,onnx,int8"
    ),
    most_lost: Annotated[float, typer.Option(min=0, max=1, help="How much mAP50 int8 may lose.")] = 0.02,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="The card's least confidence of each label.")] = 0.25,
    gates: GatesOption = None,
    facts: Annotated[
        Path | None, typer.Option(help="JSON object for the card's `data`: sources, recipe.", show_default=False)
    ] = None,
    licence: str = "AGPL-3.0",
) -> None:
    """Export a version that can be served: OpenVINO (fp16 weights), ONNX, int8; checked, measured, with its card."""
    require("torch", "ultralytics", "nncf")
    from training.evaluation.gates import read_gates
    from training.export.detector_graph import SHAPES_WH
    from training.export.publish import PublishSettings, publish

    chosen = arguments.formats(formats)
    if not checkpoint.is_file():
        raise ExportError(f"{checkpoint}: no such checkpoint")
    card = publish(
        PublishSettings(
            checkpoint=checkpoint,
            data=data,
            models=models,
            name=name,
            version=version,
            part=part,
            shapes=arguments.shapes(shapes) if shapes else SHAPES_WH,
            views=arguments.views(scales, mirror),
            formats=chosen,
            most_lost=most_lost,
            threshold=threshold,
            gates=read_gates(gates, "detect", champion=False),
            facts=arguments.facts(facts),
            licence=licence,
        )
    )
    typer.echo(f"mAP50 {card.metrics['full']['map50']}; int8 loses {card.metrics.get('int8_lost', '–')}")
    typer.echo(f"{models / name / str(version)}")
