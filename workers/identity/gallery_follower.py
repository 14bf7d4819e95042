"""Keeps a node's newest gallery, from the records of `livesight.people`. Any thread; `current` never blocks.

What cannot be read (another key, another version) is left out and told in `problems`; whoever was known before stays.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import structlog

from workers.bus.identifiers import UnreadableMessages
from workers.bus.message_bus import PEOPLE, LocalBus, Message
from workers.engines.engine import F32
from workers.errors import SecretLocked
from workers.identity.gallery import Gallery, mean_look
from workers.identity.person_record import Enrolled, enrolled_by, from_record
from workers.secrets.keys import SecretKeys

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """What is kept of somebody: not their looks, but the mean."""

    embedder: str
    template: F32
    against: F32
    threshold: float

    def same(self, other: _Member) -> bool:
        return (self.embedder, self.threshold) == (other.embedder, other.threshold) and all(
            np.array_equal(mine, theirs)
            for mine, theirs in ((self.template, other.template), (self.against, other.against))
        )


class GalleryFollower:
    """`apply` it the records, in order per person. keys: None within one process, whose records are plain.

    `begin` and `caught_up` around reading the whole topic: who is not on it any more is forgotten, for tombstones go.
    """

    def __init__(self, keys: SecretKeys | None = None) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._people: dict[str, _Member] = {}
        self._missing: set[str] | None = None  # while the topic is read: who has not been on it
        self._gallery: Gallery | None = Gallery.empty()
        self._locked: dict[str, str] = {}
        self._left_out = 0
        self._unreadable = UnreadableMessages(log)

    @classmethod
    def of_bus(cls, bus: LocalBus) -> GalleryFollower:
        """One that follows the records of this process's monitor, from now on."""
        follower = cls()
        follower.subscribe(bus)
        return follower

    def subscribe(self, bus: LocalBus) -> None:
        """Follow the records of this process's monitor."""
        bus.subscribe(self._take, (PEOPLE,))

    def begin(self) -> None:
        """What follows is the topic from its start."""
        with self._lock:
            self._missing = set(self._people)

    def caught_up(self) -> None:
        """All of it has been read once."""
        with self._lock:
            missing, self._missing = self._missing, None
            for person in missing or ():
                self._forget(person)

    def apply(self, key: str, value: bytes | None) -> None:
        """One record; None, or nothing, erases."""
        with self._lock:
            if self._missing is not None:
                self._missing.discard(key)
            if not value:
                self._forget(key)
                return
            try:
                member = _member(enrolled_by(from_record(key, value, self._keys)))
            except SecretLocked as error:
                self._locked[key] = str(error)
                self._unreadable.note(PEOPLE, key, "fields", str(error))
                return
            except ValueError:  # its text may show what is in the record
                self._unreadable.note(PEOPLE, key, "fields", "no record of a person")
                return
            self._locked.pop(key, None)
            if (before := self._people.get(key)) is None or not before.same(member):
                self._people[key] = member
                self._gallery = None

    def current(self) -> Gallery:
        """The newest gallery: the same object as long as nobody changed."""
        with self._lock:
            if self._gallery is None:
                self._gallery, self._left_out = _gallery_of(self._people)
            return self._gallery

    def problems(self) -> list[str]:
        """Readiness reasons."""
        with self._lock:
            locked, left_out = dict(self._locked), self._left_out
        found = [] if not locked else [f"people: {len(locked)} cannot be read: {next(iter(locked.values()))}"]
        if left_out:
            found.append(f"people: {left_out} were enrolled with another face model, and are not recognised")
        return found

    def _take(self, message: Message) -> None:
        self.apply(message.key, message.value or None)

    def _forget(self, person: str) -> None:
        self._locked.pop(person, None)
        if self._people.pop(person, None) is not None:
            self._gallery = None


def _gallery_of(people: Mapping[str, _Member]) -> tuple[Gallery, int]:
    """The gallery of those whose looks compare: of the embedder that most have; and how many it leaves out."""
    kinds = Counter((one.embedder, len(one.template)) for one in people.values())
    if not kinds:
        return Gallery.empty(), 0
    kind = min(kinds, key=lambda each: (-kinds[each], each))
    chosen = {person: one for person, one in sorted(people.items()) if (one.embedder, len(one.template)) == kind}
    gallery = Gallery(
        tuple(chosen),
        np.stack([one.template for one in chosen.values()]),
        np.array([one.threshold for one in chosen.values()], np.float32),
        {person: one.against for person, one in chosen.items() if len(one.against)},
        kind[0],
    )
    return gallery, len(people) - len(chosen)


def _member(enrolled: Enrolled) -> _Member:
    """Raises ValueError for looks that have no mean."""
    return _Member(enrolled.embedder, mean_look(enrolled.looks), enrolled.counter_examples, enrolled.threshold)
