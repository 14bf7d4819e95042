"""Data sets as Ultralytics' YOLO has them: data.yaml, a text beside each image. Pure apart from reading the disk.

data.yaml: https://docs.ultralytics.com/datasets/detect/ (`path`, `train`, `val`, `test`, `names`). Lines are
`class x y width height`, or a class and the corners of a polygon, whose box is taken; shares of the image's sides.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from training.data.labelled_set import LabelledSet, by_name, images_in
from training.data.split import PARTS, Split
from training.data.voc import Box, FoundLabels, FoundObject
from training.errors import DatasetError

DATA_YAML = "data.yaml"
_DECIMALS = 2
"""Of a pixel: six decimals of a share, as usual, are finer up to 5,000 pixels, so whole pixels come back whole."""
_ROUNDED = 1e-5
"""Past the edge by at most this share of a side is what rounding does."""


def read_data_yaml(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A data.yaml and its class names, by number. Raises DatasetError in one line."""
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise DatasetError(f"{path}: cannot read it: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        why = getattr(error, "problem", None) or " ".join(str(error).split())
        raise DatasetError(f"{path}: not a data set's data.yaml: {where}{why}") from error
    names = data.get("names") if isinstance(data, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or set(names) != set(range(len(names))):
        raise DatasetError(
            f"{path}: not a data set's data.yaml: 'names' must list the classes, or number them from 0 without a gap"
        )
    classes = tuple(str(names[index]) for index in range(len(names)))
    if len(set(classes)) < len(classes) or data.get("nc", len(classes)) != len(classes):
        raise DatasetError(f"{path}: 'names' must have each class once, as many as 'nc' says")
    return data, classes


def open_yolo(source: Path) -> LabelledSet:
    """The set of SOURCE/data.yaml. Raises DatasetError naming what of it is missing."""
    path = source / DATA_YAML
    data, classes = read_data_yaml(path)
    parts = {part: part_images(source, data, part) for part in PARTS if data.get(part)}
    listed = [image for images in parts.values() for image in images] or images_in(source / "images")
    names = by_name(dict.fromkeys(listed))
    labels = {name: labels_of(image) for name, image in names.items()}
    split: Split = {part: [image.stem for image in images] for part, images in parts.items()}
    whole = "train" in split and "val" in split

    def read(name: str, size_wh: tuple[int, int]) -> FoundLabels:
        return FoundLabels(None, read_labels(labels[name], classes, size_wh))

    return LabelledSet(
        "YOLO",
        {name: image for name, image in names.items() if image.is_file()},
        {name: file for name, file in labels.items() if file.is_file() or not names[name].is_file()},
        classes,
        read,
        split if whole else None,
        path if whole else None,
    )


def part_images(source: Path, data: dict[str, Any], part: str) -> list[Path]:
    """The images that data.yaml names for a part, in folders or texts that list them; they may be missing.

    Raises DatasetError when it names none, or a place that is not there.
    """
    if not data.get(part):
        raise DatasetError(f"{source / DATA_YAML}: names no images for {part!r}")
    texts = data[part] if isinstance(data[part], list) else [data[part]]
    found: list[Path] = []
    for text in texts:
        place = _place(source, data, part, text)
        found += images_in(place) if place.is_dir() else _listed(place)
    return list(dict.fromkeys(found))


def _place(source: Path, data: dict[str, Any], part: str, text: object) -> Path:
    if not isinstance(text, str):
        raise DatasetError(f"{source / DATA_YAML}: {part!r} must name a folder or a list of images, not {text!r}")
    roots = (source / str(data.get("path") or ""), source)
    tried = [root / text for root in roots]
    tried += [source / text.removeprefix("../")]  # as Roboflow writes it
    for place in tried:
        if place.exists():
            return Path(os.path.normpath(place))
    raise DatasetError(f"{source / DATA_YAML}: {part!r} names {text}, which is not there ({tried[0]})")


def _listed(listing: Path) -> list[Path]:
    try:
        lines = [line.strip() for line in listing.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{listing}: not a list of images: {error}") from error
    return [Path(os.path.normpath(listing.parent / line)) for line in lines if line]


def labels_of(image: Path) -> Path:
    """`labels` for the last `images` in the path, as Ultralytics has it; without one, beside the image."""
    folders = list(image.parent.parts)
    for index in range(len(folders) - 1, -1, -1):
        if folders[index] == "images":
            folders[index] = "labels"
            break
    return Path(*folders) / f"{image.stem}.txt"


def read_labels(path: Path, classes: Sequence[str], size_wh: tuple[int, int]) -> tuple[FoundObject, ...]:
    """The objects of a label file, in pixels of its image, with their faults. Raises DatasetError naming the file."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not a readable YOLO label: {error}") from error
    return tuple(_read_line(number, line, classes, size_wh) for number, line in enumerate(lines, 1) if line.strip())


def _read_line(number: int, line: str, classes: Sequence[str], size_wh: tuple[int, int]) -> FoundObject:
    """number: of the line, which is the object's."""
    first, *rest = line.split()
    index = int(first) if first.isascii() and first.isdecimal() else -1
    label = classes[index] if 0 <= index < len(classes) else f"class {first}"
    try:
        sides = [float(value) for value in rest]
    except ValueError as error:
        return FoundObject(number, label, None, f"has no usable box: {error}")
    if len(sides) == 4:
        x, y, w, h = sides
        shares = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    elif len(sides) >= 6 and len(sides) % 2 == 0:
        shares = (min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2]))
    else:
        return FoundObject(number, label, None, f"has {len(sides)} numbers, not x y width height or a polygon")
    if not all(abs(share) < 1e6 for share in shares):
        return FoundObject(number, label, None, f"has no usable box: {shares}")
    return FoundObject(number, label, _in_pixels(shares, size_wh))


def _in_pixels(shares: Box, size_wh: tuple[int, int]) -> Box:
    def side(share: float, length: int) -> float:
        if -_ROUNDED <= share <= 0 or 1 <= share <= 1 + _ROUNDED:
            return float(round(share) * length)
        return round(share * length, _DECIMALS)

    (x1, y1, x2, y2), (width, height) = shares, size_wh
    return side(x1, width), side(y1, height), side(x2, width), side(y2, height)
