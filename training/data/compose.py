"""Images with faces that the labelled ones lack: large ones as a webcam frames them, tilted and small ones. Pure.

The labelled images show faces of a median of 25 px; a webcam shows one that fills half of the image. The face
crops of the classification set are that large but come without boxes, so YuNet (OpenCV's face detector, Wu et al.
2023, "YuNet: A Tiny Millisecond-level Face Detector") draws them; a crop in which it does not find exactly one face
is left out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.voc import LabelledBox

Image = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
HEAD = 1.55  # head and hair, as multiples of the face's box
SMALL_PX = (9.0, 60.0)


class FaceBoxer:
    """Finds the one face of a crop with YuNet. One thread at a time."""

    def __init__(self, weights: Path, min_score: float = 0.7) -> None:
        self._net = cv2.FaceDetectorYN.create(str(weights), "", (0, 0), min_score)

    def one_face(self, image_bgr: Image) -> Box | None:
        """The box (xyxy, pixels) of the only face of a u8 HWC BGR image; None when there is none or several."""
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


@dataclass(frozen=True, slots=True)
class Cutout:
    """A face to paste. image: u8 HWC BGR; alpha: f32 HW, 1 where the face's image counts; box: xyxy, its pixels."""

    image: Image
    alpha: npt.NDArray[np.float32]
    box: Box

    @property
    def face_height(self) -> float:
        """Pixels."""
        return self.box[3] - self.box[1]


