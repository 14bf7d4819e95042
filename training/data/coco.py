"""Data sets as COCO has them: JSON with images, annotations and categories. Pure apart from reading the disk.

The format: https://cocodataset.org/#format-data. One file, or one for each part, told by its name or its folder's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.data.labelled_set import LabelledSet, by_name
from training.data.split import Split
from training.data.voc import FoundLabels, FoundObject
from training.errors import DatasetError

_KEYS = ("images", "annotations", "categories")
_PARTS = {"train": "train", "valid": "val", "val": "val", "test": "test"}


def find_coco(source: Path) -> list[Path]:
    """The COCO files of a folder: in it, in its annotations/, or one beside the images of each part."""
    return [path for path in sorted([*source.glob("*.json"), *source.glob("*/*.json")]) if _is_coco(path)]


def _is_coco(path: Path) -> bool:
    """By content: what cannot be parsed but has the three keys is one that is broken."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return False
    if not all(f'"{key}"' in text for key in _KEYS):
        return False
    try:
        data = json.loads(text)
    except ValueError:
        return True
    return isinstance(data, dict) and all(isinstance(data.get(key), list) for key in _KEYS)


def open_coco(source: Path, files: Iterable[Path]) -> LabelledSet:
    """The set in these files, which must agree on the categories. Raises DatasetError naming file and entry."""
    read_files = {path: _CocoFile(source, path) for path in files}
    first = next(iter(read_files))
    classes = read_files[first].classes
    paths: list[Path] = []
    labels: dict[str, tuple[FoundLabels, Path]] = {}
    split: Split = {}
    for path, file in read_files.items():
        if file.classes != classes:
            raise DatasetError(f"{path}: its categories differ from those of {first}")
        paths += [image for image, _ in file.images]
        labels |= {image.stem: (found, image) for image, found in file.images}
        if file.part is not None:
            split.setdefault(file.part, []).extend(image.stem for image, _ in file.images)

    def read(name: str, size_wh: tuple[int, int]) -> FoundLabels:
        return labels[name][0]

    whole = "train" in split and "val" in split and all(file.part for file in read_files.values())
    return LabelledSet(
        "COCO",
        {name: path for name, path in by_name(paths).items() if path.is_file()},
        {name: path for name, (_, path) in labels.items()},
        classes,
        read,
        split if whole else None,
        first if whole else None,
    )


class _CocoFile:
    """One file, read. images: the path of each and its labels. part: by the file's name, else its folder's."""

    def __init__(self, source: Path, path: Path) -> None:
        try:
            data = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: not a readable COCO file: {error}") from error
        self.part = _part_of(path, source)
        try:
            names = {entry["id"]: str(entry["name"]) for entry in data["categories"]}
            self.classes = tuple(names[number] for number in sorted(names))
            entries: dict[Any, list[dict[str, Any]]] = {entry["id"]: [] for entry in data["images"]}
            for entry in data["annotations"]:
                entries[entry["image_id"]].append(entry)
            self.images = [
                (_image(source, path, str(entry["file_name"])), _found(entry, entries[entry["id"]], names))
                for entry in data["images"]
            ]
        except KeyError as error:
            raise DatasetError(f"{path}: an entry lacks or refers to {error}, which is not there") from error
        except (TypeError, AttributeError) as error:
            raise DatasetError(f"{path}: not a COCO file: {error}") from error
        if len(set(self.classes)) < len(self.classes):
            raise DatasetError(f"{path}: two categories have the same name")


def _part_of(path: Path, source: Path) -> str | None:
    folder = path.parent.name if path.parent != source else ""
    for name in (path.stem, folder):
        for word, part in _PARTS.items():
            if word in name.lower():
                return part
    return None


def _image(source: Path, path: Path, name: str) -> Path:
    """Where an image of a file lies; where it should, if nowhere."""
    part = path.stem.removeprefix("instances_")
    folders = (source / "images", path.parent, source, source / "images" / part, source / part)
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


def _found(entry: Mapping[str, Any], annotations: list[dict[str, Any]], names: Mapping[Any, str]) -> FoundLabels:
    width, height = entry.get("width"), entry.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return FoundLabels(size, tuple(_object(number, item, names) for number, item in enumerate(annotations, 1)))


def _object(number: int, entry: Mapping[str, Any], names: Mapping[Any, str]) -> FoundObject:
    label = names.get(entry["category_id"], f"category {entry['category_id']}")
    try:
        x, y, w, h = (float(value) for value in entry["bbox"])
    except (ValueError, TypeError, KeyError) as error:
        return FoundObject(number, label, None, f"has no usable bbox: {error}")
    if not all(abs(value) < 1e9 for value in (x, y, w, h)):
        return FoundObject(number, label, None, f"has no usable bbox: {x, y, w, h}")
    return FoundObject(number, label, (x, y, x + w, y + h), crowd=bool(entry.get("iscrowd", 0)))
