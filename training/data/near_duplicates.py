"""Images that show the same: perceptual hashes, and groups of near duplicates. Pure.

The hash is pHash: the signs of the 64 lowest frequencies of the cosine transform of a 32×32 grey thumbnail against
their median (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010). Hashes of flat
images are noise, so two images are near duplicates only when their thumbnails agree as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

MOST_BITS = 6
MOST_GREY = 10.0
_SIDE = 32


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """hash: 64 bits; thumbnail: 32×32 grey values, 0 to 255."""

    hash: int
    thumbnail: npt.NDArray[np.float32]


def fingerprint(image_bgr: npt.NDArray[Any]) -> Fingerprint:
    """The fingerprint of a u8 HWC BGR image."""
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)
    thumbnail = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(thumbnail))[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return Fingerprint(int.from_bytes(np.packbits(bits).tobytes(), "big"), thumbnail)


def near_duplicates(prints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Index pairs (first < second) of images that show the same."""
    hashes = np.array([item.hash for item in prints], np.uint64)
    pairs = []
    for first in range(len(prints) - 1):
        bits = np.bitwise_count(hashes[first + 1 :] ^ hashes[first])
        for offset in np.flatnonzero(bits <= MOST_BITS):
            second = first + 1 + int(offset)
            if np.abs(prints[first].thumbnail - prints[second].thumbnail).mean() <= MOST_GREY:
                pairs.append((first, second))
    return pairs


def groups(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each of `count` images the index of the first of its group (its own when it has no duplicate)."""
    heads = list(range(count))

    def head(index: int) -> int:
        while heads[index] != index:
            index = heads[index]
        return index

    for first, second in pairs:
        low, high = sorted((head(first), head(second)))
        heads[high] = low
    return [head(index) for index in range(count)]
