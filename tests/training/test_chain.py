"""From images to a version that serves, on a set that is trivially separable: real training, real export."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from tests.training.commands import ROOT, environment, livesight, needs_train
from tests.training.one_process import Outcome, livesight_each
from training.data.labelled import read_labelled
from training.evaluation.served_model import open_engine
from workers.errors import ModelError
from workers.model_card import load_card

pytestmark = [needs_train, pytest.mark.timeout(1200)]
BEST = "artifacts/run/train/weights/best.pt"


def run(*command: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=1100, check=False
    )


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `dvc repro` ran on the example set, as training/README.md says."""
    folder = tmp_path_factory.mktemp("chain") / "example"
    assert livesight("dataset", "example", folder).returncode == 0
    shutil.copy(ROOT / "dvc.yaml", folder)
    binaries = folder.parent / "bin"
    binaries.mkdir()
    (binaries / "livesight").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m livesight "$@"\n')
    (binaries / "livesight").chmod(0o755)
    assert run(sys.executable, "-m", "dvc", "init", "--no-scm", "-q", cwd=folder).returncode == 0
    done = run(
        sys.executable, "-m", "dvc", "repro", cwd=folder, PATH=f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


def metrics(chain: Path) -> dict[str, Any]:
    return dict(json.loads((chain / "artifacts" / "evaluation" / "metrics.json").read_text()))


def test_it_learned(chain: Path) -> None:
    summary = json.loads((chain / "artifacts" / "run" / "train.json").read_text())
    assert summary["loss"]["last"] < summary["loss"]["first"] / 2
    assert summary["epochs"] == yaml.safe_load((chain / "params.yaml").read_text())["train"]["epochs"]
    figures = metrics(chain)
    assert figures["map50"] > 0.9 and figures["passed"]
    low, high = figures["intervals"]["map50"]
    assert low <= figures["map50"] <= high


_EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
source, executed, folder = sys.argv[1:]
book = nbformat.read(source, 4)
NotebookClient(book, timeout=600, resources={"metadata": {"path": folder}}).execute()
nbformat.write(book, executed)
"""


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("nbclient", "ipykernel")), reason="nbclient and ipykernel, of 'test'"
)
def test_the_notebook_tells_the_same_story(chain: Path, tmp_path: Path) -> None:
    """Executed over what `dvc repro` has made, so that it finds everything up to date."""
    source, executed = ROOT / "training" / "notebooks" / "mask_detection.ipynb", tmp_path / "executed.ipynb"
    done = run(
        sys.executable, "-W", "ignore", "-c", _EXECUTE, str(source), str(executed), str(source.parent),
        cwd=ROOT, LIVESIGHT_NOTEBOOK_FOLDER=str(chain),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    outputs = [output for cell in json.loads(executed.read_text())["cells"] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
    said = "".join("".join(output.get("text", "")) for output in outputs)
    assert f"map50: {metrics(chain)['map50']} (95 %" in said
    assert "up to date" in said and "Running stage" not in said
    count = re.search(r"(\d+) objects found in 6 images", said)
    assert count is not None and int(count[1]) >= 4


def test_the_run_is_tracked_with_every_epoch_and_where_it_comes_from(chain: Path) -> None:
    record = json.loads((chain / "artifacts" / "data" / "dataset.json").read_text())
    with sqlite3.connect(chain / "artifacts" / "mlflow.db") as database:
        tags = dict(database.execute("select key, value from tags").fetchall())
        params = dict(database.execute("select key, value from params").fetchall())
        steps = database.execute("select step from metrics where key = 'metrics/mAP50B' order by step").fetchall()
        status = database.execute("select status from runs").fetchall()
    assert tags["data_version"] == params["data_version"] == record["version"]
    assert tags["git_commit"]
    assert [step for (step,) in steps] == list(range(1, int(params["epochs"]) + 1))
    assert status == [("FINISHED",)]
    kept = {path.name for path in (chain / "artifacts" / "mlartifacts").rglob("*")}
    assert {"best.pt", "last.pt", "results.png", "DATA_CARD.md"} <= kept


def test_the_version_serves_what_was_measured(chain: Path) -> None:
    folder = chain / "models" / "shapes" / "1"
    card = load_card(folder)
    assert card.classes == ("disc", "square") and card.shapes_wh == ((160, 128), (128, 160))
    assert set(card.files) == {"model.xml", "model.bin", "model.onnx", "model-int8.xml", "model-int8.bin"}
    assert card.metrics["full"]["map50"] > 0.9 and card.metrics["int8_lost"] <= 0.02
    assert card.metrics["agreement"]["share"] >= 0.98
    assert {"label", "confidence", "box_side", "boxes", "brightness", "contrast", "sharpness"} == set(card.reference)
    for feature in card.reference.values():
        assert sum(feature["counts"]) == feature["n"] > 0
        bins = len(feature["edges"]) - 1 if feature["kind"] == "numeric" else len(feature["categories"])
        assert len(feature["counts"]) == bins
    engine = open_engine(folder, "int8")
    assert engine.backend.endswith("int8")
    engine.close()


def test_livesight_analyses_with_it(chain: Path) -> None:
    item = read_labelled(chain / "artifacts" / "data", "val")[0]
    done = livesight(
        "analyze", item.path, "--json", "--models", "shapes",
        LIVESIGHT_WORKERS__MODELS_DIR=str(chain / "models"), LIVESIGHT_STATE_DIR=str(chain / "state"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[0])["detections"]
    assert sorted(box["label"] for box in found) == sorted(box.label for box in item.boxes)


def test_the_onnx_file_is_a_network_that_opencv_runs(chain: Path) -> None:
    net = cv2.dnn.readNetFromONNX(str(chain / "models" / "shapes" / "1" / "model.onnx"))
    assert not net.empty()


def test_the_report_needs_nothing_from_elsewhere(chain: Path) -> None:
    text = (chain / "artifacts" / "evaluation" / "report.html").read_text()
    assert "http://" not in text and "https://" not in text
    assert text.count("data:image/png;base64,") == 5
    assert "map50" in text and "Worst errors" in text


def export_arguments(chain: Path, version: str, *more: str) -> tuple[str, ...]:
    data, models = str(chain / "artifacts" / "data"), str(chain / "models")
    head = ("export", "--checkpoint", str(chain / BEST), "--data", data, "--models", models, "--name", "shapes")
    return (*head, "--version", version, "--shapes", "160x128", "--formats", "openvino", *more)


@dataclass(frozen=True, slots=True)
class Refused:
    """Commands that must not give a version, and the models' files (with when they were written) around them."""

    outcomes: dict[str, Outcome]
    evaluation: Path
    before: dict[Path, int]
    after: dict[Path, int]


def written(chain: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (chain / "models").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def refused(chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    folder = tmp_path_factory.mktemp("refused")
    broken = folder / "broken.pt"
    broken.write_bytes((chain / BEST).read_bytes()[:2000])
    cut = list(export_arguments(chain, "9", "--gates", "none"))
    cut[2] = str(broken)
    version, data = chain / "models" / "shapes" / "1", chain / "artifacts" / "data"
    commands = {
        "exists": export_arguments(chain, "1"),
        "gate": export_arguments(chain, "2", "--gates", "map50=1.01"),
        "cut": cut,
        "itself": ("evaluate", version, "--data", data, "--out", folder / "out", "--champion", version),
    }
    before = written(chain)
    outcomes = dict(zip(commands, livesight_each(list(commands.values())), strict=True))
    return Refused(outcomes, folder / "out", before, written(chain))


def test_nothing_is_written_over_or_beside_a_version(refused: Refused) -> None:
    assert refused.before == refused.after


def test_a_version_is_never_overwritten(refused: Refused) -> None:
    done = refused.outcomes["exists"]
    assert done.code == 2 and "a version is never overwritten" in done.stderr


def test_a_model_that_misses_a_gate_is_not_exported(refused: Refused) -> None:
    done = refused.outcomes["gate"]
    assert done.code == 1, done.stderr
    assert "map50" in done.stderr and "was not exported" in done.stderr


def test_a_broken_checkpoint_is_named(refused: Refused) -> None:
    done = refused.outcomes["cut"]
    assert done.code == 2, done.stderr
    assert "broken.pt: not a readable checkpoint" in done.stderr


def test_evaluate_against_itself_is_no_gain(refused: Refused) -> None:
    done = refused.outcomes["itself"]
    assert done.code == 1, done.stderr
    assert "gate: gain 0.0 fails" in done.stdout
    assert json.loads((refused.evaluation / "metrics.json").read_text())["passed"] is False


def test_a_killed_export_leaves_nothing_that_loads(chain: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "livesight", *export_arguments(chain, "3", "--gates", "none")],
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    written = chain / "models" / "shapes"
    deadline_s = time.monotonic() + 300
    while not list(written.glob(".export-*/3/model.bin")):
        assert process.poll() is None and time.monotonic() < deadline_s, "the export wrote no graph"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert not (written / "3").exists()
    with pytest.raises(ModelError):
        load_card(written / "3")
    again = livesight(*export_arguments(chain, "3", "--gates", "none"))
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in written.iterdir()) == ["1", "3"], "what the killed export left is gone"


def test_a_killed_training_goes_on_at_the_next_epoch(chain: Path, tmp_path: Path) -> None:
    arguments = (
        "train", "detector", "--data", str(chain / "artifacts" / "data"), "--out", str(tmp_path / "run"), "--weights",
        str(chain / "tiny.yaml"), "--epochs", "4", "--imgsz", "64", "--batch", "16", "--mosaic", "0", "--device", "cpu",
        "--save-period", "3",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "livesight", *arguments], env=environment(), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    csv = tmp_path / "run" / "train" / "results.csv"
    last = tmp_path / "run" / "train" / "weights" / "last.pt"
    deadline_s = time.monotonic() + 400
    while not (last.is_file() and csv.is_file() and len(csv.read_text().splitlines()) >= 2):
        assert process.poll() is None and time.monotonic() < deadline_s, "no epoch was done"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    done_epochs = len(csv.read_text().splitlines()) - 1
    (last.parent / ".best.pt-half").write_bytes(b"what a kill leaves")
    kept = {path.name for path in last.parent.glob("epoch*.pt")}
    run_id = (tmp_path / "run" / "mlflow_run_id").read_text()

    go_on = (*arguments, "--resume")
    refused, again, finished = livesight_each([arguments, go_on, go_on])
    assert refused.code == 2 and "--resume" in refused.stderr
    assert again.code == 0, again.stderr[-2000:]
    assert finished.code == 2 and "this run is finished" in finished.stderr
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select status from runs").fetchall() == [("FINISHED",)]
    summary = json.loads((tmp_path / "run" / "train.json").read_text())
    assert summary["first_epoch"] in (done_epochs, done_epochs + 1)  # killed between checkpoint and table
    assert summary["epochs"] == 4
    assert (tmp_path / "run" / "mlflow_run_id").read_text() == run_id
    assert {path.name for path in last.parent.iterdir()} == {"best.pt", "last.pt", "epoch3.pt"} | kept


_STRONGER = """
import sys
import torch

held = torch.load(sys.argv[1], weights_only=False)
for values in held["model"].parameters():
    values.data *= 1.004
torch.save(held, sys.argv[2])
"""
_WEIGHTS = """
import json, sys
import torch

found = [torch.load(path, weights_only=False) for path in sys.argv[1:]]
one, other, mean = ({key: values.double() for key, values in held["model"].state_dict().items()} for held in found)
differ = max((one[key] - other[key]).abs().max().item() for key in one)
wanted = {key: 0.25 * one[key] + 0.75 * other[key] for key in one if "batches" not in key}
away = max(((wanted[key] - mean[key]).abs() / (wanted[key].abs() + 1e-3)).max().item() for key in wanted)
print(json.dumps({"differ": differ, "away": away, "averaged": found[2]["averaged"]}))
"""


def test_the_mean_of_two_checkpoints_is_a_checkpoint(chain: Path, tmp_path: Path) -> None:
    """Of the run's and one with stronger weights: it is between them, says of what it is, and finds what they find."""
    best, other, mean = chain / BEST, tmp_path / "other.pt", tmp_path / "mean.pt"
    assert run(sys.executable, "-c", _STRONGER, str(best), str(other), cwd=ROOT).returncode == 0
    data, out = chain / "artifacts" / "data", tmp_path / "out"
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"not a checkpoint")
    average = ("train", "average", f"{best}@0.25")
    done, again, uneven, unread, measured = livesight_each(
        [
            (*average, f"{other}@0.75", "--out", mean),
            (*average, f"{other}@0.75", "--out", mean),
            (*average, f"{other}@0.25", "--out", tmp_path / "uneven.pt"),
            (*average, f"{broken}@0.75", "--out", tmp_path / "unread.pt"),
            ("evaluate", mean, "--data", data, "--out", out, "--shapes", "160x128", "--draws", "0"),
        ]
    )
    assert done.code == 0, done.stderr
    assert again.code == 2 and "mean.pt: already exists" in again.stderr
    assert uneven.code == 2 and "the shares must add up to 1, not 0.5" in uneven.stderr
    assert unread.code == 2 and "broken.pt: not a readable checkpoint" in unread.stderr
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["broken.pt", "mean.pt", "other.pt"]
    assert measured.code == 0, measured.stderr[-2000:]
    assert json.loads((out / "metrics.json").read_text())["map50"] > 0.9
    weights = json.loads(run(sys.executable, "-c", _WEIGHTS, str(best), str(other), str(mean), cwd=ROOT).stdout)
    assert weights["differ"] > 0 and weights["away"] < 6e-4, "half precision has 5e-4"
    assert [(part["checkpoint"], part["share"]) for part in weights["averaged"]] == [
        ("best.pt", 0.25),
        ("other.pt", 0.75),
    ]


def broken_inputs(folder: Path) -> list[tuple[tuple[str, ...], str]]:
    """Command lines that cannot work, with what they have to say."""
    (folder / "empty").mkdir()
    (folder / "broken.pt").write_bytes(b"not a checkpoint")
    (folder / "data").mkdir()
    (folder / "data" / "data.yaml").write_text("names: [disc\n")
    (folder / "partless").mkdir()
    (folder / "partless" / "data.yaml").write_text("names: [disc]\nval: val.txt\n")
    data, out = str(folder / "empty"), str(folder / "out")
    return [
        (("train", "detector", "--data", data, "--out", out), "empty/data.yaml: cannot read it"),
        (("train", "detector", "--data", str(folder / "data"), "--out", out), "data.yaml: not a data set's data.yaml"),
        (("train", "detector", "--data", str(folder / "partless"), "--out", out), "names no images for 'train'"),
        (("evaluate", str(folder / "none.pt"), "--data", data, "--out", out), "none.pt: no such checkpoint"),
        (("evaluate", str(folder / "none"), "--data", data, "--out", out), "none: neither the folder of a version"),
        (("evaluate", data, "--data", data, "--out", out), "card.json: cannot read it"),
    ]


def test_broken_input_is_named(tmp_path: Path) -> None:
    cases = broken_inputs(tmp_path)
    for (arguments, message), done in zip(cases, livesight_each([case[0] for case in cases]), strict=True):
        assert done.code == 2, (arguments, done.stderr)
        assert message in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
