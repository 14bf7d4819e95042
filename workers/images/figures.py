"""Figures of a whole picture, 0 to 1 (ARCHITECTURE.md defines them): `FigureMaker` is pure.

`StreamImageFigures` says when: once a second. Of a live stream they are made in the background and come with a
later result; otherwise with the picture's own. One thread at a time (the lane's).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

from stream.frame import Frame
from workers.bus.result import ImageFigures
from workers.images.background_jobs import BackgroundJobs
from workers.images.crops import U8, coloured, edges, full_range, halved, luma, sharpness_of
from workers.images.quality import blockiness, changed, focus, sampled

Mode = Literal["live", "every_frame", "stills"]
"""live: answers come with a later result. every_frame: with the same. stills: each picture stands for itself."""

_EVERY_US = 1_000_000
_WHOLE_WH = (160, 90)
_THUMBNAIL_WH = (64, 36)
_HASH_WH = (17, 16)
_STRETCH = np.float32(255 / 219)  # most video has black at 16 and white at 235, pictures at 0 and 255
_SAME = 2
"""Spots of 160×90 that differ by no more show the same. Of a frozen picture, encoded again and again, they settle to
the very same values (x264 and MPEG-4, but for the first key frames); of the quietest scene there is, one differs by 5
within a second, through noise alone."""
_CELLS = 8  # a side of the grid that `detail` counts in
_TEXTURE = 4.0
"""Above what sensor noise leaves after averaging, and a hand before the lens; below a picture blurred with σ 8."""


class FigureMaker:
    """Makes the figures of one stream's pictures; remembers since when the picture has not changed."""

    def __init__(self) -> None:
        self._whole: npt.NDArray[np.int16] | None = None
        self._changed_us = 0
        self._sampled: U8 | None = None

    def figures(self, picture: av.VideoFrame, pts_us: int) -> ImageFigures:
        """Those of a picture shown at `pts_us`. Takes a few milliseconds for 1280×720."""
        native = luma(picture)
        grey = halved(native)
        whole = cv2.resize(grey, _WHOLE_WH, interpolation=cv2.INTER_AREA)
        thumbnail = np.asarray(cv2.resize(whole, _THUMBNAIL_WH, interpolation=cv2.INTER_AREA), np.float32)
        laplacian = edges(grey)
        if not full_range(picture):
            thumbnail = np.asarray(((thumbnail - 16) * _STRETCH).clip(0, 255), np.float32)
            laplacian = np.asarray(laplacian * _STRETCH, np.float32)
        thumbnail /= 255
        before, self._sampled = self._sampled, sampled(native)
        return ImageFigures(
            brightness=round(float(thumbnail.mean()), 4),
            contrast=round(min(1.0, 2 * float(thumbnail.std())), 4),
            sharpness=round(sharpness_of(laplacian), 4),
            frozen_s=round(self._frozen_us(whole, pts_us) / 1e6, 3),
            saturation=round(float(coloured(picture, _THUMBNAIL_WH).mean()), 4),
            detail=round(detail(laplacian), 4),
            hash=difference_hash(whole),
            focus=round(focus(native), 4),
            blockiness=round(blockiness(native), 4),
            changed=None if before is None else round(changed(before, self._sampled), 4),
            pts_us=pts_us,
        )

    def _frozen_us(self, whole: cv2.typing.MatLike, pts_us: int) -> int:
        """Compared is with the picture that was the first to look like this, so that slow changes count, too."""
        now = np.asarray(whole, np.int16)
        if self._whole is None or int(np.abs(now - self._whole).max()) > _SAME:
            self._whole, self._changed_us = now, pts_us
        return max(0, pts_us - self._changed_us)


def detail(laplacian: npt.NDArray[np.float32]) -> float:
    """The share of the cells of an 8×8 grid that show some texture; `laplacian`: see workers.crops.edges."""
    side = laplacian.shape[0] // _CELLS
    cells = np.square(laplacian).reshape(_CELLS, side, _CELLS, side).mean(axis=(1, 3))
    return float((np.sqrt(cells) >= _TEXTURE).mean())


def difference_hash(grey: cv2.typing.MatLike) -> str:
    """Whether each of 16×16 spots is darker than its right neighbour, row by row, as 64 hexadecimal digits.

    What moves in the picture changes few bits, turning the camera about half (Krawetz 2013, "Kind of Like That").
    """
    small = cv2.resize(grey, _HASH_WH, interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


class StreamImageFigures:
    """The figures that a stream's results carry: made once a second of its times, of every still."""

    def __init__(self, mode: Mode, sideline: BackgroundJobs) -> None:
        self._mode = mode
        self._sideline = sideline
        self.reset()

    def reset(self) -> None:
        """A new session: nothing is known; figures still under way are for nobody."""
        self._made = _Made()
        self._second = -1

    def of(self, frame: Frame) -> ImageFigures | None:
        """What the result of this picture carries; None before the first are made. `frame`: as it may be shown."""
        second = frame.pts_us // _EVERY_US
        if second != self._second or self._mode == "stills":
            self._second = second
            job = self._made.job(frame)
            if self._mode == "live":
                self._sideline.submit(("figures", frame.stream_id), job)
            else:
                job()
        return self._made.figures


class _Made:
    """Those of one session."""

    def __init__(self) -> None:
        self.figures: ImageFigures | None = None
        self._maker = FigureMaker()

    def job(self, frame: Frame) -> Callable[[], None]:
        """What makes them of this picture."""

        def make() -> None:
            self.figures = self._maker.figures(frame.image, frame.pts_us)

        return make
