"""Visual words: an image as how often each of its cells shows each of some hundred typical patches. Pure.

E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", 2011; G. Csurka et al., "Visual categorization with
bags of keypoints", 2004; the cells are those of S. Lazebnik et al., "Beyond bags of features: spatial pyramid
matching", 2006; words of 256 bits, compared by Hamming's distance, as in D. Gálvez-López and J. D. Tardós, "Bags of
binary words for fast place recognition", 2012. Training learns from, and serving computes, the same histograms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.engines.engine import F32, U8
from workers.errors import ModelError
from workers.validation import first_reason

VISUAL_WORDS = "visual-words.json"
"""The file that a card names when its model is a bag of visual words; `model.xml` takes the histograms then."""

_BYTES = 32
Part = tuple[Annotated[int, Field(ge=1, le=16)], Annotated[int, Field(ge=1, le=16)]]
Word = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class VisualWords(BaseModel):
    """How points are found, and the words their descriptors are counted as.

    points: most per image. patch: side of what a descriptor looks at; fast: FAST's threshold. Points are not turned
    to their own direction: crops are upright, and the same patch turned is another thing. parts: columns and rows of
    the grids whose cells are counted separately. words: 256 bits each, as hex.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.visual-words/1"] = Field(default="livesight.visual-words/1", alias="schema")
    points: int = Field(default=300, ge=1, le=5000)
    patch: int = Field(default=31, ge=5, le=64)
    fast: int = Field(default=5, ge=1, le=255)
    parts: tuple[Part, ...] = Field(default=((1, 1), (3, 4)), min_length=1, max_length=8)
    words: tuple[Word, ...] = Field(min_length=2, max_length=4096)

    @property
    def features(self) -> int:
        """The length of a histogram."""
        return len(self.words) * sum(columns * rows for columns, rows in self.parts)


def read_visual_words(path: Path) -> VisualWords:
    """Raises ModelError naming the file and the field that is wrong."""
    try:
        return VisualWords.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot read it: {error.strerror or error}") from error
    except ValidationError as error:
        raise ModelError(f"{path}: {first_reason(error, 'file')}") from error


class PointFinder:
    """Finds and describes points. One thread at a time."""

    def __init__(self, points: int, patch: int, fast: int) -> None:
        self._orb = cv2.ORB.create(nfeatures=points, edgeThreshold=patch // 2, patchSize=patch, fastThreshold=fast)

    def describe(self, image_rgb: U8) -> tuple[F32, U8]:
        """Points (n, 2: x, y as shares of the sides) and descriptors (n, 32) of u8 HWC; none of a flat image."""
        grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
        found = self._orb.detect(grey, None)
        for point in found:
            point.angle = 0.0
        found, descriptors = self._orb.compute(grey, found)
        if descriptors is None:
            return np.zeros((0, 2), np.float32), np.zeros((0, _BYTES), np.uint8)
        size_wh = np.array([grey.shape[1], grey.shape[0]], np.float32)
        return np.array([point.pt for point in found], np.float32) / size_wh, np.asarray(descriptors, np.uint8)


class WordCounter:
    """Images into histograms. One thread at a time."""

    def __init__(self, settings: VisualWords) -> None:
        self.settings = settings
        self._finder = PointFinder(settings.points, settings.patch, settings.fast)
        self._words = np.array([np.frombuffer(bytes.fromhex(word), np.uint8) for word in settings.words], np.uint8)

    def histogram(self, image_rgb: U8) -> F32:
        """(features,) of u8 HWC: see `counted`."""
        return self.counted(*self._finder.describe(image_rgb))

    def counted(self, points: F32, descriptors: U8) -> F32:
        """Square roots of the shares of each word in each cell; zeros where there is no point.

        Of roots, dot products are Hellinger's kernel, in which frequent words do not drown the others.
        """
        out: F32 = np.zeros(self.settings.features, np.float32)
        if not len(descriptors):
            return out
        nearest = _nearest(descriptors, self._words)
        count, first = len(self._words), 0
        for columns, rows in self.settings.parts:
            column, row = ((points * (columns, rows)).astype(np.int64).clip(0, (columns - 1, rows - 1))).T
            cells = columns * rows
            own = np.bincount(nearest + count * (column + columns * row), minlength=count * cells)
            out[first : first + count * cells] = np.sqrt(own / len(descriptors))
            first += count * cells
        return out


def _nearest(descriptors: U8, words: U8) -> npt.NDArray[np.int64]:
    """The word that differs in the fewest bits; the first of equals."""
    ours, theirs = descriptors.view(np.uint64), words.view(np.uint64)
    distance: npt.NDArray[np.uint16] = np.zeros((len(ours), len(theirs)), np.uint16)
    for eight in range(ours.shape[1]):  # a sum over a short last axis takes ten times as long
        distance += np.bitwise_count(ours[:, eight, None] ^ theirs[None, :, eight])
    return np.asarray(distance.argmin(1), np.int64)
