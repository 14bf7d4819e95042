"""The peers' models from one set of weights. Runs in the environment of requirements-ultralytics.txt, a process.

    python exports.py WEIGHTS.pt FOLDER WIDTHxHEIGHT

Writes FOLDER/model.pt; Ultralytics' own OpenVINO export at 640×640 (`openvino-640`), with nothing chosen, which is the
size it was trained at (`openvino-own`), and at our input shape (`openvino-shape`); and `model.onnx` for ONNX Runtime,
any batch and shape, boxes after NMS at its defaults. What is there already from the same weights is kept.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

from ultralytics import YOLO


def export(weights: Path, folder: Path, shape_wh: tuple[int, int]) -> None:
    """Make what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = f"{hashlib.sha256(weights.read_bytes()).hexdigest()} {shape_wh}"
    known = folder / "exported.txt"
    if known.exists() and known.read_text() == asked:
        return
    model = folder / "model.pt"
    shutil.copyfile(weights, model)
    shape = shape_wh[1], shape_wh[0]
    sizes: dict[str, dict[str, Any]] = {"640": {"imgsz": 640}, "own": {}, "shape": {"imgsz": shape}}
    for name, size in sizes.items():
        wanted = folder / f"openvino-{name}_openvino_model"
        shutil.rmtree(wanted, ignore_errors=True)
        Path(YOLO(model).export(format="openvino", **size)).rename(wanted)
    YOLO(model).export(format="onnx", dynamic=True, nms=True)
    known.write_text(asked)


if __name__ == "__main__":
    width, height = (int(side) for side in sys.argv[3].split("x"))
    export(Path(sys.argv[1]), Path(sys.argv[2]), (width, height))
