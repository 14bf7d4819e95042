"""Roboflow's InferencePipeline with the same weights in ONNX Runtime. Runs in the environment of
requirements-roboflow.txt, a process.

    python run_roboflow.py SPEC.json

The logic is what a user would write: letterbox with OpenCV, one batch a call, boxes after the graph's own NMS.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from inference import InferencePipeline
from inference.core.interfaces.camera.entities import VideoFrame
from recorder import Recorder, Spec

DEFAULT_WH = (640, 640)


class Detector:
    """The weights in ONNX Runtime, at its defaults."""

    def __init__(self, path: str, shape_wh: tuple[int, int]) -> None:
        self.session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.shape_wh = shape_wh

    def __call__(self, frames: list[VideoFrame]) -> list[npt.NDArray[np.float32]]:
        """Boxes in picture pixels, confidence, class, for each picture."""
        scales, inputs = zip(*(self._letterbox(frame.image) for frame in frames), strict=True)
        rows = self.session.run(None, {self.input: np.concatenate(inputs)})[0]
        return [self._boxes(found, scale) for found, scale in zip(rows, scales, strict=True)]

    def _letterbox(self, image: npt.NDArray[np.uint8]) -> tuple[tuple[float, int, int], npt.NDArray[np.float32]]:
        width, height = self.shape_wh
        scale = min(width / image.shape[1], height / image.shape[0])
        inner = round(image.shape[1] * scale), round(image.shape[0] * scale)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        canvas = np.full((height, width, 3), 114, np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
        return (scale, left, top), cv2.dnn.blobFromImage(canvas, 1 / 255, swapRB=True)

    def _boxes(self, rows: npt.NDArray[np.float32], place: tuple[float, int, int]) -> npt.NDArray[np.float32]:
        scale, left, top = place
        found = rows[rows[:, 4] > 0].copy()
        found[:, :4] = (found[:, :4] - (left, top, left, top)) / scale
        return found


def main() -> None:
    """Predict until killed."""
    spec = Spec.from_arguments()
    recorder = Recorder(spec.records)

    def sink(predictions: object, frames: object) -> None:
        pictures = frames if isinstance(frames, list) else [frames]
        for frame in pictures:
            if frame is not None:
                recorder.add(frame.source_id, frame.image)

    pipeline = InferencePipeline.init_with_custom_logic(
        video_reference=spec.urls,
        on_video_frame=Detector(spec.model, tuple(spec.shape_wh or DEFAULT_WH)),
        on_prediction=sink,
    )
    pipeline.start()
    pipeline.join()


if __name__ == "__main__":
    main()
