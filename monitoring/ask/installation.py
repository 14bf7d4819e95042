"""What there is to ask about: cameras, zones, lines, labels, rules, people, as one who asks may see them.

Any thread; blocks at first. What was read is kept for a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Column, Connection, select

from monitoring.alerts.tables import alerts
from monitoring.arrangements.config_store import ConfigStore
from monitoring.arrangements.rule_access import applies
from monitoring.core.known_people import Known, KnownPeople
from monitoring.events.zone import Scene
from monitoring.rules.rule import Rule
from monitoring.store.tables import event_counts
from monitoring.store.visible import visible
from workers.access.principal import StreamScope
from workers.label_words import LabelWords, WordSource, usual_words

_KEPT_S = 60.0
_MOST_KEPT = 200
_PEOPLE = frozenset("person people pedestrian man woman child boy girl face head".split())
_VEHICLES = frozenset("car truck bus van motorcycle motorbike bicycle bike scooter vehicle train lorry".split())


@dataclass(frozen=True)
class Installation:
    """The names that may stand in a question. zones, lines: by name, the cameras that have them."""

    cameras: tuple[str, ...] = ()
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    people: tuple[Known, ...] = ()
    words: WordSource = usual_words

    def label_words(self, label: str) -> LabelWords | None:
        """What a label is called."""
        return self.words(label)

    def people_labels(self) -> list[str]:
        """Those that mean a human being, as far as their words tell."""
        return [label for label in self.labels if self._means(label, _PEOPLE, ("somebody ", "people "))]

    def vehicle_labels(self) -> list[str]:
        """Those that mean a vehicle."""
        return [label for label in self.labels if self._means(label, _VEHICLES, ())]

    def groups(self) -> list[str]:
        """Of the people, in the order of the alphabet."""
        return sorted({group for person in self.people for group in person.groups})

    def _means(self, label: str, nouns: Collection[str], starts: tuple[str, ...]) -> bool:
        words = self.words(label)
        texts = [label.replace("_", " ").casefold(), *((words.one, words.many) if words else ())]
        return any(
            text.split(" ", 1)[-1] in nouns or text in nouns or text.startswith(starts or ("\0",)) for text in texts
        )


@dataclass(frozen=True, slots=True)
class Arranged:
    """What users arranged, as it is now. Both never block."""

    scenes: Callable[[], Sequence[Scene]]
    rules: Callable[[], Sequence[Rule]]

    @classmethod
    def of(cls, scenes: ConfigStore[Scene], rules: ConfigStore[Rule]) -> Arranged:
        """What the stores hold, disabled rules too: they raised alerts once."""
        return cls(
            lambda: [scene for scene, _ in scenes.items().values()],
            lambda: [rule for rule, _ in rules.items().values()],
        )


class EnrolledPeople(KnownPeople, Protocol):
    """Who is enrolled, with those who were merged: monitoring/people/names.py."""

    def ids(self, text: str) -> tuple[str, ...]:
        """All ids that count as the person of that id or name; empty for nobody."""
        ...

    def group(self, name: str) -> frozenset[str]:
        """All ids that count as somebody of that group."""
        ...

    def canonical(self, person_id: str) -> str | None:
        """The id that an id counts as; None for nobody."""
        ...


class InstallationReader:
    """Reads what there is, for a scope of streams."""

    def __init__(
        self,
        arranged: Arranged,
        words: WordSource,
        people: EnrolledPeople,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arranged = arranged
        self._words = words
        self.people = people
        self._now_s = now_s
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], tuple[float, Sequence[set[str]]]] = {}

    def read(self, connection: Connection, scope: StreamScope, *, names_people: bool) -> Installation:
        """names_people: whether whoever asks may know who is called what."""
        cameras, labels, stored_zones, rules = self._stored(connection, scope)
        zones: dict[str, list[str]] = {zone: [] for zone in stored_zones}
        lines: dict[str, list[str]] = {}
        scenes = [scene for scene in self._arranged.scenes() if scene.stream_id in scope]
        for scene in scenes:
            for zone in scene.zones:
                zones.setdefault(zone.name, []).append(scene.stream_id)
            for line in scene.lines:
                lines.setdefault(line.name, []).append(scene.stream_id)
        rules = rules | {rule.name for rule in self._arranged.rules() if applies(rule, scope)}
        return Installation(
            cameras=tuple(sorted(cameras | {scene.stream_id for scene in scenes})),
            zones={name: tuple(sorted(found)) for name, found in sorted(zones.items())},
            lines={name: tuple(sorted(found)) for name, found in sorted(lines.items())},
            labels=tuple(sorted(labels)),
            rules=tuple(sorted(rules)),
            people=self.people.all() if names_people else (),
            words=self._words,
        )

    def _stored(self, connection: Connection, scope: StreamScope) -> Sequence[set[str]]:
        """Cameras, labels, zones and rules that stored events tell of."""
        key, now_s = scope.patterns, self._now_s()
        with self._lock:
            read_s, found = self._kept.get(key, (0.0, ()))
        if found and now_s - read_s < _KEPT_S:
            return found
        counted = event_counts.c
        found = [
            _values(connection, column, counted.stream_id, scope)
            for column in (counted.stream_id, counted.label, counted.zone)
        ]
        found.append(_values(connection, alerts.c.rule, alerts.c.stream_id, scope))
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (now_s, found)
        return found


def _values(connection: Connection, column: Column[str], stream: Column[str], scope: StreamScope) -> set[str]:
    found = connection.scalars(select(column).distinct().where(*visible(stream, scope)))
    return {value for value in found if value}
