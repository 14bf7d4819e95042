"""A heatmap over its picture. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from workers.engines.engine import U8
from workers.explain.explain import Explanation

_MOST = 0.65
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def overlay(image_bgr: U8, explanation: Explanation) -> U8:
    """A new picture (u8 HWC BGR): the stronger the map, the more of its colour; the box and what is explained on top.

    Colours go from the picture itself (nothing or against the label) to red (the strongest of this map).
    """
    heat = np.maximum(explanation.heatmap(), 0)
    heat /= max(float(heat.max()), 1e-9)
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    share = (heat * _MOST)[..., None]
    mixed = np.ascontiguousarray((image_bgr * (1 - share) + colours * share).astype(np.uint8))
    height, width = mixed.shape[:2]
    thick = max(1, round(min(width, height) / 240))
    x1, y1 = 0, 0
    if explanation.detection is not None:
        x1, y1, x2, y2 = (round(value) for value in explanation.result.detections[explanation.detection].xyxy)
        cv2.rectangle(mixed, (x1, y1), (x2, y2), _WHITE, thick)
    text = f"{explanation.card.name}: {explanation.label} {explanation.confidence:.2f}"
    size = max(0.35, min(width, height) / 900)
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    at = (max(0, min(x1, width - wide - 4)), max(high + 4, y1 - 4))
    for colour, width_px in ((_BLACK, thick + 2), (_WHITE, thick)):
        cv2.putText(mixed, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, width_px, cv2.LINE_AA)
    return mixed
