"""Pascal VOC annotations: read strictly, read as found for the check, and written. Pure apart from the disk."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import DatasetError

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """One object: its class name and its box in pixels of the image (origin top left, x2 > x1, y2 > y1)."""

    label: str
    xyxy: Box


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One object as the file has it: counted from 1; `xyxy` is None when there is no usable box, `problem` says why.

    crowd: a region of many objects, which COCO has; it is none to learn from.
    """

    number: int
    label: str
    xyxy: Box | None
    problem: str = ""
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class FoundLabels:
    """One annotation as found. size_wh is None when the file does not say."""

    size_wh: tuple[int, int] | None
    objects: tuple[FoundObject, ...]


def read_voc(path: Path) -> list[LabelledBox]:
    """Read one VOC XML file.

    Raises DatasetError naming the file when the XML cannot be parsed or an object has no usable box.
    """
    boxes = []
    for found in read_as_found(path).objects:
        if not found.label:
            raise DatasetError(f"{path}: object {found.number} has no name")
        if found.xyxy is None:
            raise DatasetError(f"{path}: object {found.number} ({found.label}) {found.problem}")
        if is_empty(found.xyxy):
            raise DatasetError(f"{path}: object {found.number} ({found.label}) has an empty box {found.xyxy}")
        boxes.append(LabelledBox(found.label, found.xyxy))
    return boxes


def read_as_found(path: Path) -> FoundLabels:
    """Read one VOC XML file with its faults. Raises DatasetError (file and line) when the XML cannot be parsed."""
    try:
        root = ET.parse(path).getroot()  # nosec B314  # expat loads no external entities, and bounds the others
    except (OSError, ET.ParseError, ValueError) as error:
        raise DatasetError(f"{path}: not a readable VOC annotation: {error}") from error
    try:
        size = int(root.findtext("size/width", "")), int(root.findtext("size/height", ""))
    except ValueError:
        size = None
    return FoundLabels(
        size, tuple(_read_object(number, node) for number, node in enumerate(root.iter("object"), start=1))
    )


def _read_object(number: int, node: ET.Element) -> FoundObject:
    label = node.findtext("name", "").strip()
    try:
        x1, y1, x2, y2 = (float(node.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError as error:
        return FoundObject(number, label, None, f"has no usable bndbox: {error}")
    if not all(abs(value) < 1e9 for value in (x1, y1, x2, y2)):
        return FoundObject(number, label, None, f"has no usable bndbox: {x1, y1, x2, y2}")
    return FoundObject(number, label, (x1, y1, x2, y2))


def is_empty(xyxy: Box) -> bool:
    """Whether a box has no area."""
    return xyxy[2] <= xyxy[0] or xyxy[3] <= xyxy[1]


def clipped(xyxy: Box, size_wh: tuple[int, int]) -> Box:
    """The part of a box inside an image; may be empty."""
    width, height = size_wh
    x1, x2 = (min(max(value, 0.0), float(width)) for value in (xyxy[0], xyxy[2]))
    y1, y2 = (min(max(value, 0.0), float(height)) for value in (xyxy[1], xyxy[3]))
    return x1, y1, x2, y2


def write_voc(path: Path, image: str, size_wh: tuple[int, int], boxes: Sequence[LabelledBox]) -> None:
    """Write one VOC XML file, whole or not at all. Raises DatasetError."""
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = image
    size = ET.SubElement(root, "size")
    for tag, value in (("width", size_wh[0]), ("height", size_wh[1]), ("depth", 3)):
        ET.SubElement(size, tag).text = str(value)
    for box in boxes:
        node = ET.SubElement(root, "object")
        ET.SubElement(node, "name").text = box.label
        bounds = ET.SubElement(node, "bndbox")
        for tag, side in zip(("xmin", "ymin", "xmax", "ymax"), box.xyxy, strict=True):
            ET.SubElement(bounds, tag).text = f"{side:g}"
    ET.indent(root)
    aside = path.with_suffix(".xml.part")
    try:
        aside.write_bytes(ET.tostring(root))
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DatasetError(f"{path}: cannot write it: {error.strerror or error}") from error
