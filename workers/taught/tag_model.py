"""Learns a tag from examples, and says how well: folds by stretches of time. Pure; deterministic.

A linear classifier over square roots of word shares (Hellinger's kernel: what a support vector machine over a bag of
words does) and coarse colours, by regularised least squares (R. Rifkin, G. Yeo, T. Poggio, "Regularized least-squares
classification", 2003): closed form, a few milliseconds, nothing but numpy. The words are centres of the examples'
descriptors by bitwise majority (C. Grana et al., "A fast approach for integrating ORB descriptors in the bag of words
model", 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workers.engines.engine import F32, U8
from workers.engines.visual_words import VisualWords, WordCounter
from workers.taught.example import FAST, PATCH, POINTS, TagExample

SERVED_ABOVE = 0.8
"""F1 that a tag must exceed to be served."""
LEAST, LEAST_STRETCHES, FOLDS = 8, 3, 5
STRETCH_S = 10.0
"""Frames of one kind less than this apart are copies of each other: they are learnt from, or tested on, together."""
_WORDS, _ROUNDS, _DESCRIPTORS = 48, 4, 6000
_RIDGE = 0.05
_SEED = 7


@dataclass(frozen=True, slots=True)
class TagFigures:
    """What the folds said, of frames that were not learnt from: 0 to 1."""

    f1: float
    precision: float
    recall: float
    folds: int

    @property
    def good(self) -> bool:
        """Whether it is served."""
        return self.f1 > SERVED_ABOVE


@dataclass(frozen=True, slots=True)
class TagModel:
    """A learnt tag. One thread at a time."""

    counter: WordCounter
    middle: F32
    spread: float
    weights: F32
    bias: float

    def present(self, example: TagExample) -> bool:
        """Whether a frame shows what the tag says."""
        return self.score(example) > 0

    def score(self, example: TagExample) -> float:
        """Above 0: present."""
        return float(_row(self.counter, self.middle, self.spread, example) @ self.weights + self.bias)


def stretches(examples: Sequence[TagExample], present: bool) -> list[list[TagExample]]:
    """The examples of one kind, in stretches of time."""
    found: list[list[TagExample]] = []
    for one in sorted((one for one in examples if one.present == present), key=lambda one: one.at_ns):
        if found and one.at_ns - found[-1][-1].at_ns < STRETCH_S * 1e9:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def missing(examples: Sequence[TagExample]) -> str | None:
    """Why there is nothing to learn from yet, as text for whoever teaches; None when there is enough."""
    for present, shown in ((True, "that show it"), (False, "that do not")):
        count = sum(one.present == present for one in examples)
        if count < LEAST:
            return f"{LEAST - count} more examples {shown} are needed"
        apart = len(stretches(examples, present))
        if apart < LEAST_STRETCHES:
            return (
                f"the examples {shown} are of {apart} stretches of time, {LEAST_STRETCHES} are needed: "
                f"add some at other times, {STRETCH_S:g} s apart at least"
            )
    return None


def learn(examples: Sequence[TagExample]) -> TagModel:
    """Of all examples; both kinds must be there."""
    words = VisualWords(
        points=POINTS, patch=PATCH, fast=FAST, words=binary_words([one.descriptors for one in examples], _WORDS)
    )
    counter = WordCounter(words)
    colours = np.stack([one.colours for one in examples])
    middle = colours.mean(0)
    spread = float(np.sqrt(np.square(colours - middle).sum(1).mean())) or 1.0
    rows = np.stack([_row(counter, middle, spread, one) for one in examples]).astype(np.float64)
    wanted = np.array([1.0 if one.present else -1.0 for one in examples])
    share = (wanted > 0).mean()
    weight = np.where(wanted > 0, 0.5 / share, 0.5 / (1 - share))  # as if there were as many of both kinds
    centre, level = np.average(rows, 0, weight), np.average(wanted, 0, weight)
    centred = (rows - centre) * np.sqrt(weight)[:, None]
    kernel = centred @ centred.T
    kernel[np.diag_indices_from(kernel)] += _RIDGE * len(rows)
    weights = centred.T @ np.linalg.solve(kernel, (wanted - level) * np.sqrt(weight))
    return TagModel(counter, middle, spread, weights.astype(np.float32), float(level - centre @ weights))


def cross_validated(examples: Sequence[TagExample]) -> TagFigures:
    """Each stretch of time is judged by a model that learnt from others only; words are learnt anew in each fold."""
    kinds = [stretches(examples, present) for present in (True, False)]
    folds = min(FOLDS, *(len(kind) for kind in kinds))
    true_positive = false_positive = false_negative = 0
    for fold in range(folds):
        parts = [(number % folds == fold, one) for kind in kinds for number, part in enumerate(kind) for one in part]
        model = learn([one for tested, one in parts if not tested])
        for one in (one for tested, one in parts if tested):
            said = model.present(one)
            true_positive += said and one.present
            false_positive += said and not one.present
            false_negative += not said and one.present
    precision = true_positive / max(1, true_positive + false_positive)
    recall = true_positive / max(1, true_positive + false_negative)
    f1 = 2 * true_positive / max(1, 2 * true_positive + false_positive + false_negative)
    return TagFigures(round(f1, 4), round(precision, 4), round(recall, 4), folds)


def _row(counter: WordCounter, middle: F32, spread: float, example: TagExample) -> F32:
    counts = counter.counted(example.points, example.descriptors)
    return np.concatenate([counts, (example.colours - middle) / np.float32(spread)]).astype(np.float32)


def binary_words(descriptors: Sequence[U8], count: int) -> tuple[str, ...]:
    """Up to `count` centres of descriptors, u8 (n, 32) an image, as hex; two that mean nothing where there are none."""
    rng = np.random.default_rng(_SEED)
    every = np.concatenate(descriptors)
    if len(every) < 2:
        return "0" * 64, "f" * 64
    sample = every[rng.permutation(len(every))[:_DESCRIPTORS]]
    centres = sample[: min(count, len(sample))].copy()
    bits = np.unpackbits(sample, axis=1)
    for _ in range(_ROUNDS):
        nearest = _nearest(sample, centres)
        for number in range(len(centres)):
            own = bits[nearest == number]
            if len(own):
                centres[number] = np.packbits(own.mean(0) > 0.5)
    return tuple(centre.tobytes().hex() for centre in centres)


def _nearest(descriptors: U8, centres: U8) -> npt.NDArray[np.intp]:
    ours, theirs = descriptors.view(np.uint64), centres.view(np.uint64)
    distance = np.zeros((len(ours), len(theirs)), np.uint16)
    for eight in range(ours.shape[1]):
        distance += np.bitwise_count(ours[:, eight, None] ^ theirs[None, :, eight])
    return np.asarray(distance.argmin(1), np.intp)
