"""How a crop is framed and what is done to it while learning. Pure.

A detector's boxes are tight; the crops to learn from are loose, and looser with one class than with the other. So
that the frame says nothing, and is when learning what it is when serving, views are cut around the face with the
margin that the card names, give or take; a crop whose face is not known is used whole, or nearly.
"""

from __future__ import annotations

import random

import cv2
import numpy as np

from training.classifier.crops import LabelledCrop
from training.data.labelled import Image
from training.data.voc import Box
from workers.engines.letterbox import Letterbox, place
from workers.images.crops import crop_region

PAD_VALUE = 114
_FRAMED = 0.7
_SMALLEST = 18


def served_view(crop: LabelledCrop, size: int, margin: float | None) -> Image:
    """What the model gets when serving, u8 (size, size, 3) RGB: of the face's box widened by `margin` as workers do.

    With None, or where the face is not known, of the whole crop.
    """
    from training.evaluation.served_model import as_frame

    image = crop.image_bgr
    if margin is not None and crop.face is not None:
        left, top, right, bottom = crop_region(crop.face, margin, (image.shape[1], image.shape[0]))
        image = image[top:bottom, left:right]
    out: Image = np.empty((size, size, 3), np.uint8)
    Letterbox().fill(as_frame(image), out, PAD_VALUE, "rgb")
    return out


def training_view(crop: LabelledCrop, size: int, margin: float, rng: random.Random) -> Image:
    """A view to learn from, u8 (size, size, 3) RGB: framed, turned, mirrored, coloured and worsened at random."""
    image = _cut(crop.image_bgr, _region(crop, margin, rng))
    if rng.random() < 0.35:
        image = _shrunk(image, rng)
    image = _coloured(image, rng)
    if rng.random() < 0.25:
        quality = rng.randint(25, 80)
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)  # type: ignore[assignment]
    return _placed(image, size, rng)


def _region(crop: LabelledCrop, margin: float, rng: random.Random) -> Box:
    height, width = crop.image_bgr.shape[:2]
    if crop.face is not None and rng.random() < _FRAMED:
        x1, y1, x2, y2 = crop.face
        w, h = x2 - x1, y2 - y1
        sides = [rng.uniform(margin - 0.12, margin + 0.22) for _ in range(4)]
        region = (x1 - sides[0] * w, y1 - sides[1] * h, x2 + sides[2] * w, y2 + sides[3] * h)
        return max(0.0, region[0]), max(0.0, region[1]), min(float(width), region[2]), min(float(height), region[3])
    lost = [rng.uniform(0, 0.1) for _ in range(4)]
    return lost[0] * width, lost[1] * height, (1 - lost[2]) * width, (1 - lost[3]) * height


def _cut(image: Image, region: Box) -> Image:
    x1, y1, x2, y2 = (round(side) for side in region)
    return image[y1 : max(y2, y1 + 2), x1 : max(x2, x1 + 2)]


def _shrunk(image: Image, rng: random.Random) -> Image:
    """As little as faces far from a camera are: 18 to 64 pixels."""
    scale = rng.uniform(_SMALLEST, 64) / max(image.shape[:2])
    if scale >= 1:
        return image
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _coloured(image: Image, rng: random.Random) -> Image:
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[:, :, 0] = (hsv[:, :, 0] + rng.uniform(-4, 4)) % 180
    hsv[:, :, 1] *= 0.0 if rng.random() < 0.06 else rng.uniform(0.6, 1.4)
    hsv[:, :, 2] = (hsv[:, :, 2] - 128) * rng.uniform(0.75, 1.3) + 128 + rng.uniform(-35, 35)
    image = np.asarray(cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR), np.uint8)
    if rng.random() < 0.12:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    if rng.random() < 0.12:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(3, 12), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _placed(image: Image, size: int, rng: random.Random) -> Image:
    """Letterboxed as when serving, mirrored and turned by up to 12 degrees."""
    if rng.random() < 0.5:
        image = image[:, ::-1]
    inner_w, inner_h = place((image.shape[1], image.shape[0]), (size, size)).inner_wh
    scale = np.diag([inner_w / image.shape[1], inner_h / image.shape[0], 1.0])
    turn = np.vstack([cv2.getRotationMatrix2D((inner_w / 2, inner_h / 2), rng.uniform(-12, 12), 1.0), [0, 0, 1]])
    matrix = (turn @ scale)[:2]
    inner = cv2.warpAffine(image, matrix, (inner_w, inner_h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    out = np.full((size, size, 3), PAD_VALUE, np.uint8)
    left, top = (size - inner_w) // 2, (size - inner_h) // 2
    out[top : top + inner_h, left : left + inner_w] = inner[:, :, ::-1]
    return out
