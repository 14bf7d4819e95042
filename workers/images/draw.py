"""Draws boxes and labels into an image and encodes JPEGs. Pure; takes milliseconds, so never on the event loop."""

from __future__ import annotations

import zlib
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from stream.frame import Frame
from workers.bus.result import Detection, FrameResult
from workers.label_words import spoken

_PALETTE_BGR = ((76, 175, 80), (54, 67, 244), (0, 152, 255), (243, 150, 33), (176, 39, 156), (212, 188, 0))
_KNOWN = {"with_mask": 0, "without_mask": 1, "mask_weared_incorrect": 2}
_FAINT = 0.55
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def jpeg(frame: Frame, result: FrameResult, overlay: bool, quality: int, width: int | None = None) -> bytes:
    """The frame as JPEG, with its boxes when `overlay` is set. `quality` 1 to 100.

    `width`: maximum width in pixels; a smaller JPEG of 720p costs a fifth.
    """
    image_bgr = _scaled_bgr(frame, width)
    if overlay:
        scale = image_bgr.shape[1] / result.size_wh[0]
        draw(image_bgr, tuple(_scaled(found, scale) for found in result.detections))
    _, encoded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def _scaled_bgr(frame: Frame, width: int | None) -> npt.NDArray[np.uint8]:
    """A new u8 array (height, width, 3). With a scaler of its own: the frame's is not for two threads at a time."""
    full_w, full_h = frame.size_wh
    scale = min(1.0, width / full_w) if width else 1.0
    size = (full_w, full_h) if scale == 1 else (round(full_w * scale), max(1, round(full_h * scale)))
    return cast("npt.NDArray[np.uint8]", VideoReformatter().reformat(frame.image, *size, format="bgr24").to_ndarray())


def _scaled(found: Detection, scale: float) -> Detection:
    x1, y1, x2, y2 = found.xyxy
    return found.model_copy(update={"xyxy": (x1 * scale, y1 * scale, x2 * scale, y2 * scale)})


def draw_own(image_bgr: npt.NDArray[np.uint8], own: Detection, others: tuple[Detection, ...]) -> None:
    """Draw into `image_bgr` (u8 HWC) which one is meant: its box strong and with its label, those of others faint."""
    faint_bgr = image_bgr.copy()
    thickness = max(2, round(image_bgr.shape[0] / 360))
    for found in others:
        x1, y1, x2, y2 = (round(value) for value in found.xyxy)
        cv2.rectangle(faint_bgr, (x1, y1), (x2, y2), color_of(found.label), thickness)
    cv2.addWeighted(faint_bgr, _FAINT, image_bgr, 1 - _FAINT, 0, dst=image_bgr)
    draw(image_bgr, (own,), weight=3)


def draw(image_bgr: npt.NDArray[np.uint8], detections: tuple[Detection, ...], weight: float = 1) -> None:
    """Draw into `image_bgr` (u8 HWC). Lines and text scale with the image; `weight`: of the lines."""
    scale = max(0.4, image_bgr.shape[0] / 1080)
    thickness = max(1, round(2 * scale * weight))
    for found in detections:
        color_bgr = color_of(found.label)
        x1, y1, x2, y2 = (round(value) for value in found.xyxy)
        cv2.rectangle(image_bgr, (x1, y1), (x2, y2), color_bgr, thickness)
        _label(image_bgr, _text(found), (x1, y1), color_bgr, scale)


def color_of(label: str) -> tuple[int, int, int]:
    """The colour (BGR) of a label: always the same."""
    return _PALETTE_BGR[_KNOWN.get(label, zlib.crc32(label.encode())) % len(_PALETTE_BGR)]


def _text(found: Detection) -> str:
    track = "" if found.track_id is None else f"#{found.track_id} "
    return f"{track}{spoken(found.label)} {found.confidence:.2f}"


def _label(
    image_bgr: npt.NDArray[np.uint8],
    text: str,
    corner_xy: tuple[int, int],
    color_bgr: tuple[int, int, int],
    scale: float,
) -> None:
    """White text on the colour, above the corner or inside at the image's edge."""
    (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
    x = max(0, min(corner_xy[0], image_bgr.shape[1] - width))
    y = corner_xy[1] if corner_xy[1] >= height + below else corner_xy[1] + height + below
    cv2.rectangle(image_bgr, (x, y - height - below), (x + width, y), color_bgr, cv2.FILLED)
    cv2.putText(image_bgr, text, (x, y - below // 2), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
