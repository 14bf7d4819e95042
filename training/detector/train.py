"""Train a detector with Ultralytics. Runs in its own process, for minutes to hours. Needs the extra `train`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PosixPath
from typing import Any

from training.data.build import RECORD
from training.data.yolo import DATA_YAML, part_images, read_data_yaml
from training.detector.mlflow_run import MlflowRun, TrackSettings, git_commit, tracked
from training.errors import RunError
from workers.atomic_files import write_text, write_whole
from workers.cpu import processor

FOLDER = "train"
SUMMARY = "train.json"
ASKED_THREADS = os.environ.get("OMP_NUM_THREADS")  # as it is now: Ultralytics sets it to 1 where it is not set
NO_AUGMENT = dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "degrees", "translate", "scale", "fliplr", "erasing"), 0.0)
_OTHERS_TRACKERS = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb", "sync")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One training run. data: folder of `dataset build`; weights: a .pt, or a .yaml to start from nothing.

    patience: epochs without a better fitness after which it stops; 0 never. save_period: a checkpoint of every so many
    epochs is kept; 0 none. device: "cpu", "0", "auto".
    """

    data: Path
    weights: str
    out: Path
    epochs: int = 30
    imgsz: int = 448
    batch: int = 16
    lr0: float = 0.0012
    mosaic: float = 1.0
    close_mosaic: int = 5
    augment: bool = True
    patience: int = 20
    save_period: int = 0
    seed: int = 7
    device: str = "auto"
    experiment: str = "detector"


class _Checkpoint(PosixPath):
    """Written whole or not at all; Ultralytics writes over the old one, which a kill would cut off."""

    def write_bytes(self, data: Any) -> int:
        write_whole(Path(self), lambda file: file.write(data), error=RunError)
        return len(data)


def fit(settings: TrainSettings, resume: bool = False) -> dict[str, Any]:
    """Train; returns (and writes to OUT/train.json) the epochs done, the best epoch's metrics and the checkpoints.

    OUT/train/weights/best.pt and last.pt are written at each epoch, epochN.pt (from 0) each `save_period`, for
    `train average`; with `resume` the run goes on from last.pt, at the epoch after the last whole one. Raises RunError
    when it cannot start, DatasetError when the data cannot be used.
    """
    listed, classes = read_data_yaml(settings.data / DATA_YAML)
    for part in ("train", "val"):
        part_images(settings.data, listed, part)
    model = _use_the_machine(_open(_start_weights(settings, resume)))
    if resume:
        _refuse_finished(model, settings)
        _remove_leftovers(settings.out / FOLDER / "weights")
    settings.out.mkdir(parents=True, exist_ok=True)
    version = data_version_of(settings.data)
    track = TrackSettings(
        folder=settings.out,
        store=settings.out.parent,
        experiment=settings.experiment,
        name=settings.out.name,
        tags={"git_commit": git_commit(), "data_version": version, "task": "detect"},
    )
    with tracked(track, resume) as run:
        run.params({**asdict(settings), "classes": ",".join(classes), "data_version": version})
        rows: list[dict[str, float]] = []
        _report_epochs(model, run, rows)
        try:
            _train(model, settings, resume)
        finally:
            _remove_caches(settings.data)
        summary = _summary(model, settings, run, rows)
        _keep(run, settings)
    write_text(settings.out / SUMMARY, json.dumps(summary, indent=1) + "\n", error=RunError)
    return summary


def data_version_of(data: Path) -> str:
    """The version of a built data set; "unknown" for one that something else built."""
    try:
        return str(json.loads((data / RECORD).read_text())["version"])
    except (OSError, ValueError, KeyError):
        return "unknown"


def _start_weights(settings: TrainSettings, resume: bool) -> str:
    last = settings.out / FOLDER / "weights" / "last.pt"
    if resume:
        if not last.is_file():
            raise RunError(f"{last}: no checkpoint to resume from; start without --resume")
        return str(last)
    if last.is_file():
        raise RunError(f"{settings.out}: already has a run; continue it with --resume, or choose another --out")
    weights = settings.weights if Path(settings.weights).suffix in {".pt", ".yaml"} else f"{settings.weights}.pt"
    if "/" in weights and not Path(weights).is_file():
        raise RunError(f"{weights}: no such start weights")
    return weights


def _open(weights: str) -> Any:
    """The model, without Ultralytics' own reports to trackers and to its maker. Raises RunError."""
    from ultralytics import YOLO
    from ultralytics.utils import SETTINGS

    dict.update(SETTINGS, dict.fromkeys(_OTHERS_TRACKERS, False))  # for this process; its file stays as it is
    try:
        return YOLO(weights, task="detect")
    except Exception as error:
        raise RunError(f"{weights}: cannot start from these weights: {error}") from error


def _refuse_finished(model: Any, settings: TrainSettings) -> None:
    """Ultralytics takes the epoch out of the checkpoints of a run that it ended, early or not."""
    done = int(model.ckpt.get("epoch", -1)) + 1
    if not 0 < done < int(model.ckpt["train_args"]["epochs"]):
        raise RunError(f"{settings.out}: this run is finished; there is nothing to resume")


def _remove_leftovers(weights: Path) -> None:
    """What a kill left of a checkpoint that was being written (`workers.atomic_files.write_whole`)."""
    for path in weights.glob(".*.pt-*"):
        path.unlink(missing_ok=True)


