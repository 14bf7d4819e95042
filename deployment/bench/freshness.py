"""From a runner's record to fresh results a second. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

FRESH_S = 0.5
SHARES = (("least", 0.0), ("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@dataclass(frozen=True)
class Result:
    """A result: its camera, when it came (monotonic), how old its picture was, and which picture since the start."""

    camera: int
    at_s: float
    age_s: float
    picture: int


def parse(text: str, clock_s: Callable[[int, float], float | None], pictures: int, fps: int) -> list[Result]:
    """Read a record. `clock_s` says when picture 0 of a camera was due for whoever played it at a time.

    The clip is a loop of `pictures`; of the pictures that a number may mean, the newest that was sent is taken.
    """
    results = []
    for line in text.splitlines():
        words = line.split()
        if len(words) != 3:
            continue  # cut off by the runner's end
        camera, number, at_s = int(words[0]), int(words[1]), float(words[2])
        base_s = clock_s(camera, at_s)
        if base_s is None:
            continue
        since_s = age_s(at_s - base_s, number, pictures, fps)
        results.append(Result(camera, at_s, since_s, round((at_s - base_s - since_s) * fps)))
    return results


def age_s(playing_s: float, number: int, pictures: int, fps: int) -> float:
    """How long ago the picture of this number was due, so long after picture 0 was: the newest that was sent."""
    return (playing_s - number / fps + 0.5) % (pictures / fps) - 0.5


def window(results: Sequence[Result], begin_s: float, end_s: float) -> list[Result]:
    """Those that came within a time."""
    return [result for result in results if begin_s <= result.at_s < end_s]


def summary(results: Sequence[Result], cameras: int, seconds: float) -> dict[str, Any]:
    """Figures of one stretch: all results, fresh ones, ages and fairness."""
    fresh: dict[int, set[int]] = {camera: set() for camera in range(cameras)}
    for result in results:
        if result.age_s <= FRESH_S:
            fresh[result.camera].add(result.picture)
    counts = [len(pictures) for pictures in fresh.values()]
    ages_ms = sorted(result.age_s * 1000 for result in results)
    return {
        "results_per_s": round(len(results) / seconds, 1),
        "fresh_per_s": round(sum(counts) / seconds, 1),
        "fairness": round(min(counts) / max(counts), 2) if max(counts) else 0.0,
        "age_ms": {name: _quantile(ages_ms, share) for name, share in SHARES},
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[int(share * (len(ordered) - 1))], 1) if ordered else None


def middle(values: Sequence[float]) -> float:
    """The median, rounded as the figures are."""
    return round(statistics.median(values), 1)
