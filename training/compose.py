"""Pictures with one large face, framed the way a webcam frames it. Pure.

The labelled pictures show faces of a median of 25 px; a webcam shows one that fills half of the picture. The face
crops of the classification set are that large but come without boxes, so YuNet (OpenCV's face detector, Wu et al.
2023, "YuNet: A Tiny Millisecond-level Face Detector") draws them; a crop in which it does not find exactly one face
is left out.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.voc import LabelledBox

Image = npt.NDArray[np.uint8]


class FaceBoxer:
    """Finds the one face of a crop with YuNet. One thread at a time."""

    def __init__(self, weights: Path, min_score: float = 0.7) -> None:
        self._net = cv2.FaceDetectorYN.create(str(weights), "", (0, 0), min_score)

    def one_face(self, image_bgr: Image) -> tuple[float, float, float, float] | None:
        """The box (xyxy, pixels) of the only face of a u8 HWC BGR picture; None when there is none or several."""
        height, width = image_bgr.shape[:2]
        padded = cv2.copyMakeBorder(image_bgr, height // 4, height // 4, width // 4, width // 4, cv2.BORDER_REPLICATE)
        scale = 256 / max(padded.shape[:2])
        small = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._net.setInputSize((small.shape[1], small.shape[0]))
        _, faces = self._net.detect(small)
        if faces is None or len(faces) != 1:
            return None
        x, y, w, h = (float(v) / scale for v in faces[0][:4])
        x1, y1 = max(0.0, x - width // 4), max(0.0, y - height // 4)
        x2, y2 = min(float(width), x - width // 4 + w), min(float(height), y - height // 4 + h)
        return (x1, y1, x2, y2) if x2 - x1 >= 8 and y2 - y1 >= 8 else None


def webcam_picture(
    crop_bgr: Image,
    box: tuple[float, float, float, float],
    label: str,
    background_bgr: Image,
    rng: random.Random,
    size_wh: tuple[int, int] = (640, 400),
) -> tuple[Image, LabelledBox]:
    """Put a face crop on a blurred background so that the face is 20 to 85 % of the picture's height.

    Returns the picture (u8 HWC BGR of size_wh) and the face's box in it, clipped to the picture.
    """
    width, height = size_wh
    canvas = cv2.GaussianBlur(cv2.resize(background_bgr, size_wh), (0, 0), rng.uniform(4, 14))
    scale = rng.uniform(0.2, 0.85) * height / (box[3] - box[1])
    face = cv2.resize(crop_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    centre_x = rng.uniform(0.2, 0.8) * width
    centre_y = rng.uniform(0.35, 0.65) * height
    left = round(centre_x - scale * (box[0] + box[2]) / 2)
    top = round(centre_y - scale * (box[1] + box[3]) / 2)
    x1, y1 = max(0, left), max(0, top)
    x2, y2 = min(width, left + face.shape[1]), min(height, top + face.shape[0])
    mask: npt.NDArray[Any] = np.zeros((height, width), np.float32)
    mask[y1:y2, x1:x2] = 1.0
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 4.0))[:, :, None]
    pasted = canvas.copy()
    pasted[y1:y2, x1:x2] = face[y1 - top : y2 - top, x1 - left : x2 - left]
    blended = (pasted * mask + canvas * (1 - mask)).astype(np.uint8)
    placed = (
        max(0.0, left + scale * box[0]),
        max(0.0, top + scale * box[1]),
        min(float(width), left + scale * box[2]),
        min(float(height), top + scale * box[3]),
    )
    return blended, LabelledBox(label, placed)


def zoomed(
    image_bgr: Image, boxes: list[LabelledBox], around: LabelledBox, rng: random.Random, size_wh: tuple[int, int]
) -> tuple[Image, list[LabelledBox]]:
    """Cut a window around one object, so that it is 15 to 60 % of the window's height, and scale it to size_wh.

    Objects of which less than half is left in the window are dropped.
    """
    x1, y1, x2, y2 = around.xyxy
    image_height, image_width = image_bgr.shape[:2]
    window_h = min(float(image_height), (y2 - y1) / rng.uniform(0.15, 0.6))
    window_w = min(float(image_width), window_h * size_wh[0] / size_wh[1])
    left = min(max(0.0, (x1 + x2) / 2 - window_w * rng.uniform(0.3, 0.7)), image_width - window_w)
    top = min(max(0.0, (y1 + y2) / 2 - window_h * rng.uniform(0.3, 0.7)), image_height - window_h)
    cut = image_bgr[int(top) : int(top + window_h), int(left) : int(left + window_w)]
    fx, fy = size_wh[0] / cut.shape[1], size_wh[1] / cut.shape[0]
    scale = min(fx, fy)
    picture = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    kept = []
    for box in boxes:
        b = box.xyxy
        inside = (
            max(0.0, b[0] - int(left)),
            max(0.0, b[1] - int(top)),
            min(float(cut.shape[1]), b[2] - int(left)),
            min(float(cut.shape[0]), b[3] - int(top)),
        )
        area = max(0.0, inside[2] - inside[0]) * max(0.0, inside[3] - inside[1])
        if area >= 0.5 * (b[2] - b[0]) * (b[3] - b[1]):
            kept.append(
                LabelledBox(box.label, (inside[0] * scale, inside[1] * scale, inside[2] * scale, inside[3] * scale))
            )
    return picture.astype(np.uint8), kept
