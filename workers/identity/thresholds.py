"""How alike a look must be to a person to get the name, and what that means in plain words. Pure.

The more people are enrolled, the more chances has a stranger to look like one of them, so the threshold rises with the
gallery: for a share s of strangers that may be named and n people it is base - slope · log10(s / n), measured for
face-id on 132,908 pairs of different people. Strangers are people whom nobody enrolled.
"""

from __future__ import annotations

import math

import numpy as np

from workers.engines.engine import F32
from workers.model_card import Calibration

LAW = Calibration()
DEFAULT_SHARE, STRICT_SHARE = 0.008, 0.0015
"""By the law. The first makes 0.453 with 30 people enrolled: on the hard set (docs/people-model.md) that is between
0.446, where some 1.3 % of strangers get a name, and 0.46, where one photo brings only some 94 % of the other looks."""
_HIGHEST = 0.95
_ALIKE_ABOVE = 0.5
"""Two templates that are more alike than this are look-alikes: of different people one pair in some 20,000 is."""
_ALIKE_RISE = 0.5


def threshold(share: float, people: int, law: Calibration = LAW) -> float:
    """The least cosine at which a look gets a name, where `people` are enrolled and `share` of strangers may get one.

    Raises ValueError unless 0 < share ≤ 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: {share} is none; it is more than 0 and at most 1, such as {DEFAULT_SHARE}")
    return min(_HIGHEST, law.base - law.slope * math.log10(share / max(1, people)))


def share_named(threshold: float, people: int, law: Calibration = LAW) -> float:
    """The share of strangers, 0 to 1, that gets a name at this threshold where `people` are enrolled."""
    return float(min(1.0, max(1, people) * 10 ** ((law.base - threshold) / law.slope)))


def person_thresholds(templates: F32, strict: np.typing.NDArray[np.bool_], law: Calibration = LAW) -> F32:
    """A threshold for each person, float32 (n). templates: float32 (n, features), L2-normalised; strict: bool (n).

    By the number of people; and, where somebody enrolled looks like the person, higher by half of what these two are
    more alike than strangers are: who is told from a twin must look more like themselves than others must.
    """
    count = len(templates)
    if count == 0:
        return np.zeros(0, np.float32)
    usual, high = threshold(DEFAULT_SHARE, count, law), threshold(STRICT_SHARE, count, law)
    base = np.where(strict, np.float32(high), np.float32(usual))
    raised = base + _ALIKE_RISE * np.clip(nearest(templates) - _ALIKE_ABOVE, 0, None)
    capped: F32 = np.minimum(raised, _HIGHEST).astype(np.float32)
    return capped


def nearest(templates: F32, rows: int = 1024) -> F32:
    """How alike the most similar other person is to each: float32 (n); -1 for one who is alone.

    In blocks of so many rows: 100,000 people at once would be 40 GB.
    """
    best = np.full(len(templates), -1.0, np.float32)
    for first in range(0, len(templates), rows):
        block = templates[first : first + rows] @ templates.T
        index = np.arange(len(block))
        block[index, first + index] = -1.0
        best[first : first + len(block)] = block.max(1)
    return best


def explain(threshold: float, people: int, law: Calibration = LAW) -> str:
    """What a person's threshold means where so many people are enrolled, for people to read."""
    one, some = share_named(threshold, 1, law), share_named(threshold, people, law)
    if some > 0.5:
        return "so low that most strangers would get a name"
    among = f", and 1 in {_rounded(1 / some)} like one of {people} people" if people > 1 else ""
    return f"about 1 stranger in {_rounded(1 / one)} looks enough like this person to get the name{among}"


def _rounded(value: float) -> str:
    """Two digits that count, and a million at most: what was measured says no more."""
    if value >= 1e6:
        return "a million or more"
    digits = max(0, math.floor(math.log10(value)) - 1)
    return f"{round(value / 10**digits) * 10**digits:,}"
