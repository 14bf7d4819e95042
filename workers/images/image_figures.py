"""The `image` figures of a frame, 0 to 1 (ARCHITECTURE.md defines them): brightness, contrast, focus, frozen and so on.

`FigureCalculator` is pure. `StreamImageFigures` decides when: once a second. Of a live stream they are computed in the
background and come with a later result; otherwise with the frame's own. One thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

from stream.frame import Frame
from workers.bus.result import Detection, ImageFigures
from workers.captions.tags import frame_tags
from workers.engines.engine import F32, U8
from workers.engines.letterbox import packed
from workers.images.background_jobs import BackgroundJobs
from workers.images.crop_quality import SparseLines, focus, laplacian, sharpness_of, sparse_lines, sparser
from workers.images.planes import colourfulness, full_range, halved, luma, spread
from workers.settings import TagSettings

Mode = Literal["live", "every_frame", "stills"]
"""live: attributes and figures come with a later result. every_frame: with the same. stills: frames are unrelated."""

Tagger = Callable[[Frame], tuple[str, ...]]
"""The tags of a frame that a user taught; called beside the inference."""

_EVERY_US = 1_000_000
_WHOLE_WH = (160, 90)
_THUMBNAIL_WH = (64, 36)
_HASH_WH = (17, 16)
_STRETCH = np.float32(255 / 219)  # most video has black at 16 and white at 235, images at 0 and 255
_SAME = 2
"""Spots of 160×90 that differ by no more show the same. Of a frozen image, encoded again and again, they settle to
the very same values (x264 and MPEG-4, but for the first key frames); of the quietest scene there is, one differs by 5
within a second, through noise alone."""
_CELLS = 8  # a side of the grid that `detail` counts in
_TEXTURE = 4.0
"""Above what sensor noise leaves after averaging, and a hand before the lens; below an image blurred with σ 8."""
_BLOCK = 8


class FigureCalculator:
    """Computes the figures of one stream's frames, in order; remembers since when nothing has changed."""

    def __init__(self) -> None:
        self._whole: npt.NDArray[np.int16] | None = None
        self._changed_us = 0
        self._sampled: U8 | None = None

    def figures(self, image: av.VideoFrame, pts_us: int, small: U8 | None = None) -> ImageFigures:
        """The figures of the frame shown at `pts_us`. Takes a few milliseconds for 1280×720. small: see `Frame`."""
        native, pixels = luma(image), packed(image)
        colours = None if pixels is None else halved(pixels if small is None else small)
        grey = halved(native) if colours is None else np.ascontiguousarray(colours[:, :, 1])
        vivid = colourfulness(image, _THUMBNAIL_WH) if colours is None else spread(colours, _THUMBNAIL_WH)
        lines = sparse_lines(native)
        whole = cv2.resize(grey, _WHOLE_WH, interpolation=cv2.INTER_AREA)
        thumbnail = np.asarray(cv2.resize(whole, _THUMBNAIL_WH, interpolation=cv2.INTER_AREA), np.float32)
        edges = laplacian(grey)
        if not full_range(image):
            thumbnail = np.asarray(((thumbnail - 16) * _STRETCH).clip(0, 255), np.float32)
            edges = np.asarray(edges * _STRETCH, np.float32)
        thumbnail /= 255
        before, self._sampled = self._sampled, _sampled(native)
        return ImageFigures(
            brightness=round(float(thumbnail.mean()), 4),
            contrast=round(min(1.0, 2 * float(thumbnail.std())), 4),
            sharpness=round(sharpness_of(edges), 4),
            frozen_s=round(self._frozen_us(whole, pts_us) / 1e6, 3),
            saturation=round(float(vivid.mean()), 4),
            detail=round(detail(edges), 4),
            hash=difference_hash(whole),
            focus=round(focus(lines), 4),
            blockiness=round(blockiness(lines), 4),
            changed=None if before is None else round(changed(before, self._sampled), 4),
            pts_us=pts_us,
        )

    def _frozen_us(self, whole: cv2.typing.MatLike, pts_us: int) -> int:
        """Compares with the first frame that looked like this, so that slow changes count, too."""
        now = np.asarray(whole, np.int16)
        if self._whole is None or int(np.abs(now - self._whole).max()) > _SAME:
            self._whole, self._changed_us = now, pts_us
        return max(0, pts_us - self._changed_us)


