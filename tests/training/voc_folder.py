"""Small folders of Pascal VOC, whole or broken on purpose."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.data.voc import LabelledBox, write_voc

SIZE_WH = (96, 64)


def add(folder: Path, name: str, *boxes: LabelledBox, seed: int | None = None) -> Path:
    """An image of its own (from `seed`, else from its name) with its annotation; returns the annotation."""
    for kind in ("images", "annotations"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(abs(hash(name)) if seed is None else seed)
    coarse = noise.integers(0, 255, (6, 8, 3), np.uint8)
    image = cv2.resize(coarse, SIZE_WH, interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
    path = folder / "annotations" / f"{name}.xml"
    write_voc(path, f"{name}.png", SIZE_WH, boxes)
    return path


def box(label: str = "disc", *xyxy: float) -> LabelledBox:
    """A box; a usual one when no sides are given."""
    x1, y1, x2, y2 = xyxy or (10.0, 10.0, 40.0, 40.0)
    return LabelledBox(label, (x1, y1, x2, y2))
