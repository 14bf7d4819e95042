"""`livesight train detector`, `livesight train average`. Runs on the calling thread, for minutes to hours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.cli import arguments
from training.errors import require


def detector(
    data: Annotated[Path, typer.Option(help="A data set that `dataset build` wrote.")],
    out: Annotated[Path, typer.Option(help="The run's folder; its parent takes the MLflow files.")],
    weights: Annotated[
        str,
        typer.Option(help="Start weights: a .pt, a name that Ultralytics downloads, or a .yaml: from nothing."),
    ] = "yolov8n.pt",
    epochs: Annotated[int, typer.Option(min=1)] = 30,
    imgsz: Annotated[int, typer.Option(min=32, help="Side of the square images are trained at, pixels.")] = 448,
    batch: Annotated[int, typer.Option(min=1)] = 16,
    lr0: Annotated[float, typer.Option(min=0, help="Learning rate of AdamW at the start.")] = 0.0012,
    mosaic: Annotated[float, typer.Option(min=0, max=1, help="Share of images made of four.")] = 1.0,
    close_mosaic: Annotated[int, typer.Option(min=0, help="Last epochs without mosaic.")] = 5,
    augment: Annotated[bool, typer.Option(help="Flip, colours, scale, turn.")] = True,
    patience: Annotated[int, typer.Option(min=0, help="Stop after so many epochs without gain; 0: never.")] = 20,
    save_period: Annotated[
        int, typer.Option(min=0, help="Keep each so many epochs a checkpoint, epochN.pt from 0, to average; 0: none.")
    ] = 0,
    seed: int = 7,
    device: Annotated[str, typer.Option(help="auto, cpu, or the number of a GPU.")] = "auto",
    experiment: Annotated[str, typer.Option(help="MLflow's experiment.")] = "detector",
    resume: Annotated[bool, typer.Option("--resume", help="Resume the interrupted run in OUT.")] = False,
) -> None:
    """Train a detector (Ultralytics YOLO). Best and last checkpoint: OUT/train/weights/best.pt and last.pt.

    Tracked by MLflow into files beside OUT, or on the server that MLFLOW_TRACKING_URI names.
    """
    require("torch", "ultralytics", "mlflow")
    from training.detector.train import TrainSettings, fit

    settings = TrainSettings(
        data=data,
        weights=weights,
        out=out,
        epochs=epochs,
        imgsz=imgsz,
        batch=batch,
        lr0=lr0,
        mosaic=mosaic,
        close_mosaic=close_mosaic,
        augment=augment,
        patience=patience,
        save_period=save_period,
        seed=seed,
        device=device,
        experiment=experiment,
    )
    summary = fit(settings, resume)
    typer.echo(f"{summary['epochs']} epochs; loss {summary['loss']['first']} → {summary['loss']['last']}")
    typer.echo(summary["checkpoint"])


def average(
    checkpoints: Annotated[
        list[str],
        typer.Argument(metavar="FILE.pt@SHARE...", help="Checkpoints of one architecture; the shares add up to 1."),
    ],
    out: Annotated[Path, typer.Option(help="The checkpoint to write; never one that is there.")],
) -> None:
    """The mean of detectors' weights, best of runs that went on from the same ones; measure it like any checkpoint."""
    require("torch", "ultralytics")
    from training.detector.weight_averaging import WeightedCheckpoint
    from training.detector.weight_averaging import average as write_mean

    parts = [WeightedCheckpoint(path, share) for path, share in map(arguments.shared, checkpoints)]
    if len(parts) < 2:
        raise typer.BadParameter("give at least two checkpoints", param_hint="FILE.pt@SHARE")
    write_mean(parts, out)
    typer.echo(out)
