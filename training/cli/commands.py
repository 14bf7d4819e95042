"""`livesight dataset | train | caption | evaluate | evaluate-webcam | export…`. Runs on the calling thread.

Only typer is imported here: what a command needs is imported by the command, so that `livesight --help` answers at
once and serving never sees torch.
"""

from __future__ import annotations

import typer

from training.cli.caption import caption
from training.cli.classifier import classifier, export_classifier
from training.cli.dataset import dataset_app
from training.cli.detector import average, detector
from training.cli.evaluate import evaluate, evaluate_webcam, export

train_app = typer.Typer(help="Train a model.", no_args_is_help=True)
train_app.command("detector")(detector)
train_app.command("classifier")(classifier)
train_app.command("average")(average)


@train_app.callback()
def train() -> None:
    """Train a model."""


def mount(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(dataset_app, name="dataset")
    app.add_typer(train_app, name="train")
    app.command("caption")(caption)
    app.command("evaluate")(evaluate)
    app.command("evaluate-webcam")(evaluate_webcam)
    app.command("export")(export)
    app.command("export-classifier")(export_classifier)
