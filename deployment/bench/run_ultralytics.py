"""Ultralytics' own multi-stream prediction. Runs in the environment of requirements-ultralytics.txt, a process.

    python run_ultralytics.py SPEC.json

As its documentation has it: a file of addresses, `stream=True`, nothing else chosen but the size where one is given.
"""

from __future__ import annotations

from pathlib import Path

from recorder import Recorder, Spec
from ultralytics import YOLO


def main() -> None:
    """Predict until killed."""
    spec = Spec.from_arguments()
    recorder = Recorder(spec.records)
    streams = Path(spec.records).with_suffix(".streams")
    streams.write_text("\n".join(spec.urls) + "\n")
    size = {"imgsz": (spec.shape_wh[1], spec.shape_wh[0])} if spec.shape_wh else {}
    results = YOLO(spec.model, task="detect").predict(source=str(streams), stream=True, verbose=False, **size)
    for index, result in enumerate(results):  # a batch holds one picture of each stream, in the file's order
        result.boxes.xyxy.tolist()
        recorder.add(index % len(spec.urls), result.orig_img)


if __name__ == "__main__":
    main()
