"""Who is enrolled on a node, and who of them a face looks like. Pure.

A person is the mean of the looks that people enrolled, of unit length: it does better than the best of the looks.
Similarity is the cosine. Nobody's name is here, only opaque ids.

A counter-example ("not this person") is the look of somebody else, or one that was not to count: a look that resembles
it at least as much as the person is refused that person, and nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from workers.engines.engine import F32
from workers.model_card import Calibration

NOBODY = -2.0
"""Below every cosine: the similarity of who is refused, or is not there."""


@dataclass(frozen=True, slots=True)
class Match:
    """What one look says. person: who is named by it: at the threshold or above, with the margin; else None.

    nearest: the most similar person that no counter-example refuses, None in an empty gallery; `similarity` and
    `threshold` are theirs. second: the similarity of the next one. margin: how much nearer than that.
    """

    person: str | None
    nearest: str | None
    similarity: float
    threshold: float
    second: float
    margin: float


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Immutable. templates: float32 (people, features) of unit length; thresholds: float32 (people), cosines.

    vetoes: the counter-examples of a person, float32 (looks, features) of unit length. embedder: the model that made
    all these, `face-id/1`; looks of another say nothing here. law: that model's. Raises ValueError where the parts do
    not fit together.
    """

    people: tuple[str, ...]
    templates: F32
    thresholds: F32
    vetoes: Mapping[str, F32] = field(default_factory=dict)
    embedder: str = ""
    law: Calibration = field(default_factory=Calibration)
    _places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        count = len(self.people)
        object.__setattr__(self, "_places", {person: index for index, person in enumerate(self.people)})
        if len(self._places) != count:
            raise ValueError("gallery: a person is in it twice")
        if self.templates.ndim != 2 or len(self.templates) != count or self.thresholds.shape != (count,):
            raise ValueError(
                f"gallery: {count} people need as many templates and thresholds, not {self.templates.shape} and "
                f"{self.thresholds.shape}"
            )
        for person, looks in (("templates", self.templates), *self.vetoes.items()):
            if looks.ndim != 2 or looks.shape[1] != self.templates.shape[1]:
                raise ValueError(f"gallery: {person}: looks of {self.templates.shape[1]} features are needed")
            if not np.allclose(np.linalg.norm(looks, axis=1), 1.0, atol=1e-2):
                raise ValueError(f"gallery: {person}: looks are not of unit length")

    @classmethod
    def empty(cls) -> Gallery:
        """Nobody is enrolled."""
        return cls((), np.zeros((0, 128), np.float32), np.zeros(0, np.float32))

    def by(self, law: Calibration) -> Gallery:
        """The same people, told apart by the law of the model that made their looks."""
        return self if law == self.law else replace(self, law=law)

    def __len__(self) -> int:
        return len(self.people)

    def similarities(self, vector: F32) -> F32:
        """The cosine with each person, in the order of `people`; NOBODY for those whom a counter-example refuses.

        `vector`: float32 (features), of unit length. Raises ValueError for another number of features.
        """
        if not self.people:
            return np.zeros(0, np.float32)
        if vector.shape != self.templates.shape[1:]:
            raise ValueError(f"a look of {vector.shape} features; the gallery's have {self.templates.shape[1:]}")
        # not `@`: BLAS would use threads for it, which wait for CPUs that inference has; this takes 2 ms of one thread
        found: F32 = np.einsum("ij,j->i", self.templates, vector)
        for person in self.vetoes:
            index = self.index(person)
            if index is not None and self._is_refused(person, vector, float(found[index])):
                found[index] = NOBODY
        return found

    def similarity(self, person: str, vector: F32) -> float:
        """The cosine with one person; NOBODY where a counter-example refuses it, or they are not enrolled."""
        index = self.index(person)
        if index is None:
            return NOBODY
        found = float(self.templates[index] @ vector)
        return NOBODY if self._is_refused(person, vector, found) else found

    def _is_refused(self, person: str, vector: F32, similarity: float) -> bool:
        against = self.vetoes.get(person)
        return against is not None and float((against @ vector).max(initial=NOBODY)) >= max(self.law.same, similarity)

    def match(self, vector: F32) -> Match:
        """Who this one look is. As `similarities`."""
        return self.best(self.similarities(vector))

    def best(self, similarities: F32) -> Match:
        """Whom these similarities, one for each of `people`, name."""
        if not self.people:
            return Match(None, None, NOBODY, 1.0, NOBODY, 0.0)
        best = int(similarities.argmax())
        similarity, threshold = float(similarities[best]), float(self.thresholds[best])
        second = float(np.partition(similarities, -2)[-2]) if len(similarities) > 1 else NOBODY
        nearest = None if similarity <= NOBODY else self.people[best]
        named = similarity >= threshold and similarity - second >= self.law.margin
        return Match(nearest if named else None, nearest, similarity, threshold, second, similarity - second)

    def index(self, person: str) -> int | None:
        """Where a person is in `people`; None for somebody who is not enrolled."""
        return self._places.get(person)


def mean_look(looks: Sequence[F32] | F32) -> F32:
    """The mean of looks, of unit length: a person's template. Raises ValueError for none, or when they cancel out."""
    if not len(looks):
        raise ValueError("a template needs at least one look")
    mean = np.asarray(looks, np.float32).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        raise ValueError("these looks have no mean: they are not of one person")
    return cast("F32", (mean / length).astype(np.float32))
