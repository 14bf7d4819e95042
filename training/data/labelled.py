"""Labelled images to measure on, from a folder of Pascal VOC, or as YOLO has them, such as `dataset build` wrote. Pure.

A size is the square root of a box's area in pixels of its image; below SMALL it is small, from LARGE on large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.data.labelled_set import IMAGE_SUFFIXES
from training.data.split import read_split
from training.data.voc import Box, LabelledBox, read_voc
from training.data.yolo import DATA_YAML, labels_of, part_images, read_data_yaml, read_labels
from training.errors import DatasetError

SMALL, LARGE = 16.0, 64.0
SIZES = ("small", "medium", "large")
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image and its boxes, in pixels."""

    path: Path
    boxes: tuple[LabelledBox, ...]


def side_of(xyxy: Box) -> float:
    """The size of a box: the square root of its area, pixels."""
    return math.sqrt(max(0.0, xyxy[2] - xyxy[0]) * max(0.0, xyxy[3] - xyxy[1]))


def size_name(side: float) -> str:
    """small, medium or large."""
    return SIZES[0] if side < SMALL else SIZES[1] if side < LARGE else SIZES[2]


def read_image(path: Path) -> Image:
    """An image, u8 HWC BGR, turned by its EXIF. Raises DatasetError naming it."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{path}: missing, or not a readable image")
    return image.astype(np.uint8, copy=False)


def read_labelled(folder: Path, part: str) -> list[Labelled]:
    """The images of one part. Raises DatasetError naming the file that is missing or wrong."""
    if (folder / DATA_YAML).is_file():
        found = _read_yolo(folder, part)
    elif any((folder / "annotations").glob("*.xml")):
        found = _read_voc_folder(folder, part)
    else:
        raise DatasetError(
            f"{folder}: has neither data.yaml (YOLO) nor annotations/*.xml (Pascal VOC); of COCO "
            "`livesight dataset build` makes a folder to measure on"
        )
    if not found:
        raise DatasetError(f"{folder}: no images in part {part!r}")
    return found


def _read_voc_folder(folder: Path, part: str) -> list[Labelled]:
    split = read_split(folder / "split.json")
    if part not in split:
        raise DatasetError(f"{folder / 'split.json'}: has no part {part!r}; it has {', '.join(split)}")
    images = {path.stem: path for path in (folder / "images").iterdir() if path.suffix.lower() in IMAGE_SUFFIXES}
    found = []
    for name in split[part]:
        if name not in images:
            raise DatasetError(f"{folder / 'images' / name}: missing, but split.json names it in {part}")
        found.append(Labelled(images[name], tuple(read_voc(folder / "annotations" / f"{name}.xml"))))
    return found


def _read_yolo(folder: Path, part: str) -> list[Labelled]:
    data, classes = read_data_yaml(folder / DATA_YAML)
    return [Labelled(path, _boxes_of(path, classes)) for path in part_images(folder, data, part)]


def _boxes_of(image: Path, classes: tuple[str, ...]) -> tuple[LabelledBox, ...]:
    path = labels_of(image)
    height, width = read_image(image).shape[:2]
    boxes = []
    for found in read_labels(path, classes, (width, height)):
        if found.label not in classes:
            raise DatasetError(f"{path}: line {found.number}: {found.label!r}; known are {', '.join(classes)}")
        if found.xyxy is None:
            raise DatasetError(f"{path}: line {found.number}: {found.label} {found.problem}")
        boxes.append(LabelledBox(found.label, found.xyxy))
    return tuple(boxes)
