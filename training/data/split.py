"""Which images are for training, which for validation, which for testing. Pure apart from reading split.json."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.errors import DatasetError

PARTS = ("train", "val", "test")
Split = dict[str, list[str]]


def read_split(path: Path) -> Split:
    """The names of the images in "train", "val" and, where there is one, "test". Raises DatasetError."""
    try:
        split = json.loads(path.read_text())
        parts = {part: split[part] for part in PARTS if part in split or part != "test"}
    except OSError as error:
        raise DatasetError(f"{path}: not a split file: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: not a split file with 'train' and 'val': {error}") from error
    for part, names in parts.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DatasetError(f"{path}: {part!r} is not a list of names")
    return parts


def stratified(
    labels: Mapping[str, Sequence[str]], duplicate_of: Mapping[str, str], ratios: Sequence[float], seed: int
) -> Split:
    """Share images out so that each part has its ratio of each class, the rarest class first.

    labels: for each image the classes of its objects; duplicate_of: for each image the first of its group of
    near duplicates, which stay together; ratios: for each of PARTS.
    """
    rng = random.Random(seed)
    totals = Counter(label for names in labels.values() for label in names)
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(labels):
        members[duplicate_of.get(name, name)].append(name)
    strata: dict[str, list[list[str]]] = defaultdict(list)
    for group in members.values():
        found = {label for name in group for label in labels[name]}
        strata[min(found, key=lambda label: (totals[label], label), default="")].append(group)
    split: Split = {part: [] for part in PARTS}
    for label in sorted(strata, key=lambda label: (totals[label], label)):
        _share_out(strata[label], ratios, rng, split)
    return {part: sorted(names) for part, names in split.items() if names or part != "test"}


def _share_out(stratum: list[list[str]], ratios: Sequence[float], rng: random.Random, split: Split) -> None:
    """Give each group of one stratum to the part that is furthest behind its share of images, large groups first."""
    rng.shuffle(stratum)
    stratum.sort(key=len, reverse=True)
    total = sum(len(group) for group in stratum)
    given = dict.fromkeys(PARTS, 0)
    for group in stratum:
        part = max(PARTS, key=lambda part: ratios[PARTS.index(part)] * total - given[part])
        given[part] += len(group)
        split[part].extend(group)
