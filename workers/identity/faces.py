"""Finds faces and their five landmarks: YuNet, decoded here. Any thread.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) answers for every cell of three grids, of 8,
16 and 32 pixels; how its numbers become boxes is as in OpenCV's FaceDetectorYN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import openvino as ov

from workers.engines.engine import F32, U8, RequestPool, worker_count
from workers.engines.openvino_engine import cpu_properties
from workers.errors import EngineError
from workers.settings import WorkerSettings

CROP_SIDE = 160
"""Input side in pixels where it is known where the face is: 1.1 ms of a CPU."""
IMAGE_SIDE = 640
"""Input side for whole images: 7 ms. Faces below about 10 of its pixels are not found."""
_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("cls", "obj", "bbox", "kps")]
_OVERLAP = 0.3
LEAST_SCORE = 0.7
"""Anywhere in an image."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face. xyxy: its box; landmarks: float32 (5, 2), the right eye (on the left of the image), the left eye,
    the tip of the nose, the right and the left corner of the mouth; both in pixels of the image. score: 0 to 1.
    """

    xyxy: tuple[float, float, float, float]
    landmarks: F32
    score: float

    @property
    def size_px(self) -> float:
        """The side of a square as large as the box; an upright face is a little narrower, and higher."""
        return math.sqrt(max(0.0, self.xyxy[2] - self.xyxy[0]) * max(0.0, self.xyxy[3] - self.xyxy[1]))

    @property
    def eyes_px(self) -> float:
        """How far the eyes are apart."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))

    def moved(self, scale: float, left: float, top: float) -> Face:
        """The same face in an image that is `scale` times as large and begins at (left, top)."""
        x1, y1, x2, y2 = self.xyxy
        box = (x1 * scale + left, y1 * scale + top, x2 * scale + left, y2 * scale + top)
        return Face(box, (self.landmarks * scale + np.array((left, top))).astype(np.float32), self.score)


class FaceDetector:
    """YuNet compiled for squares of CROP_SIDE and IMAGE_SIDE. Raises EngineError."""

    def __init__(self, graph: Path, settings: WorkerSettings) -> None:
        core = ov.Core()
        workers = worker_count(settings)
        self._compiled: dict[int, ov.CompiledModel] = {}
        try:
            for side in (CROP_SIDE, IMAGE_SIDE):
                model = core.read_model(graph)
                model.reshape({0: ov.PartialShape([1, side, side, 3])})
                self._compiled[side] = core.compile_model(model, "CPU", cpu_properties(workers))
            sides = [(side, side) for side in self._compiled]
            self._requests = RequestPool(sides, workers, self._create_request)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {graph}: {error}") from error

    def find(self, image_bgr: U8, side: int = IMAGE_SIDE, scale: float = 1.0, least: float = LEAST_SCORE) -> list[Face]:
        """The faces of an image, u8 (height, width, 3) BGR, largest first. `side`: one of the sides it is compiled for.

        scale: how much larger or smaller the image is looked at; made smaller in any case when it does not fit.
        least: the least score.
        """
        height, width = image_bgr.shape[:2]
        scale = min(scale, side / max(height, width))
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        with self._requests.borrow((side, side)) as (request, tensor):
            tensor[0, high:] = 0
            tensor[0, :, wide:] = 0
            target = tensor[0, :high, :wide]
            if scale == 1.0:
                target[...] = image_bgr
            else:
                how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
                target[...] = cv2.resize(image_bgr, (wide, high), interpolation=how)
            try:
                request.infer()
                rows = decoded({name: request.get_tensor(name).data[0] for name in _OUTPUTS}, side, least)
            except RuntimeError as error:
                raise EngineError(f"OpenVINO: {error}") from error
        faces = [face.moved(1 / scale, 0, 0) for face in rows]
        return sorted(faces, key=lambda face: -face.size_px)

    def close(self) -> None:
        """Free requests and compiled models. Only when nothing is borrowed."""
        self._requests.clear()
        self._compiled.clear()

    def _create_request(self, shape_wh: tuple[int, int]) -> tuple[ov.InferRequest, U8]:
        request = self._compiled[shape_wh[0]].create_infer_request()
        tensor: U8 = np.zeros((1, shape_wh[1], shape_wh[0], 3), np.uint8)
        request.set_input_tensor(ov.Tensor(tensor, shared_memory=True))
        return request, tensor


def decoded(outputs: dict[str, Any], side: int, least: float) -> list[Face]:
    """YuNet's outputs for one square image as faces that do not overlap, best first."""
    found: list[tuple[F32, F32, F32]] = []
    for stride in _STRIDES:
        cls, obj, bbox, kps = (np.asarray(outputs[f"{kind}_{stride}"]) for kind in ("cls", "obj", "bbox", "kps"))
        scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        kept = np.flatnonzero(scores >= least)
        if kept.size:
            cells = np.stack((kept % (side // stride), kept // (side // stride)), 1).astype(np.float32)
            centres, sizes = (cells + bbox[kept, :2]) * stride, np.exp(bbox[kept, 2:]) * stride
            points = (kps[kept].reshape(-1, 5, 2) + cells[:, None]) * stride
            found.append((np.hstack((centres - sizes / 2, sizes)), points, scores[kept]))
    if not found:
        return []
    boxes, points, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = cv2.dnn.NMSBoxes(cast("Sequence[Any]", boxes.tolist()), scores.tolist(), least, _OVERLAP)
    faces = []
    for index in np.asarray(order).reshape(-1):
        x, y, width, height = (float(value) for value in boxes[index])
        faces.append(Face((x, y, x + width, y + height), points[index].astype(np.float32), float(scores[index])))
    return faces
