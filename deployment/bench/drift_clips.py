"""What the detector really says of the shared clips, as they are and degraded. Made once, kept as JSON lines.

Pictures are degraded one by one, then go through the engine, the tracker, the classifier and the figures that the
service uses, with the service's own code. `turned` moves the view by 30 % of its width and 10 % of its height. Ten
pictures a second at most: cameras that a machine shares are analysed at about that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from shared_data import data_dir, needed

from stream.frame import Frame
from stream.mailbox import Mailbox
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlots
from workers.engines.letterbox import Letterbox
from workers.images.image_figures import FigureCalculator
from workers.inference.batcher import FrameJob, InferenceStream
from workers.inference.classify import Classifiers
from workers.inference.classify_tracks import StreamClassifier
from workers.inference.detect import detect_all
from workers.inference.result_builder import ResultBuilder
from workers.model_card import ModelStore, shipped_models_dir
from workers.settings import WorkerSettings

MODELS = ("mask", "mask-classifier")
DEGRADED = ("blur", "dark", "turned", "jpeg")
MOST_FPS = 10.0
FIGURES_US = 500_000
SUFFIXES = {".mp4", ".mkv", ".avi"}
EPOCH_NS = 1_700_000_000_000_000_000


def degrade(bgr: np.ndarray, how: str) -> np.ndarray:
    """One picture, u8 BGR, made worse. Raises KeyError for a way that there is not."""
    if how == "none":
        return bgr
    if how == "blur":
        return cv2.GaussianBlur(bgr, (0, 0), 3)
    if how == "dark":
        return cv2.convertScaleAbs(bgr, alpha=0.6)
    if how == "jpeg":
        return cv2.imdecode(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 10])[1], cv2.IMREAD_COLOR)
    if how == "turned":
        high, wide = bgr.shape[:2]
        shift = np.array([[1, 0, round(0.3 * wide)], [0, 1, round(0.1 * high)]], np.float32)
        return cv2.warpAffine(bgr, shift, (wide, high), borderMode=cv2.BORDER_REFLECT)
    if how == "black":
        return np.zeros_like(bgr)
    if how == "covered":
        return _hand(bgr)
    raise KeyError(how)


def _hand(bgr: np.ndarray) -> np.ndarray:
    """A hand before the lens: nearly all of the picture is its skin, far out of focus; light comes in at one edge."""
    high, wide = bgr.shape[:2]
    skin = np.full_like(bgr, (70, 85, 130))
    open_part = np.linspace(-0.6, 0.35, wide, dtype=np.float32)[None, :, None].clip(0, 1)
    shade = np.linspace(0.75, 1.0, high, dtype=np.float32)[:, None, None]
    noise = np.random.default_rng(1).normal(0, 2, bgr.shape).astype(np.float32)
    lit = cv2.resize(cv2.resize(bgr, (8, 6), interpolation=cv2.INTER_AREA), (wide, high), interpolation=cv2.INTER_CUBIC)
    return (skin * shade * (1 - open_part) + lit * open_part + noise).clip(0, 255).astype(np.uint8)


def pictures(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """pts_us and u8 BGR of a clip's pictures, at most MOST_FPS a second."""
    least_us, last_us = 1e6 / MOST_FPS * 0.9, -1e9
    with av.open(str(path)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            rate = float(container.streams.video[0].average_rate or 25)
            pts_us = round(number / rate * 1e6) if picture.time is None else round(picture.time * 1e6)
            if pts_us - last_us >= least_us:
                last_us = pts_us
                yield pts_us, picture.to_ndarray(format="bgr24")


def results(path: Path, how: str, slots: EngineSlots, models: tuple[str, ...] = MODELS) -> Iterator[FrameResult]:
    """The results of one clip, degraded; `image` where figures were made, a picture every FIGURES_US."""
    stream_id = path.stem.lower()[:60]
    classifier = StreamClassifier(slots, models, Classifiers(slots), WorkerSettings().classify, "every_frame")
    builder = ResultBuilder("bench", classifier, counted=False)
    stream = InferenceStream(stream_id, Mailbox("newest"), models, lambda job: None)
    letterbox, maker, figures_us = Letterbox(), FigureCalculator(), -FIGURES_US
    for number, (pts_us, bgr) in enumerate(pictures(path)):
        picture = av.VideoFrame.from_ndarray(degrade(bgr, how), format="bgr24").reformat(format="yuv420p")
        now_s = time.monotonic()
        frame = Frame(stream_id, f"{how}", number, number, pts_us, EPOCH_NS + pts_us * 1000, now_s, 0.0, picture)
        job = FrameJob(stream, frame, number, now_s)
        detect_all(slots, [job], letterbox)
        result = builder.result(job)
        figures = None
        if pts_us - figures_us >= FIGURES_US * 0.9:
            figures, figures_us = maker.figures(picture, pts_us), pts_us
        yield result.model_copy(update={"image": figures})


def clips(data: Path) -> list[Path]:
    """The shared clips, sorted by name."""
    return sorted(path for path in needed(data / "videos").iterdir() if path.suffix in SUFFIXES)


def extract(data: Path, kept: Path, ways: tuple[str, ...], name: str = "") -> None:
    """Write `{clip}.{way}{name}.jsonl` into `kept` for what is not there yet."""
    kept.mkdir(parents=True, exist_ok=True)
    missing = [
        (path, how, target)
        for how in ways
        for path in clips(data)
        if not (target := kept / f"{path.stem}.{how}{name}.jsonl").exists()
    ]
    if not missing:
        return
    models_dir = os.environ.get("DRIFT_MODELS")
    roots = [Path(models_dir)] if models_dir else []
    slots = EngineSlots(ModelStore([*roots, shipped_models_dir()]), WorkerSettings(threads=1))
    slots.ensure(MODELS)
    for path, how, target in missing:
        print(f"{path.name}, {how}{name} …", file=sys.stderr)  # noqa: T201
        partial = target.with_suffix(".partial")
        with partial.open("wb") as file:
            for result in results(path, how, slots):
                file.write(result.to_json() + b"\n")
        partial.rename(target)
    slots.close()


def load(path: Path) -> list[dict[str, Any]]:
    """The results of one clip, in order."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_dir())
    parser.add_argument("--kept", type=Path, required=True, help="folder for the JSON lines")
    parser.add_argument("--ways", default="none," + ",".join(DEGRADED))
    parser.add_argument("--name", default="", help="a mark in the files' names, of a model that is not the shipped one")
    arguments = parser.parse_args()
    extract(arguments.data, arguments.kept, tuple(arguments.ways.split(",")), arguments.name)
