"""Explanations, and classifiers, as their users meet them: over HTTP and on the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import jsonschema
import numpy as np
import pytest

from tests.peers.colour_models import write_colour_model, write_square_model
from tests.peers.livesight_process import ROOT, LivesightProcess

PATH = "/v1/predict/explain?model=colour&detector=squares"


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_square_model(root)
    write_colour_model(root, "colour", applies_to=("red", "blue"))
    write_colour_model(root, "scene", applies_to="image")
    return root


@pytest.fixture(scope="module")
def service(models_dir: Path) -> Iterator[LivesightProcess]:
    with LivesightProcess(settings={"WORKERS__MODELS_DIR": str(models_dir)}) as running:
        yield running


def picture(*colours: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Squares of these colours, side by side on grey."""
    image = np.full((384, 640, 3), 90, np.uint8)
    for place, colour in enumerate(colours):
        image[100:228, 60 + 260 * place : 188 + 260 * place] = colour
    return image


def png(image: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


RED, BLUE = (30, 30, 220), (230, 20, 20)


def ask(service: LivesightProcess, path: str, **how: Any) -> httpx.Response:
    return httpx.post(f"{service.url}{path}", timeout=120, **how)


def test_predict_runs_classifiers_on_boxes_and_on_the_picture(service: LivesightProcess) -> None:
    answer = ask(service, "/v1/predict?models=squares,colour,scene", content=png(picture(RED, BLUE))).json()
    said = [(found["label"], found["attributes"]["colour"]["label"]) for found in answer["detections"]]
    assert sorted(said) == [("blue", "blue"), ("red", "red")]
    assert set(answer["image"]["attributes"]) == {"scene"} and answer["image"]["frozen_s"] == 0
    assert answer["models"] == {"squares": 1, "colour": 1, "scene": 1}
    alone = ask(service, "/v1/predict?models=colour", content=png(picture(RED)))
    assert alone.status_code == 422 and "also run a detector" in alone.json()["detail"]


def test_the_same_map_as_picture_array_and_json(service: LivesightProcess) -> None:
    image = picture(RED, BLUE)
    shown = ask(service, PATH, files={"file": png(image)})
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png"), shown.text
    drawn = cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == image.shape and (drawn != image).any()
    raw = ask(service, PATH, content=png(image), headers={"accept": "application/x-npy"})
    array = np.load(io.BytesIO(raw.content), allow_pickle=False)
    assert (array.shape, array.dtype) == (image.shape[:2], np.float32)
    for how in ({"headers": {"accept": "text/html, application/json;q=0.9"}}, {"params": {"format": "json"}}):
        url = PATH if "headers" in how else "/v1/predict/explain"
        extra = {"model": "colour", "detector": "squares"} if "params" in how else {}
        params = {"params": {**how["params"], **extra}} if "params" in how else {}
        told = ask(service, url, content=png(image), headers=how.get("headers", {}), **params).json()
        assert (told["model"], told["version"], told["task"]) == ("colour", 1, "classify")
        assert told["object"] == told["result"]["detections"][told["detection"]]
        assert told["label"] == told["object"]["attributes"]["colour"]["label"]
        x1, y1, x2, y2 = (round(value) for value in told["xyxy"])
        assert np.max(told["heatmap"]) == pytest.approx(array[y1:y2, x1:x2].max(), abs=0.01)
        array[y1:y2, x1:x2] = 0
        assert not array.any()
        array = np.load(io.BytesIO(raw.content), allow_pickle=False)
    operation = service.get_json("/openapi.json")["paths"]["/v1/predict/explain"]["post"]
    assert {"image/png", "application/json", "application/x-npy"} <= set(operation["responses"]["200"]["content"])
    schema = {**service.get_json("/openapi.json"), "$ref": "#/components/schemas/ExplanationView"}
    jsonschema.validate(told, schema)


@pytest.mark.parametrize(
    ("query", "body", "status", "kind"),
    [
        ("model=nose", None, 422, "model-unavailable"),
        ("model=squares", png(picture()), 422, "nothing-to-explain"),
        ("model=squares&detection=7", None, 422, "nothing-to-explain"),
        ("model=squares&label=pink", None, 422, "nothing-to-explain"),
        ("model=squares&detection=-1", None, 422, "invalid-request"),
        ("model=squares&format=gif", None, 422, "invalid-request"),
        ("model=squares", b"no picture", 422, "bad-image"),
        ("model=squares", b"", 422, "invalid-request"),
    ],
)
def test_refusals(service: LivesightProcess, query: str, body: bytes | None, status: int, kind: str) -> None:
    answer = ask(service, f"/v1/predict/explain?{query}", content=png(picture(RED)) if body is None else body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:livesight:problem:{kind}"), answer.text


def livesight(models_dir: Path, cwd: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LIVESIGHT_")}
    own = {"LIVESIGHT_WORKERS__MODELS_DIR": str(models_dir), "LIVESIGHT_STATE_DIR": str(cwd / "state")}
    return subprocess.run(
        [sys.executable, "-m", "livesight", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=160,
        env={**kept, **own, "PYTHONPATH": str(ROOT)},
        cwd=cwd,
        check=False,
    )


def test_the_command_line_writes_overlay_and_array(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "yard.png").write_bytes(png(picture(RED)))
    done = livesight(models_dir, tmp_path, "explain", "yard.png", "--model", "squares", "--array", "map.npy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["yard-explained.png", "map.npy"]
    assert done.stdout.startswith("squares 1: red 0.") and "in detection 0" in done.stdout
    array = np.load(tmp_path / "map.npy", allow_pickle=False)
    row, column = np.unravel_index(array.argmax(), array.shape)
    assert 60 < column < 188 and 100 < row < 228
    assert cv2.imread(str(tmp_path / "yard-explained.png")).shape == (384, 640, 3)
    arguments = ("--model", "colour", "--detector", "squares", "--output", "x.png", "--json")
    told = json.loads(livesight(models_dir, tmp_path, "explain", "yard.png", *arguments).stdout)
    assert (told["label"], told["task"]) == ("red", "classify") and (tmp_path / "x.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.png"], "none.png: No such file"),
        (["broken.png"], "broken.png: "),
        (["yard.png", "--model", "nose"], "there is no model nose"),
        (["yard.png", "--model", "squares", "--detection", "4"], "detection 4: this image has 1"),
        (["yard.png", "--model", "squares", "--output", "nowhere/x.png"], "nowhere/x.png: No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_explained_is_told_with_exit_code_2(
    models_dir: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "yard.png").write_bytes(png(picture(RED)))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    done = livesight(models_dir, tmp_path, "explain", *arguments)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_analyze_classifies_each_picture_of_a_folder(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "stills").mkdir()
    for number, colour in enumerate((RED, BLUE, RED)):
        (tmp_path / "stills" / f"{number}.png").write_bytes(png(picture(colour)))
    done = livesight(models_dir, tmp_path, "analyze", "stills", "--models", "squares,colour,scene", "--json")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    said = [result["detections"][0]["attributes"]["colour"]["label"] for result in results]
    assert said == [result["detections"][0]["label"] for result in results] == ["red", "blue", "red"]
    assert all(
        result["image"]["attributes"]["scene"]["label"] == label for result, label in zip(results, said, strict=True)
    )
