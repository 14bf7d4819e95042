"""ORB, visual words and what learns from them: by the commands a user starts, to a version that serves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.training.classifier.crops import drawn_face, write_crops
from tests.training.commands import ROOT, environment, needs_train
from tests.training.one_process import Outcome, livesight_each
from training.classifier.classical import vocabulary
from training.classifier.classical_models import CLASSICAL_MODELS, Rows, train_model
from training.errors import RunError
from training.evaluation.served_model import open_engine
from workers.engines.visual_words import VISUAL_WORDS, VisualWords, WordCounter
from workers.errors import ModelDamaged, ModelError
from workers.explain.explain_graphs import ExplainGraph
from workers.model_card import CARD_FILE, load_card, sha256_of

needs_libraries = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("sklearn", "xgboost")), reason="scikit-learn and XGBoost, of 'train'"
)
pytestmark = [needs_train, needs_libraries, pytest.mark.timeout(600)]

QUICK = ("--size", "96", "--words", "32", "--views", "1")
Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class Done:
    """Runs and models of the three, and how the commands went, by what each was to show."""

    crops: Path
    runs: Path
    models: Path
    outcomes: dict[str, Outcome]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("classical")
    crops, runs, models = write_crops(folder / "set"), folder / "runs", folder / "models"
    commands: dict[str, Command] = {}
    for name in CLASSICAL_MODELS:
        run: Path = runs / name
        start: Command = ["export-classifier", run, "--data", crops, "--models", models, "--version", "1"]
        commands[f"train {name}"] = ["train", "classifier", "--backbone", name, "--data", crops, "--out", run, *QUICK]
        commands[f"export {name}"] = [*start, "--name", name, "--applies-to", "with_mask,without_mask"]
    commands["evaluate orb-forest"] = [
        "evaluate", models / "orb-forest" / "1", "--data", crops, "--crops", runs / "orb-forest" / "split.json",
        "--part", "test", "--out", runs / "evaluation",
    ]  # fmt: skip
    commands["evaluate all"] = [
        "evaluate", models / "orb-forest" / "1", "--data", crops, "--gates", "none", "--out", runs / "evaluation-all",
    ]  # fmt: skip
    commands |= refused(crops, runs, models)
    return Done(crops, runs, models, dict(zip(commands, livesight_each(list(commands.values())), strict=True)))


def refused(crops: Path, runs: Path, models: Path) -> dict[str, Command]:
    """Command lines that cannot work, by what their message has to name."""
    cut = runs.parent / "cut"
    start: Command = ["train", "classifier", "--backbone", "orb-svm", *QUICK, "--data", crops, "--out"]
    export: Command = ["export-classifier", runs / "orb-svm", "--models", models, "--data", crops, "--version"]
    return {
        "orb-svm: already has a run": [*start, runs / "orb-svm"],
        "--weights: does not apply to orb-svm": [*start, cut, "--weights", "none"],
        "--resume: does not apply to orb-svm": [*start, cut, "--resume"],
        "--words: does not apply to test_resnet": [*start, cut, "--backbone", "test_resnet"],
        "orb-svm: cannot be exported as int8": [*export, "2", "--name", "orb-svm", "--formats", "openvino,int8"],
        "orb-svm/1: already exists, and a version is never overwritten": [*export, "1", "--name", "orb-svm"],
    }


@pytest.mark.parametrize("name", CLASSICAL_MODELS)
def test_it_learns_and_serves(done: Done, name: str) -> None:
    for step in ("train", "export"):
        assert done.outcomes[f"{step} {name}"].code == 0, done.outcomes[f"{step} {name}"].stderr
    folder = done.models / name / "1"
    card = load_card(folder)
    assert card.task == "classify" and card.classes == ("with_mask", "without_mask")
    assert set(card.files) == {"model.xml", "model.bin", VISUAL_WORDS}
    assert card.data["training"]["backbone"] == name and card.metrics["agreement"]["model.xml"] < 1e-3
    assert card.reference["label"]["n"] == card.metrics["full"]["images"]
    assert card.metrics["full"]["accuracy"] >= 0.85
    engine = open_engine(folder, "full", "classify")
    rng = np.random.default_rng(99)
    faces = [cv2.resize(drawn_face(rng, masked), (96, 96))[:, :, ::-1] for masked in (True, False) * 4]
    with engine.request((96, 96)) as request:
        request.tensor[:8] = faces
        together = request.run(8)
        for index, face in enumerate(faces):
            request.tensor[0] = face
            assert request.run(1)[0] == pytest.approx(together[index], abs=1e-5)
    engine.close()
    assert together.shape == (8, 2) and together.sum(1) == pytest.approx(1, abs=1e-4)
    assert np.mean(together.argmax(1) == [0, 1] * 4) >= 0.75


def test_it_is_evaluated_as_served(done: Done) -> None:
    assert done.outcomes["evaluate orb-forest"].code == 0, done.outcomes["evaluate orb-forest"].stderr
    metrics = json.loads((done.runs / "evaluation" / "metrics.json").read_text())
    assert metrics["accuracy"] == load_card(done.models / "orb-forest" / "1").metrics["full"]["accuracy"]
    assert metrics["backend"] == "openvino-cpu-orb" and metrics["passed"] and metrics["part"] == "test"
    assert (done.runs / "evaluation" / "report.html").stat().st_size > 10_000


def test_without_a_list_all_crops_are_measured_and_the_report_says_so(done: Done) -> None:
    assert done.outcomes["evaluate all"].code == 0, done.outcomes["evaluate all"].stderr
    metrics = json.loads((done.runs / "evaluation-all" / "metrics.json").read_text())
    assert metrics["part"] == "all" and metrics["images"] == len(list(done.crops.glob("*/*")))
    rows = [line.strip("│ ").split("│") for line in done.outcomes["evaluate all"].stdout.splitlines()]
    printed = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if len(row) == 5}
    for label, figures in metrics["per_class"].items():
        shown = [str(figures["objects"]), *(f"{figures[key]:.3f}" for key in ("precision", "recall", "f1"))]
        assert printed[label] == shown, done.outcomes["evaluate all"].stdout


def test_what_cannot_work_is_named(done: Done) -> None:
    for named, outcome in done.outcomes.items():
        if named.split(" ")[0] in ("train", "export", "evaluate"):
            continue
        assert outcome.code == 2, (named, outcome.stderr)
        said = " ".join(outcome.stderr.replace("│", " ").split()).replace("'", "")
        option, colon, text = named.partition(": ")
        assert (named in said) or (colon and option in said and text in said), (named, outcome.stderr)
        assert "Traceback" not in outcome.stderr
    assert not (done.runs.parent / "cut" / "classical.json").exists()
    assert sorted(path.name for path in (done.models / "orb-svm").iterdir()) == ["1"]


def test_serving_unpickles_nothing(done: Done) -> None:
    """Opened and run in a process in which a pickle cannot be loaded, and without the libraries that trained."""
    script = """
