"""The PyTorch backend, beside Ultralytics' own prediction; skipped where it is not installed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stream.frame import Frame
from workers.engines.engine import U8
from workers.engines.hot_swap import EngineSlot
from workers.engines.load import load_engine
from workers.errors import EngineError
from workers.inference.detect import detect_image
from workers.model_card import CARD_FILE, ModelCard, ModelStore, sha256_of
from workers.settings import WorkerSettings

INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "ultralytics"))
SETTINGS = WorkerSettings(backend="torch", device="cpu", threads=2, max_batch=3)


def make_model(root: Path, files: dict[str, Path], classes: tuple[str, ...]) -> ModelStore:
    """A model folder `things/1` with these files."""
    folder = root / "things" / "1"
    folder.mkdir(parents=True)
    for name, source in files.items():
        shutil.copyfile(source, folder / name)
    card = ModelCard(
        name="things",
        version=1,
        task="detect",
        classes=classes,
        shapes_wh=((416, 256), (416, 416)),
        files={name: sha256_of(folder / name) for name in files},
        licence="AGPL-3.0-only",
    )
    (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True))
    return ModelStore([root])


@pytest.fixture(scope="module")
def clip_pictures(data_dir: Path) -> list[U8]:
    """Three images of people, u8 BGR 768×432."""
    reader = cv2.VideoCapture(str(data_dir / "videos" / "one-by-one-person-detection.mp4"))
    images = []
    for number in range(301):
        _, image = reader.read()
        if number in (100, 200, 300):
            images.append(image)
    return images


@pytest.fixture(scope="module")
def things(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelStore, Any]:
    """The store with YOLOv8n as `things`, and Ultralytics' own model."""
    if not INSTALLED:
        pytest.skip("PyTorch and Ultralytics are not installed: the extra `train`")
    from ultralytics import YOLO

    checkpoint = data_dir / "weights" / "yolov8n.pt"
    model = YOLO(checkpoint)
    names = tuple(model.names[index] for index in range(len(model.names)))
    return make_model(tmp_path_factory.mktemp("models"), {"model.pt": checkpoint}, names), model


@pytest.mark.filterwarnings("default")
def test_boxes_are_those_of_ultralytics(things: tuple[ModelStore, Any], clip_pictures: list[U8]) -> None:
    """Through the whole way of a still: same boxes, classes and confidence as Ultralytics gives at that size."""
    import av

    store, model = things
    engine = load_engine(store, "things", SETTINGS)
    slot = EngineSlot(engine)
    compared = 0
    for image in clip_pictures:
        expected = model.predict(image, imgsz=(256, 416), conf=0.5, agnostic_nms=True, device="cpu", verbose=False)
        frame = Frame("still", "s", 0, 0, 0, 0, 0.0, 0.0, av.VideoFrame.from_ndarray(image, format="bgr24"))
        rows = detect_image({"things": slot}, frame, ("things",)).rows["things"]
        for xyxy, confidence, label in zip(
            expected[0].boxes.xyxy.numpy(), expected[0].boxes.conf.numpy(), expected[0].boxes.cls.numpy(), strict=True
        ):
            nearest = rows[np.abs(rows[:, :4] - xyxy).max(axis=1).argmin()]
            assert np.abs(nearest[:4] - xyxy).max() < 12, (nearest, xyxy)
            assert nearest[5] == label
            assert abs(nearest[4] - confidence) < 0.1
            compared += 1
    assert compared >= 2
    assert engine.backend == "torch-cpu"
    slot.close()


@pytest.mark.filterwarnings("default")
def test_each_slot_of_a_batch_gets_its_own_boxes(things: tuple[ModelStore, Any], clip_pictures: list[U8]) -> None:
    """A batch of three gives what three batches of one give."""
    engine = load_engine(things[0], "things", SETTINGS)
    images = [cv2.cvtColor(cv2.resize(image, (416, 256)), cv2.COLOR_BGR2RGB) for image in clip_pictures]
    with engine.request((416, 256)) as request:
        alone = []
        for image in images:
            request.tensor[0] = image
            alone.append(request.run(1)[0])
        for slot, image in enumerate(images):
            request.tensor[slot] = image
        together = request.run(3)
    for slot in range(3):
        assert np.allclose(together[slot][:5], alone[slot][:5], atol=0.5)
    assert not np.allclose(together[0][:2, :4], together[1][:2, :4], atol=1)
    engine.close()


@pytest.mark.filterwarnings("default")
def test_a_checkpoint_with_other_classes_is_refused(things: tuple[ModelStore, Any], tmp_path: Path) -> None:
    """The card and the checkpoint must speak of the same classes."""
    checkpoint = things[0].folder("things") / "model.pt"
    store = make_model(tmp_path, {"model.pt": checkpoint}, ("with_mask",))
    with pytest.raises(EngineError, match="but the card has"):
        load_engine(store, "things", SETTINGS)


def test_a_model_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    """What ships for OpenVINO only says so, installed or not."""
    graph = tmp_path / "model.xml"
    graph.write_text("<net/>")
    store = make_model(tmp_path / "models", {"model.xml": graph}, ("face",))
    with pytest.raises(EngineError, match="so PyTorch cannot run it"):
        load_engine(store, "things", SETTINGS)


def test_missing_packages_are_named(tmp_path: Path) -> None:
    """Where PyTorch is not installed the error says what to install."""
    checkpoint = tmp_path / "model.pt"
    checkpoint.write_bytes(b"")
    make_model(tmp_path / "models", {"model.pt": checkpoint}, ("face",))
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from workers.model_card import ModelStore\n"
        "from workers.errors import EngineError\n"
        "from workers.engines.load import load_engine\n"
        "from workers.settings import WorkerSettings\n"
        "try:\n"
        "    load_engine(ModelStore([Path(sys.argv[1])]), 'things', WorkerSettings(backend='torch'))\n"
        "except EngineError as error:\n"
        "    sys.exit(f'refused: {error}')\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "models")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "refused: workers.backend is torch, but PyTorch or Ultralytics is missing" in done.stderr
