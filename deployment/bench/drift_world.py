"""Simulated cameras out of what the detector really said of the shared clips. numpy; nothing here looks at a clock.

Fitted on the clips of one half: how picture figures vary and how long they remember it, what tracks of each label are
like, how much one person's tracks differ, how long people stay. The rest no clip of seconds can tell, and is set:

- 12 tracks a minute by day, a twentieth of it by night, in groups of 1.4, busier and quieter for twenty minutes at a
  time (30 %) and from day to day (15 %);
- one of ten tracks is of somebody who was there within the last twenty tracks: same label, same looks (in the clips one
  of 43 begins where another had ended); `clumped`: two of ten;
- 80 % with a mask, 20 % without, sharing it within a group (30 %; in the clips, tracks that are there together agree
  less often than by chance; `clumped`: 60 %), the mix going to and fro (a logit of 0.1 for half an hour, 0.1 from day
  to day);
- daylight: brightness and what goes with it fall to 35 % in the night, with dusk and dawn; weather of 4 % from day to
  day and 3 % for three quarters of an hour; by night a quarter of the scene's marks lie otherwise, and the model is
  0.05 less sure.

A change is made with what the detector said of the same clips really degraded: a track's figures are those of the same
person's track in the degraded clip, and who was not found there is not found here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from drift_clips import load
from scipy.signal import lfilter

from monitoring.drift.camera.scene import bits
from monitoring.drift.sampler import DriftSample

DETECTOR, CLASSIFIER = "mask", "mask-classifier"
FIGURES = ("brightness", "contrast", "sharpness", "focus", "blockiness", "saturation", "detail")
LIT = np.array([1.0, 1.0, 0.3, 0.1, 0.1, 1.0, 0.2])  # how much of a change of light each figure follows
HALVES: dict[str, tuple[str, ...]] = {
    "fit": (
        "asl_book", "carphone_pristine", "head-pose-face-detection-female-and-male", "one-by-one-person-detection",
        "facemask_motion_640x360",
    ),
    "test": (
        "asl_school", "classroom", "head-pose-face-detection-male", "vtest", "short_hamilton_clip",
        "facemask_motion_640x360",
    ),
}  # fmt: skip
ONLY_TRACKS = ("facemask_motion_640x360", "short_hamilton_clip")  # no fixed cameras
SPLIT_S = {"fit": (0.0, 6.0), "test": (6.0, 99.0)}  # the only clip with masks is cut: three scenes for each half
STEP_S = 10.0
DAY = 86400.0
GROUP = 1.4
CLUMPS = {"usual": (0.3, 0.1), "clumped": (0.6, 0.2)}  # how much a group shares its label, how many come back
TURNED = (0.3, 0.1)


@dataclass(slots=True)
class Person:
    """A real track, and what became of it in each degraded clip: None where it was not found."""

    label: str
    values: dict[str, Any]
    degraded: dict[str, dict[str, Any] | None] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """What was fitted on one half. scenes: of each fixed camera, by way, figures (n, 7) and hash bits (n, 256)."""

    half: str
    scenes: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]
    persons: dict[str, list[Person]]
    dwell_s: float
    within: dict[str, float]
    memory: float
    noise: np.ndarray
    together: float
    returns: float


def tracks(results: list[dict[str, Any]]) -> dict[int, list[tuple[int, dict[str, Any], list[int]]]]:
    """The boxes of each confirmed track."""
    found: dict[int, list[tuple[int, dict[str, Any], list[int]]]] = defaultdict(list)
    for result in results:
        for box in result["detections"]:
            if box["track_id"] is not None:
                found[box["track_id"]].append((result["pts_us"], box, result["size_wh"]))
    return {number: boxes for number, boxes in found.items() if len(boxes) >= 3}


def measured(boxes: list[tuple[int, dict[str, Any], list[int]]]) -> dict[str, Any]:
    """A track's features, as monitoring/drift/sampler.py measures them."""
    sides, aspects, labels, said = [], [], [], (None, 0.0)
    for _, box, (wide, high) in boxes:
        x1, y1, x2, y2 = box["xyxy"]
        sides.append(((x2 - x1) * (y2 - y1) / (wide * high)) ** 0.5)
        aspects.append((x2 - x1) / (x2 - x1 + y2 - y1))
        labels.append(box["label"])
        answer = box["attributes"].get(CLASSIFIER)
        said = said if answer is None else (answer["label"], answer["confidence"])
    return {
        "confidence": median(box["confidence"] for _, box, _ in boxes),
        "box_side": median(sides),
        "aspect": median(aspects),
        "label": max(sorted(set(labels)), key=labels.count),
        "said": said[0],
        "sure": said[1],
    }


