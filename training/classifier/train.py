"""Train a neural classifier: the head alone, then the backbone's last stages at a lower rate. Needs torch.

OUT/last.pt and OUT/best.pt are written after each epoch; with resume a run goes on at the epoch after the last whole
one, and gives what it had given uninterrupted. The part `test` is never looked at here.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from training.classifier import checkpoint, classical
from training.classifier.backbones import Backbone, load_backbone
from training.classifier.crops import CropSet, read_crops
from training.classifier.feature_bank import FeatureBank, pooled, training_bank, validation_bank
from training.classifier.network import Network
from training.classifier.settings import ClassifierSettings
from training.detector.mlflow_run import MlflowRun, TrackSettings, git_commit, tracked
from training.errors import RunError
from training.evaluation.classification_figures import ProbabilityFigures, probability_figures
from workers.atomic_files import write_text

SUMMARY = "train.json"
PHASES = ("head", "tune")
_SMOOTHING = 0.05
_LEAST_RATE = 0.03
Report = Callable[[Mapping[str, float]], None]


@dataclass(slots=True)
class Progress:
    """How far a run is. epoch: epochs done, of both phases; own: of this phase; stale: epochs without gain."""

    phase: int = 0
    epoch: int = 0
    own: int = 0
    stale: int = 0
    best: tuple[float, float] = (-1.0, -math.inf)
    best_epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
        return {name: copy.deepcopy(getattr(self, name)) for name in self.__slots__}


class ClassifierTrainer:
    """One run in memory: network, features, optimiser."""

    def __init__(self, settings: ClassifierSettings, crops: CropSet, backbone: Backbone) -> None:
        self.settings, self.crops, self.backbone = settings, crops, backbone
        self.network = Network(backbone, backbone.cut(settings.unfreeze), len(crops.classes), settings.size)
        self.progress = Progress()
        self.optimizer: Any = None
        counts = torch.bincount(torch.tensor([crop.label for crop in crops.parts["train"]]))
        self._loss = torch.nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts), label_smoothing=_SMOOTHING)
        self._train: FeatureBank
        self._val: FeatureBank

    def prepare(self) -> None:
        """Compute what is frozen."""
        self._train = training_bank(self.network, self.crops.parts["train"], self.settings)
        self._val = validation_bank(self.network, self.crops.parts["val"], self.settings)

    def phase(self, after_epoch: Callable[[dict[str, float], bool], None]) -> None:
        """Train the present phase to its end, from where it is."""
        progress, settings = self.progress, self.settings
        alone = PHASES[progress.phase] == "head"
        epochs, rate = (settings.head_epochs, settings.head_lr) if alone else (settings.tune_epochs, settings.tune_lr)
        for parameter in self.network.tuned.parameters():
            parameter.requires_grad_(not alone)
        train, val = (pooled(self.network, bank) if alone else bank for bank in (self._train, self._val))
        forward = self.network.head if alone else self._whole
        if self.optimizer is None:
            wanted = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
            self.optimizer = torch.optim.AdamW(wanted, lr=rate, weight_decay=0.02)
        while progress.own < epochs and not (settings.patience and progress.stale >= settings.patience):
            part = progress.own / max(1, epochs)
            lr = rate * (_LEAST_RATE + (1 - _LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * part)))
            loss = self._epoch(train, forward, lr)
            found = self._measure(val, forward)
            progress.epoch, progress.own = progress.epoch + 1, progress.own + 1
            row = {"phase": progress.phase + 1.0, "lr": lr, "train/loss": loss, **found.row("val")}
            gained = (found.f1, -found.loss) > progress.best
            if gained:
                progress.best, progress.best_epoch, progress.stale = (found.f1, -found.loss), progress.epoch, 0
            else:
                progress.stale += 1
            progress.rows.append(row)
            after_epoch(row, gained)

    def next_phase(self, best: Mapping[str, Any]) -> None:
        """Continue from the best weights so far."""
        self.network.load_state_dict(best["network"])
        self.optimizer = None
        self.progress.phase, self.progress.own, self.progress.stale = self.progress.phase + 1, 0, 0

    def resume(self, state: Mapping[str, Any]) -> None:
        """As the checkpoint says."""
        self.network.load_state_dict(state["network"])
        for name, value in state["progress"].items():
            setattr(self.progress, name, tuple(value) if name == "best" else value)
        alone = PHASES[self.progress.phase] == "head"
        wanted = [*(() if alone else self.network.tuned.parameters()), *self.network.head.parameters()]
        self.optimizer = torch.optim.AdamW(wanted, lr=1e-3, weight_decay=0.02)
        self.optimizer.load_state_dict(state["optimizer"])

    def state(self) -> dict[str, Any]:
        """Everything that a run is resumed from."""
        return {
            "settings": checkpoint.plain(self.settings),
            "classes": list(self.crops.classes),
            "data_version": self.crops.version,
            "source": self.backbone.source,
            "mean": list(self.backbone.mean),
            "std": list(self.backbone.std),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": self.progress.state(),
        }

    def _whole(self, features: Any) -> Any:
        return self.network.logits(self.network.tuned(features))

    def _epoch(self, bank: FeatureBank, forward: Callable[[Any], Any], lr: float) -> float:
        """One pass over the crops, another view of each than in the epoch before. Returns the mean loss."""
        number, settings = self.progress.epoch, self.settings
        generator = torch.Generator().manual_seed(settings.seed * 1000 + number)
        torch.manual_seed(settings.seed * 1000 + number)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.network.train()
        total = 0.0
        order = torch.randperm(len(bank.labels), generator=generator)
        for chosen in order.split(settings.batch):
            views = (chosen + number) % bank.views
            loss = self._loss(forward(bank.features[views, chosen].float()), bank.labels[chosen])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += float(loss.detach()) * len(chosen)
        self.network.eval()
        return total / len(order)

    def _measure(self, bank: FeatureBank, forward: Callable[[Any], Any]) -> ProbabilityFigures:
        with torch.inference_mode():
            flat = bank.features.flatten(0, 1)
            logits = torch.cat([forward(part.float()) for part in flat.split(64)])
        labels = bank.labels.repeat(bank.views)
        return probability_figures(torch.softmax(logits, 1).numpy(), np.asarray(labels))


def fit(settings: ClassifierSettings, resume: bool = False, report: Report | None = None) -> dict[str, Any]:
    """Train; returns, and writes to OUT/train.json, the epochs done and the best epoch's figures on the part val.

    Raises DatasetError for data that cannot be used, RunError when the run cannot start, go on or be written.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    last, best = settings.out / checkpoint.LAST, settings.out / checkpoint.BEST
    before = checkpoint.load(last) if resume else None
    if before is None and last.exists():
        raise RunError(f"{settings.out}: already has a run; continue it with --resume, or choose another --out")
    if (settings.out / classical.RUN).exists():
        raise RunError(f"{settings.out}: already has a classical run; choose another --out")
    crops = read_crops(settings.data, settings.out, settings.yunet, settings.seed)
    torch.manual_seed(settings.seed)
    learner = ClassifierTrainer(settings, crops, load_backbone(settings.backbone, settings.weights, settings.size))
    if before is not None:
        checkpoint.check_same(last, before, settings, crops.version)
        learner.resume(before)
    track = TrackSettings(
        folder=settings.out,
        store=settings.out.parent,
        experiment=settings.experiment,
        name=settings.out.name,
        tags={"git_commit": git_commit(), "data_version": crops.version, "task": "classify"},
    )
    with tracked(track, resume) as run:
        run.params({**checkpoint.plain(settings), "classes": ",".join(crops.classes), "data_version": crops.version})
        learner.prepare()
        _phases(learner, run, report)
        summary = _summary(learner, run)
        write_text(settings.out / SUMMARY, json.dumps(summary, indent=1) + "\n", error=RunError)
        run.files(best, settings.out / SUMMARY, settings.out / "split.json")
    return summary


def _phases(learner: ClassifierTrainer, run: MlflowRun, report: Report | None) -> None:
    folder = learner.settings.out

    def after_epoch(row: dict[str, float], gained: bool) -> None:
        if gained:
            checkpoint.save(folder / checkpoint.BEST, learner.state())
        checkpoint.save(folder / checkpoint.LAST, learner.state())
        run.metrics(row, learner.progress.epoch)
        if report is not None:
            report({"epoch": learner.progress.epoch, **row})

    while True:
        learner.phase(after_epoch)
        if learner.progress.phase + 1 >= len(PHASES) or learner.settings.tune_epochs == 0:
            return
        learner.next_phase(checkpoint.load(folder / checkpoint.BEST))


def _summary(learner: ClassifierTrainer, run: MlflowRun) -> dict[str, Any]:
    progress = learner.progress
    rows = progress.rows
    return {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "best": rows[progress.best_epoch - 1],
        "loss": {"first": round(rows[0]["train/loss"], 4), "last": round(rows[-1]["train/loss"], 4)},
        "classes": list(learner.crops.classes),
        "crops": learner.crops.counts(),
        "data_version": learner.crops.version,
        "mlflow_run": run.id,
        "checkpoint": str(learner.settings.out / checkpoint.BEST),
    }
