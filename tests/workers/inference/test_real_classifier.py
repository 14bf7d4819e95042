"""The classifier that ships, behind the detector that ships. Skipped while there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import av
import pytest

from stream.frame import Frame, new_session
from tests.peers.faces import face_picture
from workers.engines.hot_swap import EngineSlots
from workers.explain.explain import Explainer, ExplainRequest
from workers.inference.detect import image_result
from workers.model_card import ModelStore, shipped_models_dir
from workers.settings import WorkerSettings

NAME = "mask-classifier"
STORE = ModelStore([shipped_models_dir()])


@pytest.fixture(scope="module")
def slots() -> Iterator[EngineSlots]:
    if not (shipped_models_dir() / NAME).is_dir():
        pytest.skip(f"models/{NAME} does not ship yet")
    loaded = EngineSlots(STORE, WorkerSettings(threads=1))
    loaded.ensure(("mask", NAME))
    yield loaded
    loaded.close()


def test_a_bare_face_is_said_to_be_one(slots: EngineSlots) -> None:
    image = av.VideoFrame.from_ndarray(face_picture(2, (640, 360)), format="bgr24")
    frame = Frame("predict", new_session(), 0, 0, 0, time.time_ns(), time.monotonic(), 0.0, image)
    result = image_result(slots, frame, ("mask", NAME), "test")
    assert result.models[NAME] == slots[NAME].card.version
    assert [found.attributes[NAME].label for found in result.detections] == ["without_mask"]


def test_it_can_be_explained(slots: EngineSlots) -> None:
    found = Explainer(STORE, slots, "test").explain(face_picture(2, (640, 360)), ExplainRequest(NAME))
    assert found.detection == 0 and found.label == "without_mask"
    x1, y1, x2, y2 = (round(value) for value in found.result.detections[0].xyxy)
    heat = found.heatmap().clip(0)
    assert heat.max() > 0
    assert heat[y1:y2, x1:x2].sum() > 0.5 * heat.sum()
