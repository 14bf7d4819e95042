"""What detectors say of the clips of tracking.py, and who is where in truth. Boxes are made once and kept. One thread.

The models are those that ship and `people`: YOLOv8n with its COCO weights, exported as `livesight export` does.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import openvino as ov
from shared_data import needed

from stream.frame import Frame
from stream.mailbox import Mailbox
from training.export.detector_graph import SHAPES_WH, exported
from workers.atomic_files import write_whole
from workers.engines.hot_swap import EngineSlots
from workers.engines.letterbox import Letterbox
from workers.inference.batcher import FrameJob, InferenceStream
from workers.inference.detect import detect_all
from workers.model_card import ModelStore, shipped_models_dir
from workers.settings import WorkerSettings

TRUTH = Path(__file__).parent / "tracking_truth"
PEOPLE, PEOPLE_WEIGHTS, PEOPLE_CONFIDENCE = "people", "yolov8n.pt", 0.35
LEAST_CONFIDENCE = 0.05

Truth = dict[int, tuple[np.ndarray, np.ndarray]]
"""Picture, from 0 → ids (n,), xyxy (n, 4) pixels. Pictures without an entry have no truth."""


@dataclass(frozen=True)
class Boxes:
    """A detector's boxes of one clip. rows: of each picture (n, 6: xyxy, confidence, class); pts_us: its time."""

    rows: list[np.ndarray]
    pts_us: list[int]
    size_wh: tuple[int, int]


def boxes_of(clip: Path, model: str, kept: Path) -> Boxes:
    """From `kept` when it is there, else computed and kept. Ends the process with 2 when the clip is missing."""
    path = kept / f"{clip.stem}.{model}.npz"
    if not path.exists():
        needed(clip)
        kept.mkdir(parents=True, exist_ok=True)
        print(f"{clip.name}, {model} …", file=sys.stderr, flush=True)  # noqa: T201
        _detect(clip, model, kept, path)
    with np.load(path) as stored:
        rows, pts_us, (width, height) = stored["rows"], stored["pts"], stored["wh"]
    each = np.split(rows[:, 1:], np.searchsorted(rows[:, 0], np.arange(1, len(pts_us))))
    return Boxes(each, pts_us.tolist(), (int(width), int(height)))


def _detect(clip: Path, model: str, kept: Path, path: Path) -> None:
    roots = [_people(clip.parents[1], kept)] if model == PEOPLE else []
    slots = EngineSlots(ModelStore([*roots, shipped_models_dir()]), WorkerSettings(threads=1))
    slots.ensure((model,))
    stream, letterbox = InferenceStream("bench", Mailbox("newest"), (model,), lambda job: None), Letterbox()
    rows, pts_us = [], []
    with av.open(str(clip)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        for number, picture in enumerate(container.decode(video=0)):
            pts_us.append(round(number / rate * 1e6))
            image = picture.reformat(format="yuv420p")
            frame = Frame("bench", "s", number, number, pts_us[-1], 0, time.monotonic(), 0.0, image)
            job = FrameJob(stream, frame, number, time.monotonic())
            detect_all(slots, [job], letterbox)
            found = job.rows[model]
            found = found[found[:, 4] >= LEAST_CONFIDENCE]
            rows.append(np.insert(found, 0, number, axis=1))
    slots.close()
    found_rows = np.concatenate(rows)
    write_whole(path, lambda file: np.savez_compressed(file, rows=found_rows, pts=pts_us, wh=frame.size_wh))


def _people(data: Path, kept: Path) -> Path:
    """The folder of models with `people` in it."""
    folder = kept / "models" / PEOPLE / "1"
    if (folder / "card.json").exists():
        return folder.parents[1]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        made = exported(needed(data / "weights" / PEOPLE_WEIGHTS), Path(scratch), SHAPES_WH)
    ov.save_model(made.graph, folder / "model.xml", compress_to_fp16=True)
    card = {
        "schema": "livesight.card/1",
        "name": PEOPLE,
        "version": 1,
        "task": "detect",
        "classes": made.classes,
        "shapes_wh": SHAPES_WH,
        "thresholds": dict.fromkeys(made.classes, PEOPLE_CONFIDENCE),
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.xml", "model.bin")
        },
        "licence": "AGPL-3.0",
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder.parents[1]


def truth_of(clip: Path) -> Truth:
    """From tracking_truth/, or from the `.json` beside a clip that was made of stills (ids by overlap)."""
    own = TRUTH / f"{clip.stem}.txt"
    if own.exists():
        return _mot(own)
    return _linked(json.loads(needed(clip.with_suffix(".json")).read_text())["frames"])


def _mot(path: Path) -> Truth:
    entries: dict[int, list[tuple[int, float, float, float, float]]] = defaultdict(list)
    for frame, number, *values in csv.reader(path.read_text().splitlines()):
        left, top, width, height = (float(value) for value in values[:4])
        entries[int(frame) - 1].append((int(number), left, top, left + width, top + height))
    return {
        frame: (np.array([entry[0] for entry in some]), np.array([entry[1:] for entry in some]))
        for frame, some in entries.items()
    }


def _linked(frames: list[dict[str, object]]) -> Truth:
    """Boxes of the same still that overlap most of themselves from one frame to the next are one."""
    truth: Truth = {}
    source: object = None
    ids, xyxy, given = np.zeros(0, np.int64), np.zeros((0, 4)), 0
    for frame in frames:
        objects = frame["objects"]
        assert isinstance(objects, list) and isinstance(frame["frame"], int)
        boxes = np.array([each["box"] for each in objects], np.float64).reshape(-1, 4)
        same = _iou(boxes, xyxy) if frame["source"] == source else np.zeros((len(boxes), 0))
        numbers = []
        for row in same:
            if len(row) and row.max() > 0.5:
                numbers.append(int(ids[row.argmax()]))
            else:
                given += 1
                numbers.append(given)
        source, ids, xyxy = frame["source"], np.array(numbers, np.int64), boxes
        truth[frame["frame"]] = (ids, xyxy)
    return truth


def _iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    from trackers.eval import box_iou

    return np.asarray(box_iou(one, other, box_format="xyxy"))
