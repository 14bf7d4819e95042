"""Explanations: the map lies over what brought the answer about, and over nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.peers.colour_models import write_colour_model, write_square_model
from tests.peers.faces import face_picture
from workers.engines.engine import U8
from workers.engines.hot_swap import EngineSlots
from workers.errors import ExplainError, ModelError, ModelUnknown
from workers.explain.explain import Explainer, ExplainRequest
from workers.explain.heatmap import Explanation, overlay
from workers.model_card import CARD_FILE, ModelStore, sha256_of, shipped_models_dir
from workers.settings import WorkerSettings

RED, BLUE = (64, 64, 192, 192), (400, 200, 528, 328)


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    root = tmp_path_factory.mktemp("models")
    write_square_model(root)
    write_colour_model(root, "colour", applies_to=("red", "blue"))
    write_colour_model(root, "scene", applies_to="image")
    store = ModelStore([root])
    return Explainer(store, EngineSlots(store, WorkerSettings(threads=1)), "test")


@pytest.fixture(scope="module")
def image_bgr() -> U8:
    """A red square, a blue one, on grey."""
    image = np.full((384, 640, 3), 90, np.uint8)
    for (x1, y1, x2, y2), colour in ((RED, (30, 30, 220)), (BLUE, (230, 20, 20))):
        image[y1:y2, x1:x2] = colour
    return image


def share(explanation: Explanation, xyxy: tuple[int, int, int, int]) -> float:
    """How much of the map's positive values lies in a box."""
    heat = np.maximum(explanation.heatmap(), 0)
    x1, y1, x2, y2 = xyxy
    return float(heat[y1:y2, x1:x2].sum() / heat.sum())


def test_a_detection_is_explained_by_the_cells_that_voted_for_it(explainer: Explainer, image_bgr: U8) -> None:
    for index, label, own, other in ((0, "blue", BLUE, RED), (1, "red", RED, BLUE)):
        found = explainer.explain(image_bgr, ExplainRequest("squares", detection=index))
        assert (found.detection, found.label) == (index, label)
        assert found.confidence == found.result.detections[index].confidence
        assert found.heatmap().shape == image_bgr.shape[:2] and found.heatmap().dtype == np.float32
        assert 0 <= found.heatmap().min() and 0.5 < found.heatmap().max() <= 1
        assert share(found, own) > 0.7 and share(found, other) < 0.01
    assert explainer.explain(image_bgr, ExplainRequest("squares")).detection == 0


def test_where_nothing_is_found_a_label_shows_where_it_was_looked_for(explainer: Explainer, image_bgr: U8) -> None:
    pale = cv2.addWeighted(image_bgr, 0.25, np.full_like(image_bgr, 90), 0.75, 0)
    with pytest.raises(ExplainError, match="finds nothing in this image; give a label"):
        explainer.explain(pale, ExplainRequest("squares"))
    found = explainer.explain(pale, ExplainRequest("squares", label="red"))
    assert found.detection is None and 0 < found.confidence < 0.5
    row, column = np.unravel_index(found.heatmap().argmax(), found.heatmap().shape)
    assert 64 < column < 192 and 64 < row < 192


def test_a_classifier_is_explained_on_its_crop(explainer: Explainer, image_bgr: U8) -> None:
    image = image_bgr.copy()
    image[288:328, 400:528] = (20, 230, 20)  # the lower part of the blue one is green
    seen = explainer.explain(image, ExplainRequest("squares", label="blue")).result.detections
    index = [one.label for one in seen].index("blue")
    found = explainer.explain(image, ExplainRequest("colour", "squares", index, "blue"))
    assert found.card.name == "colour" and found.grid.shape == (4, 4)
    x1, y1, x2, y2 = (round(value) for value in seen[index].xyxy)
    assert share(found, (x1, y1, x2, 288)) > 0.8, "the blue part speaks for blue"
    outside = found.heatmap()
    outside[y1 - 3 : y2 + 3, x1 - 3 : x2 + 3] = 0
    assert not outside.any(), "it saw its crop only"
    said = explainer.explain(image_bgr, ExplainRequest("colour", "squares"))
    assert (said.detection, said.label) == (0, "blue") and said.confidence > 0.9


