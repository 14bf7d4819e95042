"""What is learnt from an image: a bag of visual words, and how much of it has which colour. Pure.

ORB and words as in `workers/engines/visual_words.py`. Colours are counted over the image as a whole: a red creature is
red wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from workers.engines.engine import F32, U8
from workers.engines.visual_words import PointFinder, VisualWords, WordCounter
from workers.taught.tag_model import binary_words

POINTS, PATCH, FAST, WORDS = 300, 25, 5, 96
SIDE = 256
_HUES, _SHADES = 12, 4
_VIVID = 60  # of 255: less saturated pixels are shades of grey
_COLOUR_SHARE = 1.0

Described = tuple[F32, U8, F32]
"""Points (n, 2), descriptors (n, 32) and square roots of the shares of colours (features,) of one image."""


def describe(images_bgr: Sequence[U8]) -> list[Described]:
    """Of u8 HWC BGR images; their longer side is brought to 256 pixels first."""
    finder = PointFinder(POINTS, PATCH, FAST)
    found = []
    for image in images_bgr:
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        size = (max(PATCH + 8, round(width * scale)), max(PATCH + 8, round(height * scale)))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        found.append((*finder.describe(np.ascontiguousarray(small[:, :, ::-1])), colours(small)))
    return found


def colours(image_bgr: U8) -> F32:
    """Square roots of the shares of 12 hues in 2 lights and 4 shades of grey, (28,)."""
    hue, saturation, value = np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2HSV), np.int64).reshape(-1, 3).T
    shade = 2 * _HUES + value * _SHADES // 256
    bright = (value >= 128).astype(np.int64)
    kind = np.where(saturation >= _VIVID, 2 * (hue * _HUES // 180) + bright, shade)
    counts = np.bincount(kind, minlength=2 * _HUES + _SHADES)
    return np.asarray(np.sqrt(counts / max(1, counts.sum())), np.float32)


def vocabulary(described: Sequence[Described]) -> WordCounter:
    """The words that these images have, as a counter."""
    words = binary_words([descriptors for _, descriptors, _ in described], WORDS)
    return WordCounter(VisualWords(points=POINTS, patch=PATCH, fast=FAST, parts=((1, 1), (2, 2)), words=words))


def rows_of(counter: WordCounter, described: Sequence[Described]) -> F32:
    """(images, features): the input of the classifiers."""
    rows = [
        np.concatenate([counter.counted(points, descriptors), _COLOUR_SHARE * shares])
        for points, descriptors, shares in described
    ]
    return np.stack(rows).astype(np.float32)