def cutout(crop_bgr: Image, box: Box, degrees: float | None = None) -> Cutout:
    """The whole crop; or, where `degrees` says how far to turn it (counter-clockwise), head and hair in an ellipse.

    A turned face's box is the one around the ellipse in the upright box.
    """
    height, width = crop_bgr.shape[:2]
    if degrees is None:
        return Cutout(crop_bgr, np.ones((height, width), np.float32), box)
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    half = ((box[2] - box[0]) / 2, (box[3] - box[1]) / 2)
    turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    image = cv2.warpAffine(crop_bgr, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha: npt.NDArray[np.float32] = np.zeros((height, width), np.float32)
    axes = (half[0] * HEAD, half[1] * HEAD)
    cv2.ellipse(alpha, (centre, (2 * axes[0], 2 * axes[1]), -degrees), 1.0, -1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across, down = math.hypot(half[0] * cos, half[1] * sin), math.hypot(half[0] * sin, half[1] * cos)
    around = (centre[0] - across, centre[1] - down, centre[0] + across, centre[1] + down)
    clipped = (max(0.0, around[0]), max(0.0, around[1]), min(float(width), around[2]), min(float(height), around[3]))
    return Cutout(image.astype(np.uint8), alpha, clipped)


def webcam_image(
    face: Cutout, label: str, background_bgr: Image, rng: random.Random, size_wh: tuple[int, int] = (640, 400)
) -> tuple[Image, LabelledBox]:
    """Put a face on a blurred background so that it is 20 to 85 % of the image's height.

    Returns the image (u8 HWC BGR of size_wh) and the face's box in it, clipped to the image.
    """
    width, height = size_wh
    canvas = cv2.GaussianBlur(cv2.resize(background_bgr, size_wh), (0, 0), rng.uniform(4, 14)).astype(np.uint8)
    scale = rng.uniform(0.2, 0.85) * height / face.face_height
    centre = (rng.uniform(0.2, 0.8) * width, rng.uniform(0.35, 0.65) * height)
    image, box = _pasted(canvas, face, scale, centre, rng.uniform(0.8, 4.0))
    return image, LabelledBox(label, box)


def without_faces(image_bgr: Image, boxes: Sequence[LabelledBox], size_wh: tuple[int, int] = (640, 400)) -> Image:
    """A labelled image as background, u8 HWC BGR of size_wh: what is in the boxes is painted over from around them.

    A face that is there, blurred and without a label, would teach that blurred faces are none.
    """
    fx, fy = size_wh[0] / image_bgr.shape[1], size_wh[1] / image_bgr.shape[0]
    small = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        more_x, more_y = (x2 - x1) * (HEAD - 1) / 2, (y2 - y1) * (HEAD - 1) / 2
        first = (int((x1 - more_x) * fx), int((y1 - more_y) * fy))
        cv2.rectangle(mask, first, (math.ceil((x2 + more_x) * fx), math.ceil((y2 + more_y) * fy)), 255, -1)
    if mask.all():
        return np.full_like(small, 110).astype(np.uint8)
    return cv2.inpaint(small.astype(np.uint8), mask, 3, cv2.INPAINT_TELEA).astype(np.uint8)


def wall(rng: random.Random, size_wh: tuple[int, int] = (640, 400)) -> Image:
    """A plain background, lit from one side: u8 HWC BGR."""
    width, height = size_wh
    paint = np.array([rng.uniform(60, 220) + rng.uniform(-20, 20) for _ in range(3)], np.float32)
    angle, fall = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.5)
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    light = 1 - fall * (0.5 + 0.7 * (x * math.cos(angle) + y * math.sin(angle)))
    return np.clip(paint * light[:, :, None], 0, 255).astype(np.uint8)


def poor_camera(image_bgr: Image, rng: random.Random) -> Image:
    """The image as a cheap camera sends it: soft, pale, noisy, hard compressed. u8 HWC BGR, its size as it was."""
    height, width = image_bgr.shape[:2]
    coarse = rng.uniform(1.0, 3.5)
    small = cv2.resize(image_bgr, (round(width / coarse), round(height / coarse)), interpolation=cv2.INTER_AREA)
    contrast, haze = rng.uniform(0.45, 1.0), rng.uniform(60, 170)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 6), small.shape)
    seen = np.clip(haze + contrast * (small - haze) + noise, 0, 255).astype(np.uint8)
    _, sent = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(25, 80)])
    shown: Any = cv2.imdecode(sent, cv2.IMREAD_COLOR)
    enlarged: Image = cv2.resize(shown, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return enlarged


def crowd_image(
    image_bgr: Image, boxes: Sequence[LabelledBox], faces: Sequence[tuple[Cutout, str]], rng: random.Random
) -> tuple[Image, list[LabelledBox]]:
    """Put faces of 9 to 60 px of height, small ones as often as large ones, where a labelled image has room.

    A face for which a place beside the others is not found in 20 draws is left out. Returns the image (u8 HWC BGR,
    its size as it was) and all boxes, in pixels.
    """
    height, width = image_bgr.shape[:2]
    image, kept = image_bgr, list(boxes)
    for face, label in faces:
        scale = SMALL_PX[0] * (SMALL_PX[1] / SMALL_PX[0]) ** rng.random() / face.face_height
        half_w, half_h = scale * face.image.shape[1] / 2, scale * face.image.shape[0] / 2
        if 2 * half_w >= width or 2 * half_h >= height:
            continue
        for _ in range(20):
            x, y = rng.uniform(half_w, width - half_w), rng.uniform(half_h, height - half_h)
            if all(_apart((x - half_w, y - half_h, x + half_w, y + half_h), other.xyxy) for other in kept):
                place = (
                    x + scale * ((face.box[0] + face.box[2]) - face.image.shape[1]) / 2,
                    y + scale * ((face.box[1] + face.box[3]) - face.image.shape[0]) / 2,
                )
                image, box = _pasted(image, face, scale, place, rng.uniform(0.5, 1.5))
                kept.append(LabelledBox(label, box))
                break
    return image, kept


def _apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def _pasted(
    canvas: Image, face: Cutout, scale: float, centre: tuple[float, float], soft_px: float
) -> tuple[Image, Box]:
    """The face's box goes around `centre`; edges are softened by a Gaussian of `soft_px`."""
    height, width = canvas.shape[:2]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(face.image, None, fx=scale, fy=scale, interpolation=how)
    alpha = cv2.resize(face.alpha, (image.shape[1], image.shape[0]), interpolation=how)
    left = round(centre[0] - scale * (face.box[0] + face.box[2]) / 2)
    top = round(centre[1] - scale * (face.box[1] + face.box[3]) / 2)
    x1, y1 = max(0, left), max(0, top)
    x2, y2 = min(width, left + image.shape[1]), min(height, top + image.shape[0])
    mask: npt.NDArray[Any] = np.zeros((height, width), np.float32)
    mask[y1:y2, x1:x2] = alpha[y1 - top : y2 - top, x1 - left : x2 - left]
    mask = cv2.GaussianBlur(mask, (0, 0), soft_px)[:, :, None]
    pasted = canvas.copy()
    pasted[y1:y2, x1:x2] = image[y1 - top : y2 - top, x1 - left : x2 - left]
    blended = (pasted * mask + canvas * (1 - mask)).astype(np.uint8)
    box = (
        max(0.0, left + scale * face.box[0]),
        max(0.0, top + scale * face.box[1]),
        min(float(width), left + scale * face.box[2]),
        min(float(height), top + scale * face.box[3]),
    )
    return blended, box


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
    image = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
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
    return image.astype(np.uint8), kept
