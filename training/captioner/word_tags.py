"""Which words of the captions can be told from the images: one classifier a word, tested in folds. Pure.

Regularised least squares with a Gaussian kernel (R. Rifkin, G. Yeo, T. Poggio, 2003): one factorisation serves all
words, and says of each image what the others would have said of it, from which each word's threshold is chosen. A
fold's threshold is chosen within what it learnt from, so its figures are of images that nothing was fitted to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.captioner.captions_file import words_of
from training.captioner.image_features import Described, rows_of, vocabulary
from workers.engines.engine import F32
from workers.engines.visual_words import WordCounter
from workers.taught.tag_model import SERVED_ABOVE

LEAST = 8
FOLDS, _NEIGHBOURS = 5, 4
_EVERYWHERE = 0.95
_RIDGE = 0.1
GRAMMAR = frozenset(
    "a an the and or of on in at to with without for from by is are be it its this that there some one two".split()
)
F64 = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WordFigures:
    """A word that recurs: in how many captions, and how it did on images that were not learnt from."""

    word: str
    captions: int
    precision: float
    recall: float
    f1: float

    @property
    def served(self) -> bool:
        """Whether it is used in captions."""
        return self.f1 > SERVED_ABOVE


@dataclass(frozen=True, slots=True)
class WordModel:
    """Classifiers of several words. rows: what they learnt from; one column of `weights` and threshold a word."""

    counter: WordCounter
    rows: F32
    width: float
    weights: F64
    middle: F64
    thresholds: F64

    def scores(self, described: Sequence[Described]) -> F64:
        """(images, words), above 0 where the word fits."""
        near = _kernel(rows_of(self.counter, described), self.rows, self.width)
        return np.asarray(near @ self.weights + self.middle - self.thresholds, np.float64)


def recurring(texts: Mapping[str, str], least: int = LEAST) -> list[str]:
    """Words of `least` captions or more, but for grammar and those of nearly all; in alphabetical order."""
    counts = Counter(word for text in texts.values() for word in set(words_of(text)))
    most = _EVERYWHERE * len(texts)
    return sorted(word for word, count in counts.items() if least <= count <= most and word not in GRAMMAR)


def flags_of(texts: Sequence[str], words: Sequence[str]) -> Flags:
    """(captions, words): which has which."""
    found = [set(words_of(text)) for text in texts]
    return np.array([[word in own for word in words] for own in found], np.bool_).reshape(len(texts), len(words))


def learn_words(described: Sequence[Described], flags: Flags) -> WordModel:
    """Of all these images."""
    counter = vocabulary(described)
    rows = rows_of(counter, described)
    width = float(np.median(_distances(rows, rows))) or 1.0
    wanted = np.where(flags, 1.0, -1.0)
    middle = wanted.mean(0)
    inverse = np.linalg.inv(_kernel(rows, rows, width) + _RIDGE * np.eye(len(rows)))
    weights = inverse @ (wanted - middle)
    left_out = wanted - weights / np.diag(inverse)[:, None]  # what the others say of each: closed form
    thresholds = np.array([_threshold(left_out[:, word], flags[:, word]) for word in range(flags.shape[1])])
    return WordModel(counter, rows, width, weights, middle, thresholds)


def tested(described: Sequence[Described], flags: Flags) -> F64:
    """(images, words): scores of each image by a model that learnt from other folds.

    Images that follow each other by name may be copies: four in a row are in one fold.
    """
    scores = np.zeros(flags.shape)
    fold_of = np.arange(len(described)) // _NEIGHBOURS % FOLDS
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        if len(inside) and len(outside):
            model = learn_words([described[int(index)] for index in outside], flags[outside])
            scores[inside] = model.scores([described[int(index)] for index in inside])
    return scores


def figures_of(words: Sequence[str], flags: Flags, scores: F64) -> list[WordFigures]:
    """Of each word."""
    said = scores > 0
    both, claimed, real = (said & flags).sum(0), said.sum(0), flags.sum(0)
    return [
        WordFigures(
            word,
            int(real[index]),
            round(float(both[index] / max(1, claimed[index])), 4),
            round(float(both[index] / max(1, real[index])), 4),
            round(float(2 * both[index] / max(1, claimed[index] + real[index])), 4),
        )
        for index, word in enumerate(words)
    ]


def _threshold(scores: F64, present: Flags) -> float:
    """The middle of the gap at which F1 is best."""
    order = np.argsort(-scores)
    hits = np.cumsum(present[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(1, present.sum()))
    best = int(f1.argmax())
    below = scores[order[best + 1]] if best + 1 < len(order) else scores[order[best]] - 1.0
    return float((scores[order[best]] + below) / 2)


def _distances(rows: F32, others: F32) -> F64:
    squares = np.square(rows).sum(1)[:, None] + np.square(others).sum(1)[None, :] - 2 * rows @ others.T
    return np.maximum(np.asarray(squares, np.float64), 0.0)


def _kernel(rows: F32, others: F32, width: float) -> F64:
    return np.asarray(np.exp(-_distances(rows, others) / width), np.float64)
