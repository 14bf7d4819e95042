"""`livesight train classifier` and `livesight export-classifier`. Runs on the calling thread, for minutes to hours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from training.cli import arguments
from training.errors import require

_NEURAL = (
    "weights", "unfreeze", "head_epochs", "tune_epochs", "head_lr", "tune_lr", "batch", "patience", "threads", "resume",
)  # fmt: skip


def classifier(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="A folder with a folder of crops for each class.")],
    out: Annotated[Path, typer.Option(help="The run's folder; its parent takes the MLflow files.")],
    backbone: Annotated[
        str,
        typer.Option(
            help="mobilenet_v2, efficientnet_b0, resnet50, or any name timm knows; classical: orb-forest, orb-svm, "
            "orb-xgboost."
        ),
    ] = "mobilenet_v2",
    weights: Annotated[
        str | None, typer.Option(help="ImageNet weights in a file; none: from nothing. Default: timm's download.")
    ] = None,
    size: Annotated[int, typer.Option(min=32, max=512, help="Side of the square input, pixels.")] = 128,
    yunet: Annotated[Path | None, typer.Option(help="YuNet's weights, to frame faces as a detector does.")] = None,
    margin: Annotated[float, typer.Option(min=0, max=2, help="Of the crops when serving: the card's.")] = 0.1,
    views: Annotated[int, typer.Option(min=1, help="Augmented views of each crop to train on.")] = 4,
    words: Annotated[int, typer.Option(min=2, max=4096, help="Classical: how many visual words.")] = 128,
    unfreeze: Annotated[int, typer.Option(min=0, help="The backbone's last stages that phase two trains.")] = 2,
    head_epochs: Annotated[int, typer.Option(min=1, help="Phase one: the head alone.")] = 12,
    tune_epochs: Annotated[int, typer.Option(min=0, help="Phase two; 0 leaves it out.")] = 20,
    head_lr: Annotated[float, typer.Option(min=0)] = 3e-3,
    tune_lr: Annotated[float, typer.Option(min=0)] = 3e-4,
    batch: Annotated[int, typer.Option(min=2)] = 64,
    patience: Annotated[int, typer.Option(min=0, help="Epochs without gain that end a phase; 0: never.")] = 6,
    seed: int = 7,
    threads: Annotated[int, typer.Option(min=0, help="0: as PyTorch likes.")] = 0,
    experiment: Annotated[str, typer.Option(help="MLflow's experiment.")] = "classifier",
    resume: Annotated[bool, typer.Option("--resume", help="Resume the interrupted run in OUT.")] = False,
) -> None:
    """Train a classifier of crops: by transfer learning, or over visual words (orb-forest, orb-svm, orb-xgboost).

    A network's best and last checkpoint are OUT/best.pt and OUT/last.pt. Tracked by MLflow into files beside OUT, or on
    the server that MLFLOW_TRACKING_URI names.
    """
    from training.classifier.classical_models import CLASSICAL_MODELS

    _check_given(context, backbone, backbone in CLASSICAL_MODELS)
    if backbone in CLASSICAL_MODELS:
        require(CLASSICAL_MODELS[backbone][1], "mlflow")
        from training.classifier.classical import fit_classical
        from training.classifier.settings import ClassicalSettings

        learned = fit_classical(
            ClassicalSettings(
                data=data,
                out=out,
                backbone=backbone,
                size=size,
                yunet=yunet,
                margin=margin,
                views=views,
                words=words,
                seed=seed,
                experiment=experiment,
            )
        )
        typer.echo(f"val accuracy {learned['val/accuracy']:.4f}, F1 {learned['val/f1']:.4f}")
        typer.echo(out)
        return
    require("torch", "timm", "mlflow")
    from training.classifier.settings import ClassifierSettings
    from training.classifier.train import fit

    settings = ClassifierSettings(
        data=data,
        out=out,
        backbone=backbone,
        weights=weights,
        size=size,
        yunet=yunet,
        margin=margin,
        views=views,
        unfreeze=unfreeze,
        head_epochs=head_epochs,
        tune_epochs=tune_epochs,
        head_lr=head_lr,
        tune_lr=tune_lr,
        batch=batch,
        patience=patience,
        seed=seed,
        threads=threads,
        experiment=experiment,
    )
    summary = fit(settings, resume, _show)
    best = summary["best"]
    typer.echo(
        f"{summary['epochs']} epochs, best {summary['best_epoch']}: "
        f"val accuracy {best['val/accuracy']:.4f}, F1 {best['val/f1']:.4f}"
    )
    typer.echo(summary["checkpoint"])


def _check_given(context: typer.Context, backbone: str, classical: bool) -> None:
    """Raises typer.BadParameter for an option that was given and says nothing to this family."""
    for name in _NEURAL if classical else ("words",):
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"does not apply to {backbone}", param_hint=f"--{name.replace('_', '-')}")


def _show(row: Mapping[str, float]) -> None:
    typer.echo(
        f"epoch {row['epoch']:.0f} phase {row['phase']:.0f} loss {row['train/loss']:.4f} "
        f"val loss {row['val/loss']:.4f} accuracy {row['val/accuracy']:.4f} f1 {row['val/f1']:.4f}",
        err=True,
    )


def export_classifier(
    run: Annotated[Path, typer.Argument(help="The folder of a run of `livesight train classifier`.")],
    data: Annotated[Path, typer.Option(help="The crops that it was trained on.")],
    models: Annotated[Path, typer.Option(help="The models folder; NAME/VERSION is made in it.")],
    name: Annotated[str, typer.Option(help="The model's name.")],
    version: Annotated[int, typer.Option(min=1)],
    yunet: Annotated[Path | None, typer.Option(help="YuNet's weights, as in training.")] = None,
    applies_to: Annotated[str, typer.Option(help="The detector's labels that it refines, by comma; or image.")] = (
        "image"
    ),
    formats: Annotated[
        str | None,
        typer.Option(
            help="Of openvino, onnx and int8; openvino always is one.",
            show_default="all; of a classical one openvino",
        ),
    ] = None,
    most_lost: Annotated[float, typer.Option(min=0, max=1, help="Accuracy that int8 may lose.")] = 0.005,
    gates: Annotated[
        str | None,
        typer.Option(help="FIGURE=LIMIT by comma, on top of accuracy=0.85,f1=0.80; none is no gates."),
    ] = None,
    facts: Annotated[
        Path | None, typer.Option(help="JSON object for the card's `data`: sources, recipe.", show_default=False)
    ] = None,
    licence: str = "AGPL-3.0",
) -> None:
    """Make a version that serves: checked, measured once on the held-out part, with its card."""
    from training.classifier import classical

    if not (run / classical.RUN).exists():
        require("torch", "timm", "nncf")
    from training.classifier.export import ExportSettings, export
    from training.evaluation.gates import read_gates

    chosen = arguments.formats(formats) if formats else ()
    labels: tuple[str, ...] | Literal["image"] = "image" if applies_to == "image" else arguments.names(applies_to)
    card = export(
        ExportSettings(
            run=run,
            data=data,
            models=models,
            name=name,
            version=version,
            yunet=yunet,
            applies_to=labels,
            formats=chosen,
            most_lost=most_lost,
            gates=read_gates(gates, "classify", champion=False),
            facts=arguments.facts(facts),
            licence=licence,
        )
    )
    full = card.metrics["full"]
    typer.echo(
        f"held out: accuracy {full['accuracy']}, F1 {full['f1']}; int8 loses {card.metrics.get('int8_lost', '–')}"
    )
    typer.echo(f"{models / name / str(version)}")
