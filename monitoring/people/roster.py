"""Everybody's looks as nodes and comparisons need them: read from the database. Any thread; blocks.

A person's looks are those of all ids that count as them, by the embedder of the newest: vectors of two do not compare.
Thresholds follow from how many are enrolled, and from who looks like whom (workers/identity/thresholds.py).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, select

from monitoring.people.looks import unpacked
from monitoring.people.rows import revision
from monitoring.people.tables import counter_examples, looks, people
from workers.database.database import MANY_ROWS, Database
from workers.engines.engine import F32
from workers.identity.gallery import Gallery, mean_look
from workers.identity.person_record import PersonLooks, encoded
from workers.identity.thresholds import person_thresholds
from workers.model_card import Calibration

ThresholdOf = Callable[[str], tuple[float, int, Calibration] | None]
"""From which similarity on somebody is named, among how many, by which law; None for whom nobody is recognised as."""

Law = Callable[[str], Calibration]
"""The law of an embedder, such as face-id/1."""


def usual_law(embedder: str) -> Calibration:
    """That of face-id, whatever the embedder."""
    return Calibration()


@dataclass(slots=True)
class _Member:
    """Somebody's vectors as they are stored."""

    strict: bool
    embedder: str = ""
    vectors: list[bytes] = field(default_factory=list)
    against: list[bytes] = field(default_factory=list)
    threshold: float = 1.0

    @property
    def template(self) -> F32:
        """See mean_look."""
        return mean_look([unpacked(one) for one in self.vectors])


def read_roster(connection: Connection, law: Law = usual_law) -> dict[str, PersonLooks]:
    """Everybody who has looks, by id, as nodes are told."""
    version = revision(connection)
    return {
        person: PersonLooks(
            version=version,
            embedder=one.embedder,
            looks=encoded(one.vectors),
            counter_examples=encoded(one.against),
            threshold=round(one.threshold, 4),
        )
        for person, one in _members(connection, law)[0].items()
    }


class Roster:
    """The gallery of this moment, for comparing pictures with it. Read again where somebody has changed."""

    def __init__(self, database: Database, law: Law = usual_law) -> None:
        self._database = database
        self._law = law
        self._lock = threading.Lock()
        self._at = -1
        self._galleries: dict[str, Gallery] = {}

    def gallery(self, embedder: str) -> Gallery:
        """Everybody who was enrolled with that embedder. Raises DatabaseUnavailable."""
        return self._current().get(embedder) or Gallery.empty()

    def thresholds(self) -> ThresholdOf:
        """Everybody's as of now. Ask before you take a connection: this takes one of its own. Raises
        DatabaseUnavailable.
        """
        galleries = self._current()

        def threshold_of(person_id: str) -> tuple[float, int, Calibration] | None:
            for gallery in galleries.values():
                if (index := gallery.index(person_id)) is not None:
                    return float(gallery.thresholds[index]), len(gallery), gallery.law
            return None

        return threshold_of

    def _current(self) -> Mapping[str, Gallery]:
        with self._lock, self._database.read() as connection:
            newest = revision(connection)
            if newest != self._at:
                self._galleries = _galleries(*_members(connection, self._law), self._law)
                self._at = newest
            return self._galleries


Templates = Mapping[str, F32]


def _members(connection: Connection, law: Law) -> tuple[dict[str, _Member], Templates]:
    """Everybody who has looks, with thresholds, and the means of their looks."""
    own: dict[str, str] = {}
    found: dict[str, _Member] = {}
    with connection.execute(
        select(people.c.id, people.c.merged_into, people.c.strict), execution_options=MANY_ROWS
    ) as rows:
        for person, into, strict in rows:
            own[person] = into or person
            if into is None:
                found[person] = _Member(strict)
    query = select(looks.c.person, looks.c.embedder, looks.c.vector).order_by(looks.c.seq.desc())
    with connection.execute(query, execution_options=MANY_ROWS) as rows:
        for person, embedder, vector in rows:
            member = found.get(own.get(person, ""))
            if member is None:  # enrolled since the query before: the next look at the revision finds them
                continue
            member.embedder = member.embedder or embedder
            if embedder == member.embedder:
                member.vectors.append(vector)
    found = {person: one for person, one in sorted(found.items()) if one.vectors}
    wanted = select(counter_examples).where(counter_examples.c.vector.is_not(None))
    for row in connection.execute(wanted).mappings():
        against = found.get(own.get(row["person"], ""))
        if against is not None and against.embedder == row["embedder"]:
            against.against.append(row["vector"])
    return found, _set_thresholds(found, law)


def _set_thresholds(members: Mapping[str, _Member], law: Law) -> Templates:
    templates = {person: one.template for person, one in members.items()}
    for embedder, chosen in _by_embedder(members).items():
        strict = np.array([members[person].strict for person in chosen], np.bool_)
        found = person_thresholds(np.stack([templates[person] for person in chosen]), strict, law(embedder))
        for person, threshold in zip(chosen, found, strict=True):
            members[person].threshold = float(threshold)
    return templates


def _galleries(members: Mapping[str, _Member], templates: Templates, law: Law) -> dict[str, Gallery]:
    return {
        embedder: Gallery(
            tuple(chosen),
            np.stack([templates[person] for person in chosen]),
            np.array([members[person].threshold for person in chosen], np.float32),
            {
                person: np.stack([_unit(one) for one in members[person].against])
                for person in chosen
                if members[person].against
            },
            embedder,
            law(embedder),
        )
        for embedder, chosen in _by_embedder(members).items()
    }


def _by_embedder(members: Mapping[str, _Member]) -> dict[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for person, one in members.items():
        found[one.embedder].append(person)
    return dict(found)


def _unit(vector: bytes) -> F32:
    found = unpacked(vector)
    unit: F32 = found / np.linalg.norm(found)
    return unit
