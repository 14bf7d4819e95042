"""Worse copies of a photo: smaller, blurred, grey, with a drawn mask. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from workers.engines.engine import U8
from workers.identity.faces import Face

Degrade = Callable[[U8, Face], tuple[U8, Face]]
"""An image, u8 (height, width, 3) BGR, and its face → the copy, and where the face is in it."""

_OF_PX = 160
_CLOTH = (222, 205, 176)
_SHADE = (190, 170, 140)


def smaller(image_bgr: U8, face: Face, size_px: float) -> tuple[U8, Face]:
    """So small that the face has `size_px`; one that is smaller anyway stays as it is."""
    scale = size_px / max(face.size_px, 1.0)
    if scale >= 1:
        return image_bgr, face
    height, width = image_bgr.shape[:2]
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8), face.moved(scale, 0, 0)


def blurred(image_bgr: U8, face: Face, sigma: float) -> tuple[U8, Face]:
    """As if a Gaussian of `sigma` pixels had blurred a face of 160 px."""
    own = sigma * face.size_px / _OF_PX
    return np.asarray(cv2.GaussianBlur(image_bgr, (0, 0), max(own, 0.1)), np.uint8), face


def grey(image_bgr: U8, face: Face) -> tuple[U8, Face]:
    """Without colour, as an infrared camera's."""
    flat = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_GRAY2BGR), np.uint8), face


def masked(image_bgr: U8, face: Face) -> tuple[U8, Face]:
    """A surgical mask drawn from the bridge of the nose to below the chin, with folds and ear loops."""
    right, left, nose, mouth_right, mouth_left = face.landmarks.astype(float)
    eyes, mouth = (right + left) / 2, (mouth_right + mouth_left) / 2
    across, down = (left - right) / 2, mouth - eyes
    edges = [
        eyes + 0.45 * down - 0.25 * across,
        eyes + 0.45 * down + 0.25 * across,
        eyes + 0.7 * down + 1.45 * across,
        mouth + 0.1 * down + 1.35 * across,
        mouth + 0.75 * down + 0.55 * across,
        mouth + 0.75 * down - 0.55 * across,
        mouth + 0.1 * down - 1.35 * across,
        eyes + 0.7 * down - 1.45 * across,
    ]
    # a head that is turned shows more of one side
    aside = (nose - eyes - 0.55 * down) * 0.5
    drawn = image_bgr.copy()
    cv2.fillPoly(drawn, [np.array([edge + aside for edge in edges], np.int32)], _CLOTH, cv2.LINE_AA)
    thick = max(1, round(face.size_px / 60))
    for share in (0.25, 0.5, 0.75):
        fold = eyes + (0.7 + 0.6 * share) * down + aside
        start, end = fold - 1.2 * across, fold + 1.2 * across
        cv2.line(drawn, start.astype(int).tolist(), end.astype(int).tolist(), _SHADE, thick, cv2.LINE_AA)
    return drawn, face


CONDITIONS: dict[str, Degrade] = {
    **{f"{size} px": partial(smaller, size_px=size) for size in (64, 48, 40, 32, 24)},
    **{f"blur {sigma}": partial(blurred, sigma=sigma) for sigma in (2, 3)},
    "grey": grey,
    "mask": masked,
}
"""What `--conditions` judges: sizes in pixels, blurs in pixels of a face of 160, no colour, a drawn mask."""
