"""What an explanation is: a map over an image, and how it is drawn. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from workers.bus.result import FrameResult
from workers.engines.engine import F32, U8
from workers.model_card import ModelCard

_MOST = 0.65
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A map over one image, and what it explains.

    grid: raw values (rows, columns), as fine as the model makes them. xyxy: what the whole grid covers, in pixels of
    the image; where the model's input was padded it reaches beyond. detection: its index in `result`; None when the
    map is of the whole image. confidence: how sure the model is of `label` there, 0 to 1.
    """

    card: ModelCard
    result: FrameResult
    detection: int | None
    label: str
    confidence: float
    xyxy: tuple[float, float, float, float]
    grid: F32

    def heatmap(self) -> F32:
        """The raw values for each pixel of the image, f32 (height, width); 0 outside of the model's input."""
        width, height = self.result.size_wh
        x1, y1, x2, y2 = self.xyxy
        rows, columns = self.grid.shape
        # The image's pixel (x, y) lies at (x + 0.5 - x1) / (x2 - x1) * columns - 0.5 of the grid
        scale_x, scale_y = columns / (x2 - x1), rows / (y2 - y1)
        matrix = np.array(
            [[scale_x, 0, (0.5 - x1) * scale_x - 0.5], [0, scale_y, (0.5 - y1) * scale_y - 0.5]], np.float32
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        spread = cv2.warpAffine(self.grid, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        out = np.zeros((height, width), np.float32)
        left, top = max(0, round(x1)), max(0, round(y1))
        right, bottom = min(width, round(x2)), min(height, round(y2))
        out[top:bottom, left:right] = spread[top:bottom, left:right]
        return out


def overlay(image_bgr: U8, explanation: Explanation) -> U8:
    """A new image (u8 HWC BGR): the stronger the map, the more of its colour; the box and the label on top.

    Colours go from the image itself (nothing or against the label) to red (the strongest of this map).
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
