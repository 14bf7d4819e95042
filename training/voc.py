"""Pascal VOC annotations. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from training.errors import DatasetError


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """One object: its class name and its box in pixels of the picture (origin top left, x2 > x1, y2 > y1)."""

    label: str
    xyxy: tuple[float, float, float, float]


def read_voc(path: Path) -> list[LabelledBox]:
    """Read one VOC XML file.

    Raises DatasetError naming the file when the XML cannot be parsed or an object has no usable box.
    """
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise DatasetError(f"{path}: not a readable VOC annotation: {error}") from error
    return [_read_object(path, number, node) for number, node in enumerate(root.iter("object"), start=1)]


def _read_object(path: Path, number: int, node: ET.Element) -> LabelledBox:
    label = node.findtext("name", "").strip()
    if not label:
        raise DatasetError(f"{path}: object {number} has no name")
    try:
        x1, y1, x2, y2 = (float(node.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError as error:
        raise DatasetError(f"{path}: object {number} ({label}) has no usable bndbox: {error}") from error
    if x2 <= x1 or y2 <= y1:
        raise DatasetError(f"{path}: object {number} ({label}) has an empty box {x1, y1, x2, y2}")
    return LabelledBox(label, (x1, y1, x2, y2))
