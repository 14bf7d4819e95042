"""The detector's data set: VOC annotations and face crops in, a YOLO folder out. Pure apart from the disk."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import cv2

from training.compose import FaceBoxer, Image, webcam_picture, zoomed
from training.errors import DatasetError
from training.voc import LabelledBox, read_voc

CLASSES = ("with_mask", "without_mask", "mask_weared_incorrect")


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """Where the data comes from and how much of it is made.

    `crops` is the number of pictures with one large face made from the classification set, `zooms` the number of
    windows cut around labelled faces; `rare_repeats` how often a picture that shows the rarest class is listed.
    """

    facemask: Path
    maskcls: Path
    yunet: Path
    out: Path
    crops: int = 320
    zooms: int = 240
    rare_repeats: int = 2
    seed: int = 7


def build(settings: DatasetSettings) -> Path:
    """Write the YOLO folder (images, labels, train.txt, data.yaml) and return the path of its data.yaml.

    Raises DatasetError naming the file that is missing, unreadable or mislabelled.
    """
    rng = random.Random(settings.seed)
    split = read_split(settings.facemask / "split.json")
    listed: dict[str, list[Path]] = {"train": [], "val": []}
    labelled: list[tuple[Path, list[LabelledBox]]] = []
    for part in listed:
        for name in split[part]:
            image_path = settings.facemask / "images" / f"{name}.jpg"
            boxes = read_voc(settings.facemask / "annotations" / f"{name}.xml")
            target = _write(settings.out, part, name, _read_image(image_path), boxes)
            repeats = settings.rare_repeats if any(b.label == CLASSES[2] for b in boxes) and part == "train" else 1
            listed[part] += [target] * repeats
            if part == "train":
                labelled.append((image_path, boxes))
    listed["train"] += _write_zooms(settings, labelled, rng) + _write_crops(settings, labelled, rng)
    for part, paths in listed.items():
        (settings.out / f"{part}.txt").write_text("".join(f"{path.resolve()}\n" for path in paths))
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(CLASSES))
    data_yaml = settings.out / "data.yaml"
    data_yaml.write_text(f"path: {settings.out.resolve()}\ntrain: train.txt\nval: val.txt\nnames:\n{names}")
    return data_yaml


def read_split(path: Path) -> dict[str, list[str]]:
    """The names of the pictures in "train" and "val". Raises DatasetError."""
    try:
        split = json.loads(path.read_text())
        return {"train": list(split["train"]), "val": list(split["val"])}
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path}: not a split file with 'train' and 'val': {error}") from error


def _read_image(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{path}: missing or not a readable picture")
    return image  # type: ignore[return-value]


def _write(out: Path, part: str, name: str, image_bgr: Image, boxes: list[LabelledBox]) -> Path:
    height, width = image_bgr.shape[:2]
    lines = []
    for box in boxes:
        if box.label not in CLASSES:
            raise DatasetError(f"{name}: unknown class {box.label!r}; known are {', '.join(CLASSES)}")
        x1, y1 = max(0.0, box.xyxy[0]), max(0.0, box.xyxy[1])
        x2, y2 = min(float(width), box.xyxy[2]), min(float(height), box.xyxy[3])
        centre = f"{(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f}"
        lines.append(f"{CLASSES.index(box.label)} {centre} {(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n")
    image_path = out / "images" / part / f"{name}.jpg"
    label_path = out / "labels" / part / f"{name}.txt"
    for path in (image_path, label_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(image_path), image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 92]):
        raise DatasetError(f"{image_path}: cannot be written")
    label_path.write_text("".join(lines))
    return image_path


def _write_zooms(
    settings: DatasetSettings, labelled: list[tuple[Path, list[LabelledBox]]], rng: random.Random
) -> list[Path]:
    by_label: dict[str, list[tuple[Path, list[LabelledBox], LabelledBox]]] = {name: [] for name in CLASSES}
    for path, boxes in labelled:
        for box in boxes:
            if box.xyxy[3] - box.xyxy[1] >= 24:
                by_label[box.label].append((path, boxes, box))
    written = []
    for number in range(settings.zooms):
        pool = by_label[CLASSES[number % 3]]
        path, boxes, around = rng.choice(pool)
        picture, kept = zoomed(_read_image(path), boxes, around, rng, (640, 400))
        written.append(_write(settings.out, "train", f"zoom{number:04d}", picture, kept))
    return written


def _write_crops(
    settings: DatasetSettings, labelled: list[tuple[Path, list[LabelledBox]]], rng: random.Random
) -> list[Path]:
    boxer = FaceBoxer(settings.yunet)
    written: list[Path] = []
    for label in CLASSES[:2]:
        paths = sorted((settings.maskcls / label).iterdir())
        rng.shuffle(paths)
        wanted = len(written) + settings.crops // 2
        for path in paths:
            if len(written) >= wanted:
                break
            crop = _read_image(path)
            box = boxer.one_face(crop)
            if box is None:
                continue
            background = _read_image(rng.choice(labelled)[0])
            picture, placed = webcam_picture(crop, box, label, background, rng)
            written.append(_write(settings.out, "train", f"webcam_{label}_{path.stem}", picture, [placed]))
    return written
