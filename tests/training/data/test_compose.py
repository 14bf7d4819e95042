"""Made images: the box says where the pasted face is, and what was labelled stays as it was."""

from __future__ import annotations

import random

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from training.data.compose import Box, Image, crowd_image, cutout, poor_camera, wall, webcam_image, without_faces
from training.data.voc import LabelledBox

FACE: Box = (40.0, 30.0, 80.0, 90.0)


def crop() -> Image:
    """A white ellipse that fills FACE, on black."""
    image: Image = np.zeros((120, 120, 3), np.uint8)
    cv2.ellipse(image, (60, 60), (20, 30), 0, 0, 360, (255, 255, 255), -1)
    return image


def white(image: Image) -> npt.NDArray[np.float64]:
    """The box (xyxy) around what is white."""
    rows, columns = np.nonzero(image[:, :, 0] > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)


@pytest.mark.parametrize("degrees", [None, 0.0, 20.0, -45.0, 90.0])
def test_the_box_of_a_tilted_face_is_around_it(degrees: float | None) -> None:
    turned = cutout(crop(), FACE, degrees)
    assert np.abs(white(turned.image) - np.array(turned.box)).max() <= 2.5
    assert turned.alpha[white_centre(turned.image)] == 1


def white_centre(image: Image) -> tuple[int, int]:
    """Row and column."""
    x1, y1, x2, y2 = white(image)
    return int((y1 + y2) / 2), int((x1 + x2) / 2)


def test_a_tilted_face_comes_without_the_corners_of_its_crop() -> None:
    alpha = cutout(crop(), FACE, 30.0).alpha
    assert {float(alpha[corner]) for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1))} == {0.0}
    assert cutout(crop(), FACE).alpha.min() == 1


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("degrees", [None, 30.0])
def test_a_webcam_image_shows_a_large_face_where_its_box_is(seed: int, degrees: float | None) -> None:
    black = np.zeros((50, 80, 3), np.uint8)
    image, box = webcam_image(cutout(crop(), FACE, degrees), "without_mask", black, random.Random(seed))
    assert image.shape == (400, 640, 3)
    assert box.label == "without_mask"
    assert np.abs(white(image) - np.array(box.xyxy)).max() <= 0.04 * 400  # soft edges, and a crop enlarged five times
    assert box.xyxy[3] - box.xyxy[1] > 0.15 * 400


@pytest.mark.parametrize("seed", range(4))
def test_a_poor_camera_shows_the_same_place_in_fewer_details(seed: int) -> None:
    black = np.zeros((50, 80, 3), np.uint8)
    image, box = webcam_image(cutout(crop(), FACE), "without_mask", black, random.Random(seed))
    before = image.copy()
    poor = poor_camera(image, random.Random(seed))
    assert np.array_equal(image, before)
    assert poor.shape == image.shape and poor.dtype == np.uint8
    assert not np.array_equal(poor, image)
    x1, y1, x2, y2 = (int(value) for value in box.xyxy)
    bright = poor[y1:y2, x1:x2].mean() - np.median(poor)
    assert bright > 40, "the face is where it was"
    assert np.array_equal(poor, poor_camera(image, random.Random(seed)))


def test_a_background_keeps_the_place_and_loses_the_faces() -> None:
    grey = np.full((500, 800, 3), 90, np.uint8)
    cv2.circle(grey, (700, 250), 40, (0, 0, 200), -1)
    before = grey.copy()
    cv2.rectangle(grey, (100, 100), (200, 220), (255, 255, 255), -1)
    emptied = without_faces(grey, [LabelledBox("with_mask", (100.0, 100.0, 200.0, 220.0))])
    assert emptied.shape == (400, 640, 3)
    wanted = cv2.resize(before, (640, 400), interpolation=cv2.INTER_AREA)
    assert np.abs(emptied.astype(int) - wanted).max() <= 15
    assert emptied[200, 560, 2] > 190
    assert without_faces(grey, [LabelledBox("with_mask", (0.0, 0.0, 800.0, 500.0))]).std() == 0


def test_walls_are_plain_and_differ() -> None:
    first, second = wall(random.Random(1)), wall(random.Random(2))
    assert first.shape == (400, 640, 3) and first.dtype == np.uint8
    assert np.abs(first.mean((0, 1)) - second.mean((0, 1))).max() > 5
    assert np.abs(np.diff(first.astype(int), axis=1)).max() <= 3, "no edges"


def test_a_crowd_keeps_what_was_labelled_and_adds_small_faces_beside_it() -> None:
    noise = np.random.default_rng(3).integers(0, 100, (300, 400, 3)).astype(np.uint8)
    there = [
        LabelledBox("with_mask", (100.0, 50.0, 180.0, 150.0)),
        LabelledBox("with_mask", (250.0, 60.0, 300.0, 110.0)),
    ]
    faces = [(cutout(crop(), FACE, degrees), "without_mask") for degrees in (10.0, -30.0, 45.0, 0.0)]
    before = noise.copy()
    image, boxes = crowd_image(noise, there, faces, random.Random(1))
    assert np.array_equal(noise, before)
    assert boxes[:2] == there
    added = boxes[2:]
    assert len(added) == 4
    for number, box in enumerate(added):
        x1, y1, x2, y2 = box.xyxy
        assert 0 <= x1 < x2 <= 400
        assert 0 <= y1 < y2 <= 300
        assert y2 - y1 <= 62
        assert image[int((y1 + y2) / 2), int((x1 + x2) / 2)].mean() > 200
        for other in (*there, *added[:number]):
            u1, v1, u2, v2 = other.xyxy
            assert x2 <= u1 or u2 <= x1 or y2 <= v1 or v2 <= y1
    for box in there:
        x1, y1, x2, y2 = (int(value) for value in box.xyxy)
        inner = (slice(y1 + 5, y2 - 5), slice(x1 + 5, x2 - 5))
        assert np.array_equal(image[inner], before[inner])


def test_a_crowd_leaves_out_what_has_no_room() -> None:
    full = [LabelledBox("with_mask", (0.0, 0.0, 200.0, 100.0))]
    image = np.zeros((100, 200, 3), np.uint8)
    crowd, boxes = crowd_image(image, full, [(cutout(crop(), FACE), "without_mask")], random.Random(1))
    assert boxes == full
    assert np.array_equal(crowd, image)