def test_without_a_box_and_of_images_the_whole_picture_is_explained(explainer: Explainer) -> None:
    image = np.full((300, 500, 3), 90, np.uint8)
    image[:, 250:] = (40, 40, 120)  # too pale for the detector
    for asked in (ExplainRequest("colour", "squares"), ExplainRequest("scene")):
        found = explainer.explain(image, asked)
        assert (found.detection, found.label) == (None, "red")
        assert share(found, (250, 0, 500, 300)) > 0.7
        assert found.xyxy == pytest.approx((0, -100, 500, 400), abs=11), "padding to a square is part of the grid"


def test_the_overlay_shows_the_image_and_the_heat(explainer: Explainer, image_bgr: U8) -> None:
    before = image_bgr.copy()
    shown = overlay(image_bgr, explainer.explain(image_bgr, ExplainRequest("squares", detection=1)))
    assert (image_bgr == before).all() and shown.shape == image_bgr.shape and shown.dtype == np.uint8
    changed = np.abs(shown.astype(int) - image_bgr).sum(2)
    assert changed[100:156, 100:156].mean() > 60, "red is hot"
    assert changed[340:, :380].max() == 0 and changed[210:318, 410:518].mean() < 5, "the rest is as it was"
    overlay(image_bgr, explainer.explain(image_bgr, ExplainRequest("squares", label="green")))  # nothing speaks for it


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (ExplainRequest("nose"), ModelUnknown, "there is no model nose"),
        (
            ExplainRequest("squares", label="pink"),
            ExplainError,
            "'pink': model squares has the labels red, green, blue",
        ),
        (ExplainRequest("squares", detection=2), ExplainError, "detection 2: this image has 2"),
        (ExplainRequest("colour", "scene"), ModelError, "classifies boxes labelled red, blue"),
        (ExplainRequest("colour", "nose"), ModelUnknown, "there is no model nose"),
    ],
)
def test_requests_that_cannot_be_explained(
    explainer: Explainer, image_bgr: U8, asked: ExplainRequest, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        explainer.explain(image_bgr, asked)


def test_a_graph_that_cannot_be_explained_says_so(tmp_path: Path, image_bgr: U8) -> None:
    import openvino as ov

    folder = write_colour_model(tmp_path, "scene", applies_to="image")
    model = ov.Core().read_model(folder / "model.xml")
    model.remove_result(model.outputs[1].get_node())
    ov.save_model(model, folder / "plain.xml")
    for suffix in ("xml", "bin"):
        (folder / f"plain.{suffix}").replace(folder / f"model.{suffix}")
    card = json.loads((folder / CARD_FILE).read_text())
    card["files"] = {name: sha256_of(folder / name) for name in card["files"]}
    (folder / CARD_FILE).write_text(json.dumps(card))
    store = ModelStore([tmp_path])
    with pytest.raises(ModelError, match="it has no output cam"):
        Explainer(store, EngineSlots(store, WorkerSettings(threads=1)), "test").explain(
            image_bgr, ExplainRequest("scene")
        )


@pytest.mark.parametrize("name", ["mask", "mask-accurate"])
def test_the_detectors_that_ship_look_at_the_face(name: str) -> None:
    """The second one looks several times: its graph has cells of several views."""
    store = ModelStore([shipped_models_dir()])
    explainer = Explainer(store, EngineSlots(store, WorkerSettings(threads=1)), "test")
    for place in (0, 5):
        found = explainer.explain(face_picture(place, (640, 360)), ExplainRequest(name))
        assert found.detection == 0
        x1, y1, x2, y2 = (round(value) for value in found.result.detections[0].xyxy)
        assert share(found, (x1, y1, x2, y2)) > 0.8
        assert found.heatmap().max() > 0.2
