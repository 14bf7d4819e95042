"""Average precision as COCO defines it, in a form that can be resampled a thousand times. Pure.

Boxes are matched picture by picture, so the matching is done once; a bootstrap over pictures then only weighs what each
picture contributed. Interpolation over 101 recalls, IoU 0.5 to 0.95 (Lin et al. 2014, cocoapi's COCOeval).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import supervision as sv

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
IOUS = np.round(np.arange(0.5, 1.0, 0.05), 2)
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of one class in one picture: xyxy (n, 4), scores (n,), and which count: the others are neither right nor
    wrong."""

    xyxy: F32
    scores: F32
    counts: Bools


@dataclass(frozen=True, slots=True)
class MatchLedger:
    """What is known of one class, best score first.

    scores (n,); picture (n,) index; right (n, IoUs): a true object found; counted (n, IoUs): it is to be judged;
    objects (pictures,): labelled objects in each picture.
    """

    scores: F64
    picture: npt.NDArray[np.int64]
    right: Bools
    counted: Bools
    objects: F64


def ledger(truth: Sequence[Boxes], found: Sequence[Boxes]) -> MatchLedger:
    """Match one class over all pictures."""
    scores, pictures, right, counted = [], [], [], []
    for index, (real, seen) in enumerate(zip(truth, found, strict=True)):
        order = np.argsort(-seen.scores, kind="stable")
        hit, ignored = _match(real, Boxes(seen.xyxy[order], seen.scores[order], seen.counts[order]))
        scores.append(seen.scores[order].astype(np.float64))
        pictures.append(np.full(len(order), index, np.int64))
        right.append(hit)
        counted.append(~ignored)
    all_scores = np.concatenate(scores) if scores else np.zeros(0)
    best_first = np.argsort(-all_scores, kind="stable")
    return MatchLedger(
        scores=all_scores[best_first],
        picture=np.concatenate(pictures)[best_first],
        right=np.concatenate(right)[best_first],
        counted=np.concatenate(counted)[best_first],
        objects=np.array([real.counts.sum() for real in truth], np.float64),
    )


def _match(truth: Boxes, found: Boxes) -> tuple[Bools, Bools]:
    """For each box found (best first) and IoU: whether it is right, and whether it is not judged at all."""
    shape = (len(found.scores), len(IOUS))
    right, ignored = np.zeros(shape, np.bool_), np.repeat(~found.counts[:, None], len(IOUS), 1)
    if not len(truth.xyxy) or not len(found.xyxy):
        return right, ignored
    ious = sv.box_iou_batch(truth.xyxy, found.xyxy).T
    near = np.flatnonzero(ious.max(1) >= IOUS[0])
    for level, least in enumerate(IOUS):
        free = np.ones(len(truth.xyxy), np.bool_)
        for box in near:
            candidates = np.where(free, ious[box], -1.0)
            judged = np.where(truth.counts, candidates, -1.0)
            target = int((judged if judged.max() >= least else candidates).argmax())
            if candidates[target] < least:
                continue
            free[target] = False
            right[box, level] = truth.counts[target]
            ignored[box, level] = not truth.counts[target]
    return right, ignored


def average_precision(book: MatchLedger, weights: F64 | None = None) -> F64:
    """AP for each of IOUS; NaN when nothing of the class is labelled. weights: how often each picture counts."""
    objects = book.objects.sum() if weights is None else float(book.objects @ weights)
    if objects <= 0:
        return np.full(len(IOUS), np.nan)
    own = np.ones(len(book.scores)) if weights is None else weights[book.picture]
    hits = np.cumsum(book.right * own[:, None], axis=0)
    judged = np.cumsum(book.counted * own[:, None], axis=0)
    precision = np.maximum.accumulate((hits / np.maximum(judged, 1e-12))[::-1], axis=0)[::-1]
    out = np.zeros(len(IOUS))
    for level in range(len(IOUS)):
        where = np.searchsorted(hits[:, level] / objects, _RECALLS - 1e-12, side="left")
        reached = where < len(precision)
        out[level] = precision[where[reached], level].sum() / len(_RECALLS)
    return out


def precision_recall(book: MatchLedger) -> tuple[F64, F64]:
    """The curve at IoU 0.5: recalls, and the precision at each (not interpolated)."""
    hits = np.cumsum(book.right[:, 0])
    return hits / max(1.0, book.objects.sum()), hits / np.maximum(np.cumsum(book.counted[:, 0]), 1)


def mean_ap(books: Sequence[MatchLedger], weights: F64 | None = None) -> tuple[float, float]:
    """mAP50 and mAP50-95 over the classes that have objects; NaN when none has."""
    table = np.array([average_precision(book, weights) for book in books])
    present = table[~np.isnan(table[:, 0])]
    return (float(present[:, 0].mean()), float(present.mean())) if len(present) else (float("nan"), float("nan"))


def resamples(pictures: int, times: int, seed: int = 0) -> F64:
    """For each of `times` draws with replacement, how often each picture was drawn: (times, pictures)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=times).astype(np.float64)


def bootstrap(books: Sequence[MatchLedger], draws: F64) -> F64:
    """(draws, 2): mAP50 and mAP50-95 of every draw."""
    return np.array([mean_ap(books, weights) for weights in draws])


def interval(values: F64, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrapped values."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
