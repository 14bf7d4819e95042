"""Checks a folder of Pascal VOC for everything that would spoil training. Pure apart from reading the disk.

Every mistake is a finding with its file, its object and what a repair does about it. What is returned beside the
findings is the data set as the repair leaves it, so that building and repairing do the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from training.data.near_duplicates import Fingerprint, fingerprint, groups, near_duplicates
from training.data.split import PARTS, Split, read_split
from training.data.voc import Box, LabelledBox, VocObject, clipped, is_empty, read_as_found
from training.errors import DatasetError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
Kind = Literal[
    "bad annotation", "no image", "unreadable image", "no annotation", "unknown class", "bad box", "empty box",
    "outside", "size differs", "duplicate", "leak", "split: unknown image", "split: twice", "split: left out",
]  # fmt: skip
WARNINGS: frozenset[Kind] = frozenset({"no annotation", "size differs", "duplicate", "split: left out"})


@dataclass(frozen=True, slots=True)
class DatasetFinding:
    """One fault. object: counted from 1; None for the whole file. remedy: what a repair does."""

    kind: Kind
    file: Path
    message: str
    remedy: str
    object: int | None = None

    @property
    def is_error(self) -> bool:
        """Whether it has to be repaired before training."""
        return self.kind not in WARNINGS

    def __str__(self) -> str:
        where = f"{self.file}: object {self.object}" if self.object is not None else str(self.file)
        return f"{where}: {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """One good image with its boxes inside it. head: name of the first of its group of near-duplicates."""

    name: str
    path: Path
    size_wh: tuple[int, int]
    boxes: tuple[LabelledBox, ...]
    head: str


@dataclass(slots=True)
class CheckReport:
    """What was found, and the data set as a repair leaves it; split is None when there is no split file."""

    findings: list[DatasetFinding] = field(default_factory=list)
    images: dict[str, CheckedImage] = field(default_factory=dict)
    split: Split | None = None

    @property
    def errors(self) -> list[DatasetFinding]:
        """The findings that have to be repaired."""
        return [finding for finding in self.findings if finding.is_error]


def check(source: Path, classes: Iterable[str], split: Path | None = None) -> CheckReport:
    """Check SOURCE/annotations/*.xml and SOURCE/images, and the split (SOURCE/split.json when there is one).

    Raises DatasetError when there is no such folder or the split file cannot be read.
    """
    known = tuple(classes)
    checked = CheckReport()
    images = _images(source)
    annotations = {path.stem: path for path in sorted((source / "annotations").glob("*.xml"))}
    prints: dict[str, Fingerprint] = {}
    for name in sorted({*images, *annotations}):
        looked = _check_image(name, images.get(name), annotations.get(name), known, checked.findings)
        if looked is not None:
            checked.images[name], prints[name] = looked
    split_path = split or source / "split.json"
    if split or split_path.is_file():
        checked.split = _check_split(split_path, read_split(split_path), checked)
    _check_duplicates(checked, prints)
    return checked


def _images(source: Path) -> dict[str, Path]:
    for folder in (source / "images", source / "annotations"):
        if not folder.is_dir():
            raise DatasetError(f"{folder}: no such folder; a data set has images/ and annotations/")
    found: dict[str, Path] = {}
    for path in sorted((source / "images").iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if path.stem in found:
                raise DatasetError(f"{path}: has the same name as {found[path.stem].name}")
            found[path.stem] = path
    return found


def _check_image(
    name: str, image: Path | None, annotation: Path | None, classes: tuple[str, ...], findings: list[DatasetFinding]
) -> tuple[CheckedImage, Fingerprint] | None:
    if annotation is None and image is not None:
        findings.append(DatasetFinding("no annotation", image, "the image has no labels", "left out"))
        return None
    assert annotation is not None
    if image is None:
        findings.append(DatasetFinding("no image", annotation, f"there is no images/{name}.*", "removed"))
        return None
    pixels = cv2.imread(str(image), cv2.IMREAD_COLOR)
    if pixels is None:
        findings.append(DatasetFinding("unreadable image", image, "it cannot be decoded", "removed with its labels"))
        return None
    try:
        voc = read_as_found(annotation)
    except DatasetError as error:
        message = str(error).removeprefix(f"{annotation}: ")
        findings.append(DatasetFinding("bad annotation", annotation, message, "removed with its image"))
        return None
    size_wh = (pixels.shape[1], pixels.shape[0])
    if voc.size_wh is not None and voc.size_wh != size_wh:
        said, real = (f"{width}x{height}" for width, height in (voc.size_wh, size_wh))
        findings.append(
            DatasetFinding("size differs", annotation, f"it has {said}, but the image is {real}", "corrected")
        )
    boxes = (_check_object(annotation, found, size_wh, classes, findings) for found in voc.objects)
    checked = CheckedImage(name, image, size_wh, tuple(box for box in boxes if box is not None), name)
    return checked, fingerprint(np.asarray(pixels))


def _check_object(
    path: Path, found: VocObject, size_wh: tuple[int, int], classes: tuple[str, ...], findings: list[DatasetFinding]
) -> LabelledBox | None:
    def add(kind: Kind, message: str, remedy: str) -> None:
        findings.append(DatasetFinding(kind, path, message, remedy, found.number))

    if found.label not in classes:
        add("unknown class", f"{found.label!r}; known are {', '.join(classes)}", "object removed")
        return None
    if found.xyxy is None:
        add("bad box", f"{found.label} {found.problem}", "object removed")
        return None
    if is_empty(found.xyxy):
        add("empty box", f"{found.label} {_shown(found.xyxy)}", "object removed")
        return None
    inside = clipped(found.xyxy, size_wh)
    if is_empty(inside):
        add("outside", f"{found.label} {_shown(found.xyxy)}, image {size_wh[0]}x{size_wh[1]}", "object removed")
        return None
    if inside != found.xyxy:
        add("outside", f"{found.label} {_shown(found.xyxy)}, image {size_wh[0]}x{size_wh[1]}", "clipped")
    return LabelledBox(found.label, inside)


def _shown(xyxy: Box) -> str:
    return "(" + ", ".join(f"{side:g}" for side in xyxy) + ")"


def _check_split(path: Path, split: Split, checked: CheckReport) -> Split:
    kept: Split = {part: [] for part in split}
    taken: dict[str, str] = {}
    for part in reversed([part for part in PARTS if part in split]):  # what measures goes before what trains
        for name in split[part]:
            if name in taken:
                message = f"{name} is in {taken[name]} and in {part}"
                checked.findings.append(DatasetFinding("split: twice", path, message, f"stays in {taken[name]}"))
            elif name not in checked.images:
                message = f"{part} names {name}, which is missing or unusable"
                checked.findings.append(DatasetFinding("split: unknown image", path, message, "left out"))
            else:
                taken[name] = part
                kept[part].append(name)
    for name in sorted(set(checked.images) - set(taken)):
        checked.findings.append(DatasetFinding("split: left out", path, f"{name} is in no part", "left out"))
        del checked.images[name]
    return kept


def _check_duplicates(checked: CheckReport, prints: dict[str, Fingerprint]) -> None:
    """Report near duplicates. Within one part the first stays; across parts the one that is measured on."""
    names = list(checked.images)
    order = {name: part for part in PARTS for name in (checked.split or {}).get(part, [])}
    pairs = near_duplicates([prints[name] for name in names])
    for first, second in pairs:
        one, other = names[first], names[second]
        if order.get(one) != order.get(other) and PARTS.index(order[one]) < PARTS.index(order[other]):
            one, other = other, one
        if one not in checked.images or other not in checked.images:
            continue
        kind: Kind = "duplicate" if order.get(one) == order.get(other) else "leak"
        message = f"shows the same as {checked.images[one].path.name}"
        if kind == "leak":
            message += f"; one is in {order[other]}, the other in {order[one]}"
        checked.findings.append(DatasetFinding(kind, checked.images[other].path, message, "removed"))
        del checked.images[other]
        if checked.split is not None:
            checked.split[order[other]].remove(other)
    heads = groups(len(names), pairs)
    for index, name in enumerate(names):
        if (entry := checked.images.get(name)) is not None:
            checked.images[name] = CheckedImage(name, entry.path, entry.size_wh, entry.boxes, names[heads[index]])
