"""A small set of crops that a classifier can learn: drawn faces, half of them with a mask. Pure apart from the disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def drawn_face(rng: np.random.Generator, masked: bool) -> np.ndarray:
    """A face of 48 to 80 pixels on a background of noise, u8 HWC BGR."""
    side = int(rng.integers(48, 81))
    image = rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    centre = (side // 2 + int(rng.integers(-3, 4)), side // 2 + int(rng.integers(-3, 4)))
    skin = tuple(int(value) for value in rng.integers((90, 120, 170), (150, 180, 230)))
    cv2.ellipse(image, centre, (side // 3, side * 2 // 5), 0, 0, 360, skin, -1)
    for x in (-1, 1):
        cv2.circle(image, (centre[0] + x * side // 8, centre[1] - side // 8), max(2, side // 24), (20, 20, 20), -1)
    if masked:
        box = (centre[0] - side // 4, centre[1] + side // 16, centre[0] + side // 4, centre[1] + side * 3 // 8)
        cv2.rectangle(image, box[:2], box[2:], (230, 160, 60), -1)
    return image


def write_crops(folder: Path, each: int = 60, seed: int = 3) -> Path:
    """`each` crops in FOLDER/with_mask and FOLDER/without_mask."""
    rng = np.random.default_rng(seed)
    for name in ("with_mask", "without_mask"):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            cv2.imwrite(str(folder / name / f"{number:03}.png"), drawn_face(rng, name == "with_mask"))
    return folder
