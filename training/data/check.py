"""Checks a set of labelled images for everything that would spoil training. Pure apart from reading the disk.

Every mistake is a finding with its file, its object and what a repair does about it. What is returned beside the
findings is the data set as the repair leaves it, so that building and repairing do the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from training.data.findings import DatasetFinding, Kind
from training.data.formats import open_set
from training.data.labelled_set import Format, LabelledSet
from training.data.near_duplicates import Fingerprint, fingerprint, groups, near_duplicates
from training.data.split import PARTS, Split, read_split
from training.data.voc import Box, FoundObject, LabelledBox, clipped, is_empty
from training.errors import DatasetError


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
    """What was found, and the data set as a repair leaves it; split is None when nothing shares it out.

    format and classes: the set's own, or the classes that were asked for.
    """

    format: Format = "Pascal VOC"
    classes: tuple[str, ...] = ()
    findings: list[DatasetFinding] = field(default_factory=list)
    images: dict[str, CheckedImage] = field(default_factory=dict)
    split: Split | None = None

    @property
    def errors(self) -> list[DatasetFinding]:
        """The findings that have to be repaired."""
        return [finding for finding in self.findings if finding.is_error]


def check(source: Path, classes: Iterable[str] | None = None, split: Path | None = None) -> CheckReport:
    """Check a set's images and labels, and how it is shared out: by `split`, SOURCE/split.json, or its own files.

    classes: the known ones; None for the set's own. Raises DatasetError when there is no set or a file of the whole
    set cannot be read.
    """
    found = open_set(source)
    known = found.classes if classes is None else tuple(classes)
    checked = CheckReport(found.format, known)
    prints: dict[str, Fingerprint] = {}
    for name in sorted({*found.images, *found.labels}):
        looked = _check_image(name, found, known, checked.findings)
        if looked is not None:
            checked.images[name], prints[name] = looked
    split_path = split or source / "split.json"
    if split or split_path.is_file():
        checked.split = _check_split(split_path, read_split(split_path), checked)
    elif found.split is not None and found.split_file is not None:
        own = {part: sorted(name for name in names if name in checked.images) for part, names in found.split.items()}
        checked.split = _check_split(found.split_file, own, checked)  # what is unusable was named above
    _check_duplicates(checked, prints)
    return checked


def _check_image(
    name: str, found: LabelledSet, classes: tuple[str, ...], findings: list[DatasetFinding]
) -> tuple[CheckedImage, Fingerprint] | None:
    image, labels = found.images.get(name), found.labels.get(name)
    if image is None:
        assert labels is not None
        findings.append(DatasetFinding("no image", labels, f"there is no image {name}", "removed"))
        return None
    if labels is None:
        findings.append(DatasetFinding("no annotation", image, "the image has no labels", "left out"))
        return None
    pixels = cv2.imread(str(image), cv2.IMREAD_COLOR)
    if pixels is None:
        findings.append(DatasetFinding("unreadable image", image, "it cannot be decoded", "removed with its labels"))
        return None
    size_wh = (pixels.shape[1], pixels.shape[0])
    try:
        read = found.read(name, size_wh)
    except DatasetError as error:
        message = str(error).removeprefix(f"{labels}: ")
        findings.append(DatasetFinding("bad annotation", labels, message, "removed with its image"))
        return None
    if read.size_wh is not None and read.size_wh != size_wh:
        said, real = (f"{width}x{height}" for width, height in (read.size_wh, size_wh))
        findings.append(DatasetFinding("size differs", labels, f"it has {said}, but the image is {real}", "corrected"))
    boxes = (_check_object(labels, item, size_wh, classes, findings) for item in read.objects)
    checked = CheckedImage(name, image, size_wh, tuple(box for box in boxes if box is not None), name)
    return checked, fingerprint(np.asarray(pixels))


def _check_object(
    path: Path, found: FoundObject, size_wh: tuple[int, int], classes: tuple[str, ...], findings: list[DatasetFinding]
) -> LabelledBox | None:
    def add(kind: Kind, message: str, remedy: str) -> None:
        label = found.label if kind == "unknown class" else None
        findings.append(DatasetFinding(kind, path, message, remedy, found.number, label))

    if found.crowd:
        add("crowd", f"{found.label} stands for many objects", "object removed")
        return None
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