def _same(one: list[Any], other: list[Any], how: str) -> float:
    """The mean overlap (IoU) of two tracks where both have boxes; 0 when they share fewer than three pictures."""
    theirs = {pts_us: box["xyxy"] for pts_us, box, _ in other}
    overlaps = []
    for pts_us, box, (wide, high) in one:
        if pts_us in theirs:
            a, b = np.array(box["xyxy"]), np.array(theirs[pts_us])
            if how == "turned":
                b = b - np.array([TURNED[0] * wide, TURNED[1] * high] * 2)
            corner = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
            shared = float(np.prod(np.maximum(0, corner)))
            overlaps.append(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))
    return float(np.mean(overlaps)) if len(overlaps) >= 3 else 0.0


def fit(kept: Path, half: str, ways: tuple[str, ...], clumps: str = "usual") -> World:
    """The world of one half of the clips. `ways`: how they were degraded; `clumps`: how much alike neighbours are."""
    scenes: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    persons: dict[str, list[Person]] = defaultdict(list)
    stays: list[tuple[float, bool]] = []
    differ: dict[str, list[float]] = defaultdict(list)
    for clip in HALVES[half]:
        plain = load(kept / f"{clip}.none.jsonl")
        others = {how: tracks(load(kept / f"{clip}.{how}.jsonl")) for how in ways}
        if clip not in ONLY_TRACKS:
            scenes[clip] = {
                how: _figures(load(kept / f"{clip}.{how}.jsonl")) for how in ("none", *ways) if "@" not in how
            }
        end_us = plain[-1]["pts_us"]
        for boxes in tracks(plain).values():
            if clip == "facemask_motion_640x360":
                low, high = SPLIT_S[half]
                if not low <= boxes[0][0] / 1e6 < high:
                    continue
            person = Person(measured(boxes)["label"], measured(boxes))
            for how, theirs in others.items():
                matches = [(_same(boxes, other, how), other) for other in theirs.values()]
                best = max(matches, key=lambda match: match[0], default=(0.0, []))
                person.degraded[how] = measured(best[1]) if best[0] >= 0.3 else None
            persons["without_mask" if person.label == "without_mask" else "with_mask"].append(person)
            cut = boxes[-1][0] >= end_us - 300_000 or boxes[0][0] < 300_000
            stays.append(((boxes[-1][0] - boxes[0][0]) / 1e6, cut))
            if len(boxes) >= 8:
                early, late = measured(boxes[: len(boxes) // 2]), measured(boxes[len(boxes) // 2 :])
                for name in ("confidence", "box_side", "aspect"):
                    differ[name].append(float(np.log(late[name] / early[name])))
    whole = sum(seconds for seconds, _ in stays)
    dwell_s = whole / max(1, sum(not cut for _, cut in stays))  # exponential, those cut by the clip's ends censored
    within = {name: float(np.std(values) / np.sqrt(2)) for name, values in differ.items()}
    return World(half, scenes, dict(persons), dwell_s, within, *_memory(scenes), *CLUMPS[clumps])


def _figures(results: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    images = [result["image"] for result in results if result["image"] is not None]
    return (
        np.array([[image[name] for name in FIGURES] for image in images]),
        np.array([bits(image["hash"]) for image in images]),
    )


def _memory(scenes: Mapping[str, Any]) -> tuple[float, np.ndarray]:
    """The lag-one correlation (0.5 s) of the longest clip's figures, and how much a figure varies in the clips."""
    longest = max((ways["none"][0] for ways in scenes.values()), key=len)
    centred = longest - longest.mean(axis=0)
    varies = centred.std(axis=0) > 0
    rho = (centred[1:, varies] * centred[:-1, varies]).mean(axis=0) / centred[:, varies].var(axis=0)
    noise = np.median([ways["none"][0].std(axis=0) for ways in scenes.values()], axis=0)
    return float(np.median(rho)), noise


def slow(rng: np.random.Generator, n: int, step_s: float, memory_s: float, sd: float) -> np.ndarray:
    """An AR(1) process of that memory, in its steady state."""
    rho = np.exp(-step_s / memory_s)
    drawn = rng.normal(0, sd * np.sqrt(1 - rho**2), n)
    drawn[0] = rng.normal(0, sd)
    return np.asarray(lfilter([1.0], [1.0, -rho], drawn))


def daylight(at_s: np.ndarray) -> np.ndarray:
    """1 by day, 0.35 by night, an hour and a half of dusk and dawn around 6 and 20 o'clock."""
    hour = at_s / 3600 % 24
    up = 1 / (1 + np.exp(-(hour - 6) * 4)) * 1 / (1 + np.exp((hour - 20) * 4))
    return 0.35 + 0.65 * up


def bustle(at_s: np.ndarray) -> np.ndarray:
    """The day's course of arrivals, 0.05 to 1."""
    hour = at_s / 3600 % 24
    up = 1 / (1 + np.exp(-(hour - 7.5) * 3)) * 1 / (1 + np.exp((hour - 20.5) * 3))
    return 0.05 + 0.95 * up


@dataclass(frozen=True, slots=True)
class Change:
    """What is other from `at_s` on: a way that clips were degraded (pictures, tracks), or another share of masks."""

    at_s: float
    way: str = "none"
    tracks_way: str | None = None
    without: float | None = None


class Camera:
    """One simulated camera; `samples` of one stretch of time after the other."""

    def __init__(self, world: World, clip: str, rng: np.random.Generator, without: float = 0.2) -> None:
        self._world, self._rng, self._clip, self._without = world, rng, clip, without
        self._weights = {label: rng.dirichlet(np.full(len(people), 1.0)) for label, people in world.persons.items()}
        self._size = float(np.exp(rng.normal(0, 0.2)))
        self._night = rng.random(256) < 0.25
        self._place = int(rng.integers(1000))

    def samples(self, from_s: float, to_s: float, change: Change | None = None) -> list[DriftSample]:
        """All samples of a stretch, in order of time. Days and weather within it are new ones."""
        grid = np.arange(from_s, to_s, STEP_S)
        days = ((grid - from_s + from_s % DAY) // DAY).astype(int)
        people = self._tracks(grid, days, change)
        pictures = self._pictures(grid, days, people, change)
        made = [*pictures, *(sample for _, found in people for sample in found)]
        made.sort(key=lambda sample: sample.at_s)
        return made

    def _pictures(
        self, grid: np.ndarray, days: np.ndarray, people: list[tuple[float, list[DriftSample]]], change: Change | None
    ) -> list[DriftSample]:
        rng, ways = self._rng, self._world.scenes[self._clip]
        weather = np.exp(rng.normal(0, 0.04, days[-1] + 1)[days] + slow(rng, len(grid), STEP_S, 2700, 0.03))
        light = daylight(grid)
        gain = (light * weather)[:, None] ** LIT
        rest = slow(rng, len(grid) * len(FIGURES), STEP_S, 60, 1.0).reshape(len(FIGURES), -1).T * self._world.noise
        index = self._place + np.arange(len(grid)) * round(STEP_S / 0.5)
        self._place = int(index[-1])
        way = np.full(len(grid), "none", object)
        if change is not None:
            way[grid >= change.at_s] = change.way
        figures, marks = np.empty((len(grid), len(FIGURES))), np.empty((len(grid), 256))
        for name in set(way):
            rows, (seen, hashes) = way == name, ways[name]
            figures[rows], marks[rows] = seen[index[rows] % len(seen)], hashes[index[rows] % len(hashes)]
        figures = np.clip(figures * gain + rest, 0, 1).round(4)
        night = light < 0.65
        marks[night] = np.where(self._night, 1 - marks[night], marks[night])
        packed = np.packbits(marks.astype(np.uint8), axis=1)
        boxes = self._alive(grid, people)
        made = []
        for at_s, row, digits, count in zip(grid.tolist(), figures.tolist(), packed, boxes.tolist(), strict=True):
            made.append(
                DriftSample(at_s, "", 0, dict(zip(FIGURES, row, strict=True)), {"hash": digits.tobytes().hex()})
            )
            made.append(DriftSample(at_s, DETECTOR, 1, {"boxes": count}, {}))
        return made

    def _alive(self, grid: np.ndarray, people: list[tuple[float, list[DriftSample]]]) -> np.ndarray:
        began = np.array([at_s for at_s, _ in people])
        ended = np.array([found[0].at_s for _, found in people])
        return (np.searchsorted(began, grid) - np.searchsorted(np.sort(ended), grid)).clip(0).astype(float)

    def _tracks(
        self, grid: np.ndarray, days: np.ndarray, change: Change | None
    ) -> list[tuple[float, list[DriftSample]]]:
        rng = self._rng
        busy = np.exp(rng.normal(0, 0.15, days[-1] + 1)[days] + slow(rng, len(grid), STEP_S, 1200, 0.3) - 0.055)
        groups = rng.poisson(12 / 60 * STEP_S / GROUP * bustle(grid) * busy)
        sizes = rng.geometric(1 / GROUP, int(groups.sum()))
        at_group = np.sort(np.repeat(grid, groups) + rng.random(len(sizes)) * STEP_S)
        began = np.repeat(at_group, sizes)
        group = np.repeat(np.arange(len(sizes)), sizes)
        share = np.full(len(grid), self._without)
        if change is not None and change.without is not None:
            share[grid >= change.at_s] = change.without
        mix = (
            np.log(share / (1 - share))
            + rng.normal(0, 0.1, days[-1] + 1)[days]
            + slow(rng, len(grid), STEP_S, 1800, 0.1)
        )
        chance = 1 / (1 + np.exp(-mix[np.searchsorted(grid, began, side="right") - 1]))
        draws = rng.random(len(began)), rng.random(len(sizes))[group]
        bare = np.where(rng.random(len(began)) < self._world.together, draws[1], draws[0]) < chance
        stays = np.maximum(0.5, rng.exponential(self._world.dwell_s, len(began)))
        return self._people(began, began + stays, bare, change)

    def _people(
        self, began: np.ndarray, ended: np.ndarray, bare: np.ndarray, change: Change | None
    ) -> list[tuple[float, list[DriftSample]]]:
        rng, n = self._rng, len(began)
        back = np.where(rng.random(n) < self._world.returns, rng.integers(1, 21, n), 0)
        picks = {label: rng.choice(len(weights), n, p=weights) for label, weights in self._weights.items()}
        looks = rng.normal(0, 1, (n, 3)) * 0.1
        own = rng.normal(0, 1, (n, 3)) * [self._world.within[name] for name in ("confidence", "box_side", "aspect")]
        sure = 0.05 * (1 - daylight(ended)) / 0.65
        chosen: list[tuple[str, int, np.ndarray]] = []
        made = []
        for index in range(n):
            label = "without_mask" if bare[index] else "with_mask"
            known = chosen[index - back[index]] if 0 < back[index] <= index else None
            regular = known is not None and (change is None or began[index] < change.at_s)
            who = known if regular and known is not None else (label, int(picks[label][index]), looks[index])
            chosen.append(who)
            person = self._world.persons[who[0]][who[1]]
            values: dict[str, Any] | None = person.values
            if change is not None and began[index] >= change.at_s:
                way = change.tracks_way or change.way
                values = values if way == "none" else person.degraded[way]
            if values is not None:
                made.append(
                    (float(began[index]), self._told(values, who[2] + own[index], float(ended[index]), sure[index]))
                )
        return made

    def _told(self, values: dict[str, Any], differs: np.ndarray, at_s: float, sure: float) -> list[DriftSample]:
        sample = DriftSample(
            at_s,
            DETECTOR,
            1,
            {
                "confidence": min(1.0, max(0.3, values["confidence"] * float(np.exp(differs[0])) - sure)),
                "box_side": min(1.0, values["box_side"] * self._size * float(np.exp(differs[1]))),
                "aspect": min(1.0, values["aspect"] * float(np.exp(differs[2]))),
            },
            {"label": values["label"]},
        )
        if values["said"] is None:
            return [sample]
        return [sample, DriftSample(at_s, CLASSIFIER, 1, {"confidence": values["sure"]}, {"label": values["said"]})]


def cameras(world: World, count: int, seed: int) -> Iterator[Camera]:
    """So many cameras of a world; clips take turns."""
    clips = sorted(world.scenes)
    for number in range(count):
        yield Camera(world, clips[number % len(clips)], np.random.default_rng([seed, number]))
