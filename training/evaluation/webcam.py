"""Webcam distance: does the detector see the large, unmasked faces that an independent face detector sees? One thread.

The clips are for evaluation only; every face in them is unmasked. The reference is YuNet (Wu et al. 2023), whose
weights are given by their path. A frame is right when each face that YuNet finds (score ≥ `least_face`) is overlapped
(IoU ≥ 0.4) by a box of the right label with confidence ≥ 0.5; it is wrong when a box of another label, at the card's
threshold, overlaps one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError

from training.errors import EvaluationError
from training.evaluation.detection_figures import match
from training.evaluation.served_model import detect, open_engine, thresholds
from workers.engines.engine import F32, Engine
from workers.engines.letterbox import Letterbox

IOU = 0.4
LEAST_CONFIDENCE = 0.5
DETECTOR_SIDE = 640


@dataclass(frozen=True, slots=True)
class WebcamSettings:
    """every: one frame of so many; least_face: YuNet's score from which a face counts."""

    model: Path
    yunet: Path
    clips: tuple[Path, ...]
    label: str = "without_mask"
    every: int = 1
    least_face: float = 0.8
    precision: str = "auto"


def webcam(settings: WebcamSettings) -> dict[str, Any]:
    """Shares of frames, of each clip and of all. Frames in which YuNet sees no face are counted, not judged.

    Raises EvaluationError naming a file that cannot be used.
    """
    engine = open_engine(settings.model, settings.precision, "detect")
    try:
        if settings.label not in engine.card.classes:
            raise EvaluationError(f"unknown label {settings.label!r}; the model has {', '.join(engine.card.classes)}")
        faces = _Faces(settings.yunet, settings.least_face)
        clips = {path.name: _clip(engine, faces, path, settings) for path in settings.clips}
        head = {"model": engine.card.name, "version": engine.card.version, "backend": engine.backend}
    finally:
        engine.close()
    judged = sum(row["judged"] for row in clips.values())
    if not judged:
        raise EvaluationError("YuNet finds no face in any clip, so there is nothing to compare with")
    return {
        **head,
        "label": settings.label,
        "every": settings.every,
        "least_face": settings.least_face,
        "judged": judged,
        "right": round(sum(row["right_frames"] for row in clips.values()) / judged, 4),
        "wrong": round(sum(row["wrong_frames"] for row in clips.values()) / judged, 4),
        "clips": clips,
    }


class _Faces:
    """YuNet. One thread."""

    def __init__(self, weights: Path, least: float) -> None:
        if not weights.is_file():
            raise EvaluationError(f"{weights}: no such file")
        try:
            self._net = cv2.FaceDetectorYN.create(str(weights), "", (0, 0), least)
        except cv2.error as error:
            raise EvaluationError(f"{weights}: OpenCV cannot load it: {error}") from error

    def xyxy(self, image_bgr: np.ndarray[Any, np.dtype[np.uint8]]) -> F32:
        """Faces (n, 4) in pixels of the image; found at a longest side of 640."""
        scale = min(1.0, DETECTOR_SIDE / max(image_bgr.shape[:2]))
        small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._net.setInputSize((small.shape[1], small.shape[0]))
        _, faces = self._net.detect(small)
        if faces is None:
            return np.zeros((0, 4), np.float32)
        boxes = np.asarray(faces, np.float32)[:, :4] / scale
        return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]).astype(np.float32)


def _clip(engine: Engine, faces: _Faces, path: Path, settings: WebcamSettings) -> dict[str, Any]:
    letterbox, least = Letterbox(), thresholds(engine.card)
    number = engine.card.classes.index(settings.label)
    counts = {"frames": 0, "judged": 0, "faces": 0, "right_frames": 0, "wrong_frames": 0}
    for frame in _frames(path, settings.every):
        counts["frames"] += 1
        truth = faces.xyxy(frame.to_ndarray(format="bgr24").astype(np.uint8))
        if not len(truth):
            continue
        rows = detect(engine, letterbox, frame)
        ids = rows[:, 5].astype(int)
        right = rows[(ids == number) & (rows[:, 4] >= LEAST_CONFIDENCE)]
        wrong = rows[(ids != number) & (rows[:, 4] >= least[ids])]
        counts["judged"] += 1
        counts["faces"] += len(truth)
        counts["right_frames"] += len(match(truth, right[:, :4], IOU)) == len(truth)
        counts["wrong_frames"] += bool(match(truth, wrong[:, :4], IOU))
    judged = max(1, counts["judged"])
    shares = {"right": round(counts["right_frames"] / judged, 4), "wrong": round(counts["wrong_frames"] / judged, 4)}
    return {**counts, **shares}


def _frames(path: Path, every: int) -> Iterator[av.VideoFrame]:
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % every == 0:
                    yield frame
    except (FFmpegError, OSError, IndexError) as error:
        raise EvaluationError(f"{path}: cannot read it as video: {error}") from error


def verdict(figures: dict[str, Any], least_right: float, most_wrong: float) -> Sequence[str]:
    """What misses the limits, in words; empty when all is well."""
    out = []
    if figures["right"] < least_right:
        out.append(f"right in {figures['right']:.2%} of frames, at least {least_right:.0%} are wanted")
    if figures["wrong"] > most_wrong:
        out.append(f"another label in {figures['wrong']:.2%} of frames, at most {most_wrong:.0%} are allowed")
    return out
