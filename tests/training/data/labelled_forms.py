"""The same set in other forms: written by their public descriptions, not by what reads them here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.data.voc import read_voc


def as_yolo(voc: Path, folder: Path, classes: Sequence[str], size_wh: tuple[int, int]) -> Path:
    """Images in images/PART, six decimals in labels/PART, data.yaml; in the parts of the VOC set's split.json."""
    width, height = size_wh
    for part, names in json.loads((voc / "split.json").read_text()).items():
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for name in names:
            shutil.copy(voc / "images" / f"{name}.png", folder / "images" / part)
            lines = []
            for box in read_voc(voc / "annotations" / f"{name}.xml"):
                x1, y1, x2, y2 = box.xyxy
                shares = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
                lines.append(" ".join([str(classes.index(box.label)), *(f"{share:.6f}" for share in shares)]))
            (folder / "labels" / part / f"{name}.txt").write_text("\n".join(lines))
    listed = "".join(f"{part}: images/{part}\n" for part in json.loads((voc / "split.json").read_text()))
    (folder / "data.yaml").write_text(f"path: .\n{listed}nc: {len(classes)}\nnames: {json.dumps(list(classes))}\n")
    return folder


def as_coco(voc: Path, folder: Path, classes: Sequence[str], size_wh: tuple[int, int]) -> Path:
    """Images in PART2017, annotations/instances_PART2017.json; categories are numbered with gaps, as COCO's are."""
    (folder / "annotations").mkdir(parents=True)
    for part, names in json.loads((voc / "split.json").read_text()).items():
        (folder / f"{part}2017").mkdir()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, name in enumerate(reversed(names)):
            shutil.copy(voc / "images" / f"{name}.png", folder / f"{part}2017")
            images.append({"id": number, "file_name": f"{name}.png", "width": size_wh[0], "height": size_wh[1]})
            for box in read_voc(voc / "annotations" / f"{name}.xml"):
                x1, y1, x2, y2 = box.xyxy
                place = {"bbox": [x1, y1, x2 - x1, y2 - y1], "category_id": 3 * classes.index(box.label) + 1}
                annotations.append({"id": len(annotations), "image_id": number, "iscrowd": 0, **place})
        data = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 3 * number + 1, "name": label} for number, label in enumerate(classes)],
        }
        (folder / "annotations" / f"instances_{part}2017.json").write_text(json.dumps(data))
    return folder