import pickle, sys
def refuse(*args, **more): raise AssertionError("unpickled")
pickle.load = pickle.loads = pickle.Unpickler = pickle._Unpickler = refuse
from pathlib import Path
from workers.engines.load import open_engine
from workers.settings import WorkerSettings
for name in sys.argv[2:]:
    engine = open_engine(Path(sys.argv[1]) / name / "1", WorkerSettings(threads=1))
    with engine.request((96, 96)) as request:
        assert request.run(2).shape == (2, 2)
    engine.close()
assert not {"sklearn", "xgboost", "joblib", "torch"} & set(sys.modules)
"""
    finished = subprocess.run(
        [sys.executable, "-c", script, str(done.models), *CLASSICAL_MODELS],
        capture_output=True, text=True, timeout=120, env=environment(), cwd=ROOT, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr


def test_a_changed_model_is_refused(done: Done, tmp_path: Path) -> None:
    folder = tmp_path / "orb-svm" / "1"
    shutil.copytree(done.models / "orb-svm" / "1", folder)
    words = json.loads((folder / VISUAL_WORDS).read_text())

    def put(changed: dict[str, Any], vouched: bool) -> None:
        (folder / VISUAL_WORDS).write_text(json.dumps(changed))
        if vouched:
            card = json.loads((folder / CARD_FILE).read_text())
            card["files"][VISUAL_WORDS] = sha256_of(folder / VISUAL_WORDS)
            (folder / CARD_FILE).write_text(json.dumps(card))

    put(words | {"patch": 21}, vouched=False)
    with pytest.raises(ModelDamaged, match=f"{VISUAL_WORDS}: sha256 is"):
        open_engine(folder)
    put(words | {"words": [*words["words"][:-1], "nothex"]}, vouched=True)
    with pytest.raises(ModelError, match=rf"{VISUAL_WORDS}: words\.31: "):
        open_engine(folder)
    put(words | {"words": words["words"][:-1]}, vouched=True)
    with pytest.raises(ModelError, match=r"has an input of shape \[-1, 416\]; .* need \[-1, 403\]"):
        open_engine(folder)


def test_what_has_no_map_is_not_explained(done: Done) -> None:
    folder = done.models / "orb-svm" / "1"
    with pytest.raises(ModelError, match="orb-svm 1 cannot be explained: a bag of visual words"):
        ExplainGraph(load_card(folder), folder, (96, 96))


def test_too_few_points_are_named() -> None:
    with pytest.raises(RunError, match="5 key points in all crops, but 32 visual words"):
        vocabulary(np.zeros((5, 32), np.uint8), 32, 7)


@pytest.mark.parametrize("name", CLASSICAL_MODELS)
@pytest.mark.parametrize("classes", [2, 3])
def test_graphs_say_what_libraries_say(name: str, classes: int) -> None:
    """Rows take few values, so that many lie exactly on the thresholds that trees split them at."""
    rng = np.random.default_rng(5)
    rows = rng.integers(0, 6, (160, 8)).astype(np.float32) / 7
    labels = rows[:, :classes].argmax(1)
    _, said, difference = train_model(name, Rows(rows[:120], labels[:120]), Rows(rows[120:], labels[120:]), seed=7)
    assert said.shape == (40, classes) and difference < 1e-5
    assert np.mean(said.argmax(1) == labels[120:]) > 1.5 / classes


def test_histograms_count_words_where_they_are() -> None:
    """Three points: two of the first word in the left half, one of the second in the right."""
    words = VisualWords(words=("0" * 64, "f" * 64), parts=((1, 1), (2, 1)))
    points = np.array([[0.1, 0.5], [0.49, 0.99], [0.51, 0.0]], np.float32)
    descriptors = np.array([[0] * 31 + [7], [1] * 32, [255] * 32], np.uint8)
    found = WordCounter(words).counted(points, descriptors)
    assert found**2 == pytest.approx(np.array([2, 1, 2, 0, 0, 1]) / 3)
    assert not WordCounter(words).histogram(np.full((64, 64, 3), 90, np.uint8)).any(), "a flat image has no points"
