"""A small data set that is trivially separable, to try the whole chain in minutes. Pure apart from the disk.

Red discs and blue squares on grey noise, as Pascal VOC. A detector that trains at all learns it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from training.data.labelled import Image
from training.data.voc import LabelledBox, write_voc
from training.errors import DatasetError

EXAMPLE_CLASSES = ("disc", "square")
_COLOURS_BGR = {"disc": (40, 40, 210), "square": (210, 60, 30)}
_SIDES_PX = (24, 56)
TINY = "tiny.yaml"
_TINY_YAML = """\
# YOLOv8 with a quarter of n's channels
nc: 2
scales:
  n: [0.33, 0.125, 512]
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 3, C2f, [128, True]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 6, C2f, [256, True]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 6, C2f, [512, True]]
  - [-1, 1, Conv, [1024, 3, 2]]
  - [-1, 3, C2f, [1024, True]]
  - [-1, 1, SPPF, [1024, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 6], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 4], 1, Concat, [1]]
  - [-1, 3, C2f, [256]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 12], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [[-1, 9], 1, Concat, [1]]
  - [-1, 3, C2f, [1024]]
  - [[15, 18, 21], 1, Detect, [nc]]
"""


@dataclass(frozen=True, slots=True)
class ExampleSettings:
    """How many images, how large, and from which seed."""

    images: int = 160
    size_wh: tuple[int, int] = (160, 128)
    most_objects: int = 3
    seed: int = 1


def write_example(folder: Path, settings: ExampleSettings) -> None:
    """Write raw/, the network and params.yaml for `dvc repro`. Raises DatasetError when the folder is not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder}: must be an empty folder")
    rng = random.Random(settings.seed)
    noise = np.random.default_rng(settings.seed)
    data = folder / "raw"
    for kind in ("images", "annotations"):
        (data / kind).mkdir(parents=True, exist_ok=True)
    for number in range(settings.images):
        image, boxes = _picture(settings, rng, noise)
        name = f"shapes{number:04d}"
        if not cv2.imwrite(str(data / "images" / f"{name}.jpg"), image):
            raise DatasetError(f"{data / 'images' / name}.jpg: cannot write it")
        write_voc(data / "annotations" / f"{name}.xml", f"{name}.jpg", settings.size_wh, boxes)
    (folder / TINY).write_text(_TINY_YAML)
    (folder / "params.yaml").write_text(yaml.safe_dump(example_params(data), sort_keys=False))


def example_params(data: Path) -> dict[str, object]:
    """params.yaml for this set: every stage as on real data, only smaller."""
    return {
        "data": {
            "source": str(data.resolve()), "classes": ",".join(EXAMPLE_CLASSES),
            "options": "--zooms 8 --rare-repeats 1 --ratios 0.7,0.15,0.15",
        },
        "train": {
            "weights": TINY, "epochs": 20, "imgsz": 128, "batch": 8,
            "options": "--lr0 0.006 --mosaic 0 --no-augment --device cpu",
        },
        "evaluate": {"part": "val", "gates": "map50=0.9"},
        "export": {
            "name": "shapes", "version": 1, "models": "models", "shapes": "160x128,128x160", "options": "",
        },
    }  # fmt: skip


def _picture(
    settings: ExampleSettings, rng: random.Random, noise: np.random.Generator
) -> tuple[Image, list[LabelledBox]]:
    width, height = settings.size_wh
    coarse = noise.integers(60, 190, (8, 10, 1), np.uint8).repeat(3, axis=2)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    image = np.clip(image + noise.integers(-12, 13, image.shape), 0, 255).astype(np.uint8)
    boxes: list[LabelledBox] = []
    for _ in range(rng.randint(1, settings.most_objects)):
        side = rng.randint(*_SIDES_PX)
        x, y = rng.randint(0, width - side), rng.randint(0, height - side)
        if any(_near((x, y, x + side, y + side), box) for box in boxes):
            continue
        label = rng.choice(EXAMPLE_CLASSES)
        if label == "disc":
            cv2.circle(image, (x + side // 2, y + side // 2), side // 2, _COLOURS_BGR[label], -1, cv2.LINE_AA)
        else:
            cv2.rectangle(image, (x, y), (x + side, y + side), _COLOURS_BGR[label], -1)
        boxes.append(LabelledBox(label, (float(x), float(y), float(x + side), float(y + side))))
    return image, boxes


def _near(xyxy: tuple[int, int, int, int], other: LabelledBox) -> bool:
    x1, y1, x2, y2 = other.xyxy
    return xyxy[0] < x2 + 4 and x1 < xyxy[2] + 4 and xyxy[1] < y2 + 4 and y1 < xyxy[3] + 4
