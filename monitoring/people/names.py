"""What people are called, for whoever answers: by id, by name, by group. Any thread; looking up never blocks.

Nothing that is stored or sent carries a name but the row of the person; names are put in when something is answered.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import select

from monitoring.core.known_people import Known
from monitoring.people.rows import name_key, revision
from monitoring.people.tables import people
from workers.database.database import MANY_ROWS, Database


@dataclass(frozen=True, slots=True)
class _State:
    """Everything at one time. own: every id → that of the person that it counts as. groups: by casefolded name."""

    revision: int = -1
    known: dict[str, Known] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    families: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    everybody: tuple[Known, ...] = ()


class Names:
    """KnownPeople (monitoring/core/known_people.py), with groups and with the ids of merged people besides.

    What the database had when `reload` was called last: the reloader does so every few seconds, and so does a change.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._state = _State()

    def reload(self) -> None:
        """Read the database again where somebody changed. Raises DatabaseUnavailable; all stays as it was then."""
        with self._lock:
            with self._database.read() as connection:
                newest = revision(connection)
                if newest == self._state.revision:
                    return
                columns = (people.c.id, people.c.name, people.c.name_key, people.c.groups, people.c.merged_into)
                with connection.execute(select(*columns), execution_options=MANY_ROWS) as rows:
                    found = [(one.id, one.name, one.name_key, one.groups, one.merged_into) for one in rows]
            self._state = _state_of(newest, found)

    def problems(self) -> list[str]:
        """Nothing that is stored here can be unreadable."""
        return []

    def name_of(self, person_id: str) -> str | None:
        """What somebody is called; None for whom nobody knows any more. Of a merged person: the other's name."""
        state = self._state
        known = state.known.get(state.own.get(person_id, ""))
        return None if known is None else known.name

    def names(self, ids: set[str]) -> dict[str, str]:
        """The names of those of `ids` who have one, by the ids as they were given."""
        return {one: name for one in sorted(ids) if (name := self.name_of(one)) is not None}

    def canonical(self, person_id: str) -> str | None:
        """The id of the person that an id counts as; None for nobody."""
        return self._state.own.get(person_id)

    def ids(self, text: str) -> tuple[str, ...]:
        """All ids that count as the person of that id or name, whatever its case; empty for nobody."""
        state = self._state
        own = state.own.get(text) or state.by_key.get(name_key(text))
        return () if own is None else state.families[own]

    def group(self, name: str) -> frozenset[str]:
        """All ids that count as somebody of that group, whatever its case. One look: rules ask for each result."""
        return self._state.groups.get(name.casefold(), frozenset())

    def all(self) -> tuple[Known, ...]:
        """Everybody who is enrolled, by name; the same object until somebody changes."""
        return self._state.everybody


def _state_of(newest: int, rows: list[tuple[str, str, str, str, str | None]]) -> _State:
    """rows: id, name, key of the name, groups, merged into."""
    known: dict[str, Known] = {}
    own_of: dict[str, str] = {}
    by_key: dict[str, str] = {}
    families: dict[str, list[str]] = defaultdict(list)
    for person_id, name, key, groups, into in sorted(rows, key=lambda row: (row[2], row[0])):
        own = into or person_id
        own_of[person_id] = by_key[key] = own
        if into is None:
            known[person_id] = Known(person_id, name, tuple(json.loads(groups)))
            families[own].insert(0, person_id)
        else:
            families[own].append(person_id)
    whole = {own: tuple(ids) for own, ids in families.items()}
    inside: dict[str, set[str]] = defaultdict(set)
    for person in known.values():
        for group in person.groups:
            inside[group.casefold()].update(whole[person.id])
    by_group = {group: frozenset(ids) for group, ids in inside.items()}
    return _State(newest, known, own_of, whole, by_key, by_group, tuple(known.values()))
