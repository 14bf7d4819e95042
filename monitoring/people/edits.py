"""Naming: people are added, changed, merged and split. In the caller's transaction; any thread; blocks.

All but adding is noted, so that it can be undone (changes.py). Who has looks, counter-examples and events keeps them
under the id that they have: a merge says that two ids are one person, no more, so that undoing it is exact.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update
from ulid import ULID

from monitoring.core.errors import LookUnknown, PeopleRefused
from monitoring.people.changes import PeopleChange, note_change
from monitoring.people.rows import Person, canonical, count_people, family, name_key, next_revision, person_of
from monitoring.people.tables import looks, people
from workers.errors import QuotaReached


@dataclass(frozen=True, slots=True)
class PersonChanges:
    """What is to be changed of somebody; None: stays."""

    name: str | None = None
    groups: tuple[str, ...] | None = None
    note: str | None = None
    strict: bool | None = None

    def columns(self) -> dict[str, Any]:
        """As a row has them."""
        found: dict[str, Any] = {}
        if self.name is not None:
            found |= {"name": " ".join(self.name.split()), "name_key": name_key(self.name)}
        if self.groups is not None:
            found["groups"] = json.dumps(list(dict.fromkeys(self.groups)), ensure_ascii=False)
        if self.note is not None:
            found["note"] = self.note
        if self.strict is not None:
            found["strict"] = self.strict
        return found


def add_person(connection: Connection, given: PersonChanges, by: str, most: int) -> Person:
    """Add somebody with a name. Raises QuotaReached, and IntegrityError where somebody has the name."""
    if count_people(connection) >= most:
        raise QuotaReached(
            f"there are {most} people already, and monitoring.people.max_people allows no more; erase somebody, or "
            "raise the setting"
        )
    person_id = str(ULID())
    row = {"groups": "[]", "note": "", "strict": False, **given.columns()}
    connection.execute(insert(people).values(**row, id=person_id, created_at_ns=time.time_ns(), created_by=by))
    next_revision(connection)
    return person_of(connection, person_id)


def change_person(connection: Connection, person_id: str, changes: PersonChanges, by: str) -> Person:
    """Change what is said of somebody. Raises PersonUnknown, and IntegrityError where somebody else has the name."""
    own = canonical(connection, person_id)
    wanted = changes.columns()
    row = connection.execute(select(people).where(people.c.id == own).with_for_update()).mappings().one()
    before = {name: row[name] for name, value in wanted.items() if row[name] != value}
    if before:
        connection.execute(update(people).where(people.c.id == own).values(**wanted))
        note_change(connection, PeopleChange("change", own, None, before), by)
        next_revision(connection)
    return person_of(connection, own)


def merge(connection: Connection, person_id: str, other_id: str, by: str) -> Person:
    """`other_id` is the same person as `person_id`, whose name stays. Raises PersonUnknown, PeopleRefused."""
    own, others = canonical(connection, person_id), family(connection, other_id)
    if own in others:
        raise PeopleRefused("other: both ids are of the same person already")
    before = {others[0]: None, **dict.fromkeys(others[1:], others[0])}
    connection.execute(update(people).where(people.c.id.in_(others)).values(merged_into=own))
    note_change(connection, PeopleChange("merge", own, others[0], before), by)
    next_revision(connection)
    return person_of(connection, own)


def split(connection: Connection, person_id: str, numbers: Sequence[int], given: PersonChanges, by: str) -> Person:
    """These looks of somebody are of somebody else, who is new. What was seen so far stays as it is called.

    Raises PersonUnknown, LookUnknown, PeopleRefused where none would be left, and IntegrityError where somebody has the
    name.
    """
    ids = family(connection, person_id)
    owners = {row.seq: row.person for row in connection.execute(_looks_of(ids))}
    if unknown := sorted(set(numbers) - owners.keys()):
        raise LookUnknown(f"{person_of(connection, person_id).name} has no look {unknown[0]}, or it was deleted")
    if not owners.keys() - set(numbers):
        raise PeopleRefused("looks: these are all that there are; rename the person instead")
    row = connection.execute(select(people.c.groups, people.c.note, people.c.strict).where(people.c.id == ids[0])).one()
    new = str(ULID())
    values = {"groups": row.groups, "note": "", "strict": row.strict, **given.columns()}
    connection.execute(insert(people).values(**values, id=new, created_at_ns=time.time_ns(), created_by=by))
    connection.execute(update(looks).where(looks.c.seq.in_(list(numbers))).values(person=new))
    before = {str(number): owners[number] for number in numbers}
    note_change(connection, PeopleChange("split", ids[0], new, before), by)
    next_revision(connection)
    return person_of(connection, new)


def _looks_of(ids: Sequence[str]) -> Any:
    return select(looks.c.seq, looks.c.person).where(looks.c.person.in_(ids)).with_for_update()
