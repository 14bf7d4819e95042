"""Who is enrolled, who is judged, and who is a stranger. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workers.identity.evaluation.folder import EvaluationOptions, PhotosRefused
from workers.identity.evaluation.looks import PhotoLooks

ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Round:
    """One draw: the enrolled looks of each person, the other looks of them, and those of strangers.

    Known looks include photos in which no face was found: they are not named. Strangers' do not.
    """

    enrolled: Mapping[str, Sequence[PhotoLooks]]
    known: Sequence[PhotoLooks]
    strangers: Sequence[PhotoLooks]


def draw_rounds(
    looks: Sequence[PhotoLooks],
    others: Sequence[PhotoLooks],
    judged: Sequence[PhotoLooks],
    options: EvaluationOptions,
) -> list[Round]:
    """Who is enrolled in each round. looks: of the folder; others: of strangers; judged: instead of the folder's.

    Who has photos enough is enrolled; where there would be no strangers then, half of them, drawn ten times. Raises
    PhotosRefused when nobody can be enrolled, or not so many.
    """
    usable: dict[str, list[PhotoLooks]] = {one.person: [] for one in looks}
    for one in looks:
        if one.plain is not None:
            usable[one.person].append(one)
    wanted = {one.person for one in judged} or set(usable)
    least = options.photos + (not judged)
    able = [person for person, own in usable.items() if len(own) >= least and person in wanted]
    if not able:
        raise PhotosRefused(
            f"{options.folder}: nobody has {least} photos with one face each; give more, or fewer --photos"
        )
    if options.enrolled is not None and options.enrolled > len(able):
        raise PhotosRefused(
            f"{options.folder}: {options.enrolled} people cannot be enrolled: only {len(able)} have {least} photos"
        )
    enrolled = options.enrolled
    if enrolled is None and len(able) == len(usable) > 1 and not others:
        enrolled = len(able) // 2
    count = options.rounds or (1 if enrolled in (None, len(able)) else ROUNDS)
    draws = []
    for index in range(count):
        generator = np.random.default_rng(index) if count > 1 else None
        first = chosen({person: usable[person] for person in able}, options.photos, enrolled, generator)
        draws.append(_round(first, judged or looks, [*looks, *others]))
    return draws


def chosen(
    usable: Mapping[str, list[PhotoLooks]],
    photos: int,
    enrolled: int | None,
    generator: np.random.Generator | None,
) -> dict[str, list[PhotoLooks]]:
    """The looks to enrol. Without a generator the first photos of the first people, else drawn at random."""
    people = list(usable)
    if generator is not None:
        people = [people[index] for index in generator.permutation(len(people))]
    first: dict[str, list[PhotoLooks]] = {}
    for person in people[:enrolled]:
        own = usable[person]
        if generator is not None:
            own = [own[index] for index in generator.permutation(len(own))]
        first[person] = own[:photos]
    return first


def _round(
    enrolled: Mapping[str, Sequence[PhotoLooks]], judged: Sequence[PhotoLooks], every: Sequence[PhotoLooks]
) -> Round:
    """What is not enrolled is judged; strangers are who is neither enrolled nor judged as somebody enrolled."""
    taken = {id(one) for own in enrolled.values() for one in own}
    known = [one for one in judged if one.person in enrolled and id(one) not in taken]
    return Round(enrolled, known, [one for one in every if one.person not in enrolled and one.plain is not None])
