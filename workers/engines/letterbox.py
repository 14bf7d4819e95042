"""An image into a model's input, in one pass. One Letterbox a thread.

FFmpeg's scaler converts the colour space and resizes together; its output is copied into the request's own tensor,
between the two bars of padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from stream.frame import Frame
from workers.engines.engine import F32, U8


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image of `size_wh` pixels lies in a model's input: scaled to `inner_wh`, its corner at `origin_xy`."""

    size_wh: tuple[int, int]
    inner_wh: tuple[int, int]
    origin_xy: tuple[int, int]

    def to_image(self, xyxy: F32) -> F32:
        """Boxes (n, 4) in pixels of the input → pixels of the image, clipped to it. A new array."""
        fx, fy = self.size_wh[0] / self.inner_wh[0], self.size_wh[1] / self.inner_wh[1]
        left, top = self.origin_xy
        boxes = (xyxy - np.array([left, top, left, top], np.float32)) * np.array([fx, fy, fx, fy], np.float32)
        limits = np.array([*self.size_wh, *self.size_wh], np.float32)
        return np.clip(boxes, 0.0, limits).astype(np.float32)

    def to_input(self, xyxy: F32) -> F32:
        """Boxes (n, 4) in pixels of the image → pixels of the input. A new array."""
        fx, fy = self.inner_wh[0] / self.size_wh[0], self.inner_wh[1] / self.size_wh[1]
        left, top = self.origin_xy
        boxes: F32 = xyxy * np.array([fx, fy, fx, fy], np.float32) + np.array([left, top, left, top], np.float32)
        return boxes


def place(size_wh: tuple[int, int], shape_wh: tuple[int, int]) -> Placement:
    """Centre an image in an input, as large as its aspect ratio allows."""
    scale = min(shape_wh[0] / size_wh[0], shape_wh[1] / size_wh[1])
    inner = max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))
    return Placement(size_wh, inner, ((shape_wh[0] - inner[0]) // 2, (shape_wh[1] - inner[1]) // 2))


def least_padding(size_wh: tuple[int, int], shapes_wh: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The input shape of which the image fills the largest share; the first of equals."""

    def filled(shape: tuple[int, int]) -> float:
        inner = place(size_wh, shape).inner_wh
        return inner[0] * inner[1] / (shape[0] * shape[1])

    return max(shapes_wh, key=filled)


class Letterbox:
    """Converts images for one thread. Caches FFmpeg's scaler for each pair of sizes."""

    _MOST_SCALERS = 32

    def __init__(self) -> None:
        self._scalers: dict[tuple[object, ...], VideoReformatter] = {}

    def fill(self, image: av.VideoFrame, out: U8, pad_value: int, color: Literal["rgb", "bgr"]) -> Placement:
        """Write `image` into `out` (u8, height × width × 3, contiguous, `color` order) and return where it lies.

        Only reads the image. Raises what FFmpeg raises for an image that it cannot convert.
        """
        return self._fill(image, None, out, (pad_value, color))

    def fill_frame(self, frame: Frame, out: U8, pad_value: int, color: Literal["rgb", "bgr"]) -> Placement:
        """As `fill`, from the small image that the frame's decoder made where that is large enough."""
        return self._fill(frame.image, frame.small, out, (pad_value, color))

    def _fill(
        self, image: av.VideoFrame, small: U8 | None, out: U8, style: tuple[int, Literal["rgb", "bgr"]]
    ) -> Placement:
        height, width = out.shape[:2]
        placement = place((image.width, image.height), (width, height))
        (inner_w, inner_h), (left, top), (pad_value, color) = placement.inner_wh, placement.origin_xy, style
        image = nearer(image, (inner_w, inner_h), small)
        key = (image.width, image.height, image.format.name, inner_w, inner_h, color)
        scaler = self._scalers.get(key)
        if scaler is None:
            if len(self._scalers) >= self._MOST_SCALERS:
                self._scalers.clear()
            scaler = self._scalers[key] = VideoReformatter()
        scaled = scaler.reformat(image, inner_w, inner_h, f"{color}24", interpolation=Interpolation.BILINEAR, threads=1)
        plane = scaled.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(inner_h, plane.line_size)
        out[:top] = pad_value
        out[top + inner_h :] = pad_value
        band = out[top : top + inner_h]
        band[:, :left] = pad_value
        band[:, left + inner_w :] = pad_value
        band[:, left : left + inner_w] = rows[:, : inner_w * 3].reshape(inner_h, inner_w, 3)
        return placement


def packed(image: av.VideoFrame) -> U8 | None:
    """The pixels of an RGB or BGR image, u8 (height, width, 3), a view: do not write. None for other formats."""
    if image.format.name not in ("rgb24", "bgr24"):
        return None
    plane = image.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8)[: image.height * plane.line_size]
    return rows.reshape(image.height, plane.line_size)[:, : image.width * 3].reshape(image.height, image.width, 3)


def nearer(image: av.VideoFrame, size_wh: tuple[int, int], small: U8 | None = None) -> av.VideoFrame:
    """A still of more than four times this size in both directions, halved until it is at most twice; others as is.

    Each pixel is the mean of four. FFmpeg's scaler takes four times as long for 12 megapixels of BGR as this before it.
    small: a BGR image halved already, taken where it is half again as large as needed.
    """
    pixels = packed(image)
    if pixels is None or not _exceeds(pixels, 4, size_wh):
        return image
    if small is not None and _exceeds(small, 1.5, size_wh):
        pixels = small
    while _exceeds(pixels, 2, size_wh):
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        smaller = cv2.resize(pixels[: height * 2, : width * 2], (width, height), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(smaller, np.uint8)
    return av.VideoFrame.from_numpy_buffer(pixels, format=image.format.name)


def _exceeds(pixels: U8, times: float, size_wh: tuple[int, int]) -> bool:
    """So many times this size, in both directions."""
    height, width = pixels.shape[:2]
    return bool(width > times * size_wh[0] and height > times * size_wh[1])