def _train(model: Any, settings: TrainSettings, resume: bool) -> None:
    if resume:
        model.train(resume=True)
        return
    augmentation = {"scale": 0.5, "hsv_h": 0.015, "hsv_s": 0.6, "hsv_v": 0.4, "fliplr": 0.5, "degrees": 5.0}
    model.train(
        data=str((settings.data / "data.yaml").resolve()),
        epochs=settings.epochs,
        imgsz=settings.imgsz,
        batch=settings.batch,
        optimizer="AdamW",
        lr0=settings.lr0,
        lrf=0.03,
        cos_lr=True,
        warmup_epochs=1,
        mosaic=settings.mosaic,
        close_mosaic=settings.close_mosaic,
        **(augmentation if settings.augment else NO_AUGMENT),
        patience=settings.patience or settings.epochs,
        project=str(settings.out.resolve()),
        name=FOLDER,
        exist_ok=True,
        device=_device(settings.device),
        workers=0,
        cache="ram",
        seed=settings.seed,
        deterministic=False,
        save_period=settings.save_period or -1,
        val=True,
        plots=True,
    )


def _remove_caches(data: Path) -> None:
    """Ultralytics keeps lists of the labels beside them; DVC would take them for other data, and train again."""
    for cache in (data / "labels").glob("*.cache"):
        cache.unlink(missing_ok=True)


def _device(asked: str) -> str:
    import torch

    return asked if asked != "auto" else "0" if torch.cuda.is_available() else "cpu"


def _use_the_machine(model: Any) -> Any:
    """Every core (or OMP_NUM_THREADS), NHWC memory and, where the processor has it, bfloat16; checkpoints that a kill
    or a full disk leaves whole.

    Ultralytics 8.4 gives PyTorch one core less than there are, and takes `channels_last` and `amp="bf16"` on CUDA
    only; oneDNN's convolutions want them too. Measured with 16 images of 416 px, two cores: YOLOv8n on a Xeon without
    bfloat16 3.48 s a step, 1.82 s with every core, 1.50 s with NHWC too; YOLOv8s on an EPYC with it, after those two,
    3.8 s and then 2.0 s.
    """

    def start(trainer: Any) -> None:
        import torch

        torch.set_num_threads(int(ASKED_THREADS or len(os.sched_getaffinity(0))))
        trainer.model.to(memory_format=torch.channels_last)
        if trainer.device.type == "cpu" and computes_bfloat16(processor("flags").split()):
            trainer.model.predict = _in_bfloat16(trainer.model.predict)  # of this run's model, not of its checkpoints
        trainer.last, trainer.best = _Checkpoint(trainer.last), _Checkpoint(trainer.best)
        trainer.wdir = _Checkpoint(trainer.wdir)  # and so the paths in it

    model.add_callback("on_train_start", start)
    return model


def computes_bfloat16(cpu_flags: Collection[str]) -> bool:
    """Whether the processor multiplies in it; where it does not, PyTorch emulates it, slower than float32."""
    return "avx512_bf16" in cpu_flags or "amx_bf16" in cpu_flags


def _in_bfloat16(predict: Callable[..., Any]) -> Callable[..., Any]:
    """Convolutions in bfloat16 on weights in float32, as autocast has it; what comes out, and the loss, in float32."""
    import torch

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return _in_float32(predict(*args, **kwargs))

    return run


def _in_float32(outputs: Any) -> Any:
    if isinstance(outputs, Mapping):
        return {name: _in_float32(output) for name, output in outputs.items()}
    if isinstance(outputs, list | tuple):
        return type(outputs)(_in_float32(output) for output in outputs)
    return outputs.float()


def _report_epochs(model: Any, run: MlflowRun, rows: list[dict[str, float]]) -> None:
    """Each epoch's losses, learning rates and validation metrics, as they come.

    Ultralytics calls back once more when it validates the best checkpoint in the end; that is no epoch.
    """
    trained = [False]

    def trained_one(_: Any) -> None:
        trained[0] = True

    def end(trainer: Any) -> None:
        if not trained[0]:
            return
        trained[0] = False
        losses: Mapping[str, float] = trainer.label_loss_items(trainer.tloss, prefix="train")
        row = {key: float(value) for key, value in {**losses, **trainer.lr, **trainer.metrics}.items()}
        rows.append({"epoch": trainer.epoch + 1, **row})
        run.metrics(row, trainer.epoch + 1)

    model.add_callback("on_train_epoch_end", trained_one)
    model.add_callback("on_fit_epoch_end", end)


def _summary(model: Any, settings: TrainSettings, run: MlflowRun, rows: list[dict[str, float]]) -> dict[str, Any]:
    weights = settings.out / FOLDER / "weights"
    if not rows or not (weights / "best.pt").is_file():
        raise RunError(f"{settings.out}: the run ended without a checkpoint")
    return {
        "epochs": int(rows[-1]["epoch"]),
        "first_epoch": int(rows[0]["epoch"]),
        "mlflow_run": run.id,
        "data_version": data_version_of(settings.data),
        "git_commit": git_commit(),
        "best": {key: round(float(value), 4) for key, value in model.trainer.metrics.items()},
        "loss": {"first": _loss(rows[0]), "last": _loss(rows[-1])},
        "checkpoint": str(weights / "best.pt"),
    }


def _loss(row: Mapping[str, float]) -> float:
    return round(sum(value for key, value in row.items() if key.startswith("train/")), 4)


def _keep(run: MlflowRun, settings: TrainSettings) -> None:
    folder = settings.out / FOLDER
    run.files(folder / "weights" / "best.pt", folder / "weights" / "last.pt", folder="weights")
    run.files(*sorted(folder.glob("*.png")), *sorted(folder.glob("*.jpg")), folder="plots")
    run.files(folder / "results.csv", folder / "args.yaml", settings.data / RECORD, settings.data / "DATA_CARD.md")