def detail(edges: F32) -> float:
    """The share of the cells of an 8×8 grid that show some texture; edges: `laplacian` of the image."""
    side = edges.shape[0] // _CELLS
    cells = np.square(edges).reshape(_CELLS, side, _CELLS, side).mean(axis=(1, 3))
    return float((np.sqrt(cells) >= _TEXTURE).mean())


def difference_hash(grey: cv2.typing.MatLike) -> str:
    """Whether each of 16×16 spots is darker than its right neighbour, row by row, as 64 hexadecimal digits.

    What moves in the scene changes few bits, turning the camera about half (Krawetz 2013, "Kind of Like That").
    """
    small = cv2.resize(grey, _HASH_WH, interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def blockiness(lines: SparseLines) -> float:
    """0 (none) to 1: how much larger steps between 8×8 blocks are than steps within them, b - a over b + a.

    At the image's own resolution. Codecs tile from the upper left corner; an image that was scaled afterwards shows 0.
    """
    return max(_steps(lines.rows, 1), _steps(lines.columns, 0))


def changed(before: U8, now: U8) -> float:
    """The share of pixels of two `_sampled` images that differ at all, 0 to 1; 1 when the size changed.

    The noise of a live sensor changes some; a frozen image has none.
    """
    if before.shape != now.shape:
        return 1.0
    return float(np.count_nonzero(before != now)) / max(1, now.size)


def _steps(lines: U8, axis: int) -> float:
    """`axis`: 1 along rows, 0 along columns."""
    if lines.shape[axis] < 2 * _BLOCK:
        return 0.0
    steps = cv2.absdiff(lines[:, 1:], lines[:, :-1]) if axis else cv2.absdiff(lines[1:], lines[:-1])
    sums = cv2.reduce(steps, 1 - axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(np.int64)
    at_edges = sums[_BLOCK - 1 :: _BLOCK]
    edges = float(at_edges.mean())
    inside = float(sums.sum() - at_edges.sum()) / (sums.size - at_edges.size)
    return max(0.0, (edges - inside) / (edges + inside)) if edges + inside > 0 else 0.0


def _sampled(grey: U8) -> U8:
    """Every fourth pixel of every fourth row, fewer of huge images; a copy. A thumbnail would average noise away."""
    every = sparser(grey)
    return np.ascontiguousarray(grey[::every, ::every])


class StreamImageFigures:
    """The figures that a stream's results carry: once a second by `pts_us`, of every still; and each frame's tags."""

    def __init__(
        self,
        mode: Mode,
        background: BackgroundJobs,
        tags: TagSettings | None = None,
        tagger: Tagger | None = None,
    ) -> None:
        self._tagger = tagger
        self._mode = mode
        self._background = background
        self._tags = tags or TagSettings()
        self.reset()

    def reset(self) -> None:
        """Start a new session; figures still being computed are ignored."""
        self._session = _SessionFigures(self._tagger)
        self._second = -1

    def of(self, frame: Frame, detections: Sequence[Detection] = ()) -> ImageFigures | None:
        """What the result of this frame carries; None before the first. `frame`: blurred where the stream is.

        detections: of this frame, for its tags.
        """
        second = frame.pts_us // _EVERY_US
        if second != self._second or self._mode == "stills":
            self._second = second
            job = self._session.job(frame)
            if self._mode == "live":
                self._background.submit(("figures", frame.stream_id), job)
            else:
                job()
        figures = self._session.figures
        if figures is None:
            return None
        return figures.model_copy(update={"tags": frame_tags(detections, figures, self._tags)})


class _SessionFigures:
    """The latest figures of one session."""

    def __init__(self, tagger: Tagger | None) -> None:
        self._tagger = tagger
        self.figures: ImageFigures | None = None
        self._calculator = FigureCalculator()

    def job(self, frame: Frame) -> Callable[[], None]:
        """The job that computes them of this frame."""

        def compute() -> None:
            figures = self._calculator.figures(frame.image, frame.pts_us, frame.small)
            if self._tagger is not None:
                figures = figures.model_copy(update={"tags": self._tagger(frame)})
            self.figures = figures

        return compute
