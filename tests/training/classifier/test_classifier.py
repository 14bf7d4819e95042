"""A classifier from crops to a version that serves, by the commands a user starts, with real training steps."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from tests.training.classifier.crops import write_crops
from tests.training.commands import ROOT, environment, needs_train
from tests.training.one_process import Outcome, livesight_each
from workers.engines.openvino_engine import OpenVinoEngine
from workers.model_card import load_card
from workers.settings import WorkerSettings

needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm, of the extra 'train', is not installed")
pytestmark = [needs_train, needs_timm, pytest.mark.timeout(900)]

QUICK = ("--backbone", "test_resnet", "--weights", "none", "--size", "64", "--views", "2", "--batch", "16")
EPOCHS = ("--head-epochs", "6", "--tune-epochs", "8", "--tune-lr", "0.003", "--patience", "0", "--threads", "1")
OTHERS = ("efficientnet_b0", "resnet50")
Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class Trained:
    """A run, what was exported of it, and how the commands went: one export that should, one that no gate lets by.

    others: how training and exporting other backbones went.
    """

    crops: Path
    run: Path
    models: Path
    good: Outcome
    gated: Outcome
    others: dict[str, tuple[Outcome, Outcome]]

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.run / "train.json").read_text()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("classifier")
    crops, run, models = write_crops(folder / "set"), folder / "runs" / "one", folder / "models"
    export: Command = ["export-classifier", run, "--data", crops, "--models", models, "--version", "1"]
    learned, good, gated, *others = livesight_each(
        [
            ["train", "classifier", "--data", crops, "--out", run, *QUICK, *EPOCHS],
            [*export, "--name", "tiny", "--applies-to", "with_mask,without_mask"],
            [*export, "--name", "slow", "--formats", "openvino", "--gates", "latency_most_ms=0.000001"],
            *other_backbones(folder),
        ]
    )
    assert learned.code == 0, learned.stderr
    pairs = zip(others[::2], others[1::2], strict=True)
    return Trained(crops, run, models, good, gated, dict(zip(OTHERS, pairs, strict=True)))


def other_backbones(folder: Path) -> list[Command]:
    """Large ones from nothing, one step of each phase: that each is cut, trained, exported; nothing is learned."""
    crops, models = write_crops(folder / "few", 12), folder / "others"
    commands: list[Command] = []
    for name in OTHERS:
        run = folder / "runs" / name
        commands.append(
            ["train", "classifier", "--backbone", name, "--weights", "none", "--size", "32", "--views", "1",
             "--unfreeze", "1", "--head-epochs", "1", "--tune-epochs", "1", "--threads", "1", "--data", crops,
             "--out", run]
        )  # fmt: skip
        commands.append(
            ["export-classifier", run, "--data", crops, "--models", models, "--name", name, "--version", "1",
             "--formats", "openvino", "--gates", "none"]
        )  # fmt: skip
    return commands


@dataclass(frozen=True, slots=True)
class Later:
    """What was tried once there was a run: to go on with one that was killed, and what cannot work."""

    out: Path
    resumed: Outcome
    broken: dict[str, Outcome]


@pytest.fixture(scope="module")
def later(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Later:
    folder = tmp_path_factory.mktemp("later")
    out = folder / "runs" / "two"
    train: Command = ["train", "classifier", "--data", trained.crops, "--out", out, *QUICK, *EPOCHS]
    with subprocess.Popen(
        [sys.executable, "-m", "livesight", *map(str, train)],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment(), cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert any(line.startswith("epoch 9 ") for line in process.stderr)
        process.kill()
    assert process.returncode != 0 and not (out / "train.json").exists()
    cases = broken_inputs(trained, folder)
    resumed, *broken = livesight_each([[*train, "--resume"], *cases.values()])
    return Later(out, resumed, dict(zip(cases, broken, strict=True)))


def broken_inputs(trained: Trained, folder: Path) -> dict[str, Command]:
    """Command lines that cannot work, by what their message has to name."""
    crops, run = trained.crops, trained.run
    (folder / "empty" / "with_mask").mkdir(parents=True)
    (folder / "empty" / "without_mask").mkdir()
    write_crops(folder / "broken", 4)
    (folder / "broken" / "with_mask" / "broken.jpg").write_bytes(b"no picture")
    (folder / "weights.pth").write_bytes(b"cut off")
    write_crops(folder / "other", 60, seed=4)
    (folder / "words").mkdir()
    (folder / "words" / "classical.json").write_text("{}")
    shutil.copytree(run, folder / "cut")
    for name in ("last.pt", "best.pt"):
        whole = (run / name).read_bytes()
        (folder / "cut" / name).write_bytes(whole[: len(whole) // 2])
    start: Command = ["train", "classifier", *QUICK, *EPOCHS, "--out"]
    export: Command = ["export-classifier", "--models", trained.models, "--name", "tiny", "--data"]
    return {
        "absent: no such folder": [*start, folder / "a", "--data", folder / "absent"],
        "empty/with_mask: no images in it": [*start, folder / "b", "--data", folder / "empty"],
        "with_mask/broken.jpg": [*start, folder / "c", "--data", folder / "broken"],
        "'resnet5000': unknown to timm": [*start, folder / "d", "--data", crops, "--backbone", "resnet5000"],
        "weights.pth: not weights": [*start, folder / "e", "--data", crops, "--weights", folder / "weights.pth"],
        "f/last.pt: cannot read it": [*start, folder / "f", "--data", crops, "--resume"],
        "cut/last.pt: not a checkpoint, or truncated": [*start, folder / "cut", "--data", crops, "--resume"],
        "words: already has a classical run": [*start, folder / "words", "--data", crops],
        "continue it with --resume": [*start, run, "--data", crops],
        "was trained with seed 7, now 8": [*start, run, "--data", crops, "--resume", "--seed", "8"],
        "cut/best.pt: not a checkpoint, or truncated": [*export, crops, "--version", "2", folder / "cut"],
        "other: differs from the data that the run was trained on": [*export, folder / "other", "--version", "2", run],
        "tiny/1: already exists, and a version is never overwritten": [*export, crops, "--version", "1", run],
    }


def test_it_learns(trained: Trained) -> None:
    summary = trained.summary()
    assert summary["loss"]["last"] < 0.7 * summary["loss"]["first"]
    assert summary["best"]["val/accuracy"] > 0.95
    assert summary["best"]["phase"] == 2, "the last layers, not the head on random features, tell these crops apart"
    assert summary["epochs"] == 14


def test_every_epoch_is_tracked(trained: Trained) -> None:
    run_id = (trained.run / "mlflow_run_id").read_text().strip()
    with sqlite3.connect(trained.run.parent / "mlflow.db") as database:
        status = database.execute("select status from runs where run_uuid = ?", (run_id,)).fetchall()
        params = dict(database.execute("select key, value from params where run_uuid = ?", (run_id,)).fetchall())
        steps = database.execute(
            "select step from metrics where run_uuid = ? and key = 'val/f1' order by step", (run_id,)
        ).fetchall()
    assert status == [("FINISHED",)]
    assert params["backbone"] == "test_resnet"
    assert params["data_version"] == trained.summary()["data_version"]
    assert [step for (step,) in steps] == list(range(1, 15))


def test_a_killed_run_resumes_to_the_same(later: Later, trained: Trained) -> None:
    """Killed in its second phase; it goes on with the next epoch and ends where the run that was not killed ended."""
    assert later.resumed.code == 0, later.resumed.stderr
    epochs = [int(line.split()[1]) for line in later.resumed.stderr.splitlines() if line.startswith("epoch ")]
    assert epochs[0] in (10, 11) and epochs == list(range(epochs[0], 15))
    found, expected = json.loads((later.out / "train.json").read_text()), trained.summary()
    assert (found["epochs"], found["data_version"]) == (expected["epochs"], expected["data_version"])
    assert found["loss"] == pytest.approx(expected["loss"], abs=0.02)


def test_export_serves_what_was_trained(trained: Trained) -> None:
    assert trained.good.code == 0, trained.good.stderr
    folder = trained.models / "tiny" / "1"
    card = load_card(folder)
    assert card.task == "classify" and card.classes == ("with_mask", "without_mask")
    assert card.applies_to == ("with_mask", "without_mask") and card.crop_margin == 0.1
    assert set(card.files) == {"model.xml", "model.bin", "model.onnx", "model-int8.xml", "model-int8.bin"}
    assert card.metrics["full"]["accuracy"] > 0.9 and card.metrics["int8_lost"] <= 0.005
    assert set(card.metrics["agreement"]) == {"model.xml", "model.onnx"}
    assert card.reference["label"]["n"] == card.metrics["full"]["images"]
    held_out = json.loads((trained.run / "split.json").read_text())["test"]
    images = np.stack([cv2.resize(np.asarray(cv2.imread(str(trained.crops / name))), (64, 64)) for name in held_out])
    truth = [card.classes.index(name.split("/")[0]) for name in held_out]
    for precision in ("full", "int8"):
        engine = OpenVinoEngine(card, folder, WorkerSettings.model_validate({"threads": 1, "precision": precision}))
        assert engine.backend.endswith("int8") == (precision == "int8")
        with engine.request((64, 64)) as request:
            rows = []
            for image in images:
                request.tensor[0] = image[:, :, ::-1]
                rows.append(request.run(1)[0].copy())
        engine.close()
        assert np.shape(rows) == (len(held_out), 2) and np.sum(rows, 1) == pytest.approx(1, abs=0.01)
        assert np.mean(np.argmax(rows, 1) == truth) > 0.9
    onnx = ov.Core().compile_model(folder / "model.onnx", "CPU")([images[..., ::-1].copy()])
    assert np.mean(onnx[0].argmax(1) == truth) > 0.9


@pytest.mark.parametrize("name", OTHERS)
def test_other_backbones_train_export_and_serve(trained: Trained, name: str) -> None:
    for outcome in trained.others[name]:
        assert outcome.code == 0, outcome.stderr
    folder = trained.models.parent / "others" / name / "1"
    card = load_card(folder)
    assert card.data["training"]["backbone"] == name and card.metrics["agreement"]["model.xml"] < 0.02
    engine = OpenVinoEngine(card, folder, WorkerSettings.model_validate({"threads": 1}))
    with engine.request((32, 32)) as request:
        request.tensor[:2] = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3))
        rows = request.run(2)
    engine.close()
    assert rows.shape == (2, 2) and rows.sum(1) == pytest.approx(1, abs=0.01)


def test_a_missed_gate_leaves_no_version(trained: Trained) -> None:
    assert trained.gated.code == 1 and "latency_most_ms" in trained.gated.stderr
    assert "slow 1 was not exported" in trained.gated.stderr
    assert [path.name for path in trained.models.iterdir() if any(path.iterdir())] == ["tiny"]


def test_broken_input_is_named(later: Later, trained: Trained) -> None:
    """Each kind is told apart by what the message names; exit code 2, no traceback, nothing good lost."""
    for named, outcome in later.broken.items():
        assert outcome.code == 2, (named, outcome.stderr)
        assert named in outcome.stderr and "Traceback" not in outcome.stderr, (named, outcome.stderr)
    assert sorted(path.name for path in (trained.models / "tiny").iterdir()) == ["1"]
    load_card(trained.models / "tiny" / "1")


def test_twins_do_not_leak(tmp_path: Path) -> None:
    """Copies that were only brightened, scaled and compressed end in the same part."""
    from training.classifier.crops import split_without_duplicates

    write_crops(tmp_path / "set", 30)
    images = {}
    for path in sorted((tmp_path / "set").glob("*/*.png")):
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        images[f"{path.parent.name}/{path.name}"] = image
        larger = cv2.resize(cv2.convertScaleAbs(image, alpha=1.0, beta=4), None, fx=1.5, fy=1.5)
        encoded = cv2.imencode(".jpg", larger, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
        images[f"{path.parent.name}/{path.stem}-twin.jpg"] = np.asarray(
            cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8
        )
    split = split_without_duplicates(images, 7)
    part_of = {name: part for part, names in split.items() for name in names}
    kept = [name for name in part_of if name.endswith(".png")]
    assert len(kept) > 40
    for name in kept:
        assert part_of[name] == part_of[name.replace(".png", "-twin.jpg")]
    assert 0.05 <= len(split["test"]) / len(part_of) <= 0.15
