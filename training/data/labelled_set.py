"""A set of labelled images, whatever form it came in, with its faults. Pure apart from reading the disk.

Images are named by their stems, which are unique in a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from training.data.split import Split
from training.data.voc import FoundLabels
from training.errors import DatasetError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
Format = Literal["Pascal VOC", "YOLO", "COCO"]


class ReadLabels(Protocol):
    """The labels of one image, in pixels. Raises DatasetError for a file that cannot be parsed."""

    def __call__(self, name: str, size_wh: tuple[int, int]) -> FoundLabels:
        """size_wh: of the decoded image."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """images and labels: by name the file of each; those that lack one or the other are faults.

    classes: in the order of their numbers. split: as the set's own files share it out; None where they do not, and then
    split_file is None too.
    """

    format: Format
    images: Mapping[str, Path]
    labels: Mapping[str, Path]
    classes: tuple[str, ...]
    read: ReadLabels
    split: Split | None = None
    split_file: Path | None = None


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Images by their stems. Raises DatasetError for two with the same."""
    found: dict[str, Path] = {}
    for path in paths:
        if (other := found.setdefault(path.stem, path)) != path:
            raise DatasetError(f"{path}: has the same name as {other}; the names of a set's images must differ")
    return found


def images_in(folder: Path) -> list[Path]:
    """The images in a folder and below, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
