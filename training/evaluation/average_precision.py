"""Average precision as COCO defines it, in a form that can be resampled a thousand times. Pure.

Boxes are matched image by image, so the matching is done once; a bootstrap over images then only weighs what each
image contributed. Interpolation over 101 recalls, IoU 0.5 to 0.95 (Lin et al. 2014, cocoapi's COCOeval).
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
    """Boxes of one class in one image: xyxy (n, 4), scores (n,), and which count: the others are neither right nor
    wrong."""

    xyxy: F32
    scores: F32
    counts: Bools


@dataclass(frozen=True, slots=True)
class ClassMatches:
    """What is known of one class, best score first.

    scores (n,); image (n,) index; right (n, IoUs): a true object found; counted (n, IoUs): it is to be judged;
    objects (images,): labelled objects in each image.
    """

    scores: F64
    image: npt.NDArray[np.int64]
    right: Bools
    counted: Bools
    objects: F64


def match_class(truth: Sequence[Boxes], found: Sequence[Boxes]) -> ClassMatches:
    """Match one class over all images."""
    scores, images, right, counted = [], [], [], []
    for index, (real, seen) in enumerate(zip(truth, found, strict=True)):
        order = np.argsort(-seen.scores, kind="stable")
        hit, ignored = _match(real, Boxes(seen.xyxy[order], seen.scores[order], seen.counts[order]))
        scores.append(seen.scores[order].astype(np.float64))
        images.append(np.full(len(order), index, np.int64))
        right.append(hit)
        counted.append(~ignored)
    all_scores = np.concatenate(scores) if scores else np.zeros(0)
    best_first = np.argsort(-all_scores, kind="stable")
    return ClassMatches(
        scores=all_scores[best_first],
        image=np.concatenate(images)[best_first],
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


def average_precision(matched: ClassMatches, weights: F64 | None = None) -> F64:
    """AP for each of IOUS; NaN when nothing of the class is labelled. weights: how often each image counts."""
    objects = matched.objects.sum() if weights is None else float(matched.objects @ weights)
    if objects <= 0:
        return np.full(len(IOUS), np.nan)
    own = np.ones(len(matched.scores)) if weights is None else weights[matched.image]
    hits = np.cumsum(matched.right * own[:, None], axis=0)
    judged = np.cumsum(matched.counted * own[:, None], axis=0)
    precision = np.maximum.accumulate((hits / np.maximum(judged, 1e-12))[::-1], axis=0)[::-1]
    out = np.zeros(len(IOUS))
    for level in range(len(IOUS)):
        where = np.searchsorted(hits[:, level] / objects, _RECALLS - 1e-12, side="left")
        reached = where < len(precision)
        out[level] = precision[where[reached], level].sum() / len(_RECALLS)
    return out


def precision_recall(matched: ClassMatches) -> tuple[F64, F64]:
    """The curve at IoU 0.5: recalls, and the precision at each (not interpolated)."""
    hits = np.cumsum(matched.right[:, 0])
    return hits / max(1.0, matched.objects.sum()), hits / np.maximum(np.cumsum(matched.counted[:, 0]), 1)


def mean_ap(matches: Sequence[ClassMatches], weights: F64 | None = None) -> tuple[float, float]:
    """mAP50 and mAP50-95 over the classes that have objects; NaN when none has."""
    table = np.array([average_precision(matched, weights) for matched in matches])
    present = table[~np.isnan(table[:, 0])]
    return (float(present[:, 0].mean()), float(present.mean())) if len(present) else (float("nan"), float("nan"))


def resamples(images: int, times: int, seed: int = 0) -> F64:
    """For each of `times` draws with replacement, how often each image was drawn: (times, images)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=times).astype(np.float64)


def bootstrap(matches: Sequence[ClassMatches], draws: F64) -> F64:
    """(draws, 2): mAP50 and mAP50-95 of every draw."""
    return np.array([mean_ap(matches, weights) for weights in draws])


def interval(values: F64, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrapped values."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
