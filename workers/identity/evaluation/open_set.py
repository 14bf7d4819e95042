"""Who would be named: some people enrolled, their other photos and those of strangers judged. Pure.

Judged as on a node, by one look alone: a track has several, which is better. Not judged by the gate: its refusals are
counted beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from workers.engines.engine import F32
from workers.identity.evaluation.looks import AS_IT_IS, PhotoLooks
from workers.identity.evaluation.rounds import Round
from workers.identity.gallery import Gallery, mean_look
from workers.identity.thresholds import person_thresholds
from workers.model_card import Calibration

Mode = Literal["default", "strict"]
MODES: tuple[Mode, ...] = ("default", "strict")


class NamedShares(BaseModel):
    """Counts over all rounds, of looks. Known looks are right, wrong, or not named; people: those that were judged,
    and of whom every look was right, in the last round. thresholds: the lowest and the highest of a person.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    condition: str
    mode: Mode
    enrolled: int
    known: int
    right: int
    wrong: int
    strangers: int
    strangers_named: int
    people: int
    people_right: int
    thresholds: tuple[float, float]

    def share(self, count: int, of: int) -> float | None:
        """`count` of `of`; None of nothing."""
        return count / of if of else None


def gallery_of(drawn: Round, mode: Mode, law: Calibration) -> Gallery:
    """The gallery that a node would have: means of looks that include the mirror image, a threshold for each person."""
    people = tuple(sorted(drawn.enrolled))
    templates = np.stack(
        [mean_look([one.mirrored for one in drawn.enrolled[person] if one.mirrored is not None]) for person in people]
    )
    strict = np.full(len(people), mode == "strict")
    return Gallery(people, templates, person_thresholds(templates, strict, law), law=law)


def named(gallery: Gallery, looks: Sequence[PhotoLooks], condition: str) -> list[str | None]:
    """Who each look is, or None."""
    vectors: list[F32 | None] = [one.vector(condition) for one in looks]
    return [None if vector is None else gallery.match(vector).person for vector in vectors]


def judge(rounds: Sequence[Round], mode: Mode, law: Calibration, condition: str = AS_IT_IS) -> NamedShares:
    """Count who is named, over all rounds."""
    known = right = wrong = strangers = strangers_named = 0
    lowest, highest = 1.0, -1.0
    for drawn in rounds:
        gallery = gallery_of(drawn, mode, law)
        lowest, highest = min(lowest, gallery.thresholds.min()), max(highest, gallery.thresholds.max())
        found = named(gallery, drawn.known, condition)
        known += len(found)
        right += sum(name == one.person for name, one in zip(found, drawn.known, strict=True))
        wrong += sum(name not in (None, one.person) for name, one in zip(found, drawn.known, strict=True))
        others = named(gallery, drawn.strangers, condition)
        strangers += len(others)
        strangers_named += sum(name is not None for name in others)
    missed = {one.person for name, one in zip(found, drawn.known, strict=True) if name != one.person}
    people = {one.person for one in drawn.known}
    return NamedShares(
        condition=condition,
        mode=mode,
        enrolled=len(drawn.enrolled),
        known=known,
        right=right,
        wrong=wrong,
        strangers=strangers,
        strangers_named=strangers_named,
        people=len(people),
        people_right=len(people - missed),
        thresholds=(round(float(lowest), 4), round(float(highest), 4)),
    )
