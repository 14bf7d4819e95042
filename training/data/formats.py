"""Opens a set of labelled images as Pascal VOC, YOLO or COCO, told by its content. Pure apart from reading the disk.

supervision's `DetectionDataset` reads the three too, but leaves out silently what it cannot use; here each is read as
found, with its faults and COCO's crowds, and `check` judges.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from training.data.coco import find_coco, open_coco
from training.data.labelled_set import IMAGE_SUFFIXES, LabelledSet, by_name
from training.data.voc import FoundLabels, read_as_found
from training.data.yolo import DATA_YAML, open_yolo
from training.errors import DatasetError


def open_set(source: Path) -> LabelledSet:
    """The set in a folder. Raises DatasetError when it is none of the three, more than one, or cannot be read."""
    if not source.is_dir():
        raise DatasetError(f"{source}: no such folder")
    voc = any((source / "annotations").glob("*.xml"))
    yolo = (source / DATA_YAML).is_file()
    coco = find_coco(source)
    if voc + yolo + bool(coco) > 1:
        names = ("annotations/*.xml", voc), (DATA_YAML, yolo), (coco[0].name if coco else "", bool(coco))
        found = " and ".join(name for name, there in names if there)
        raise DatasetError(f"{source}: has labels in more than one form ({found}); keep one, and move the others away")
    if voc:
        return _open_voc(source)
    if yolo:
        return open_yolo(source)
    if coco:
        return open_coco(source, coco)
    raise DatasetError(
        f"{source}: no labels found; a data set has annotations/*.xml (Pascal VOC), {DATA_YAML} (YOLO), or a JSON file "
        "with images, annotations and categories (COCO)"
    )


def _open_voc(source: Path) -> LabelledSet:
    folder = source / "images"
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; Pascal VOC has its images there")
    labels = {path.stem: path for path in sorted((source / "annotations").glob("*.xml"))}

    def read(name: str, size_wh: tuple[int, int]) -> FoundLabels:
        return read_as_found(labels[name])

    images = by_name(path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES)
    return LabelledSet("Pascal VOC", images, labels, _voc_classes(labels.values()), read)


def _voc_classes(labels: Iterable[Path]) -> tuple[str, ...]:
    """Every name in them, sorted; files that cannot be parsed have none."""
    names: set[str] = set()
    for path in labels:
        try:
            names.update(found.label for found in read_as_found(path).objects)
        except DatasetError:
            continue  # the check names it
    return tuple(sorted(names - {""}))
