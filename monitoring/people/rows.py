"""People as their rows have them: one, some, a page of them. In the caller's transaction; any thread; blocks.

A person that was merged into another keeps its row and its id, which events carry; who asks for it gets the other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, tuple_, update

from monitoring.core.errors import BadQuery, PersonUnknown
from monitoring.people.tables import people, people_revision

_MOST_IDS = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is enrolled. `created_at_ns`: wall clock."""

    id: str
    name: str
    groups: tuple[str, ...]
    note: str
    strict: bool
    created_at_ns: int


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """`next`: the cursor of the page that follows, None at the end."""

    people: list[Person]
    next: str | None


def name_key(name: str) -> str:
    """What is unique of a name: without case, and with single spaces."""
    return " ".join(name.split()).casefold()


def canonical(connection: Connection, person_id: str) -> str:
    """The id of the person that `person_id` counts as: its own, or whom it was merged into. Raises PersonUnknown."""
    query = select(people.c.id, people.c.merged_into).where(people.c.id == person_id)
    found = connection.execute(query).first()
    if found is None:
        raise PersonUnknown(f"there is no person {person_id}, or they were erased")
    return str(found.merged_into or found.id)


def family(connection: Connection, person_id: str) -> list[str]:
    """All ids that count as a person, the person's own first. Raises PersonUnknown."""
    own = canonical(connection, person_id)
    query = select(people.c.id).where(people.c.merged_into == own).order_by(people.c.id)
    return [own, *connection.scalars(query)]


def families(connection: Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """The same of many, by their own ids, which nobody of them may be merged away from."""
    found = {one: [one] for one in ids}
    for part in parts_of(list(found)):
        query = select(people.c.id, people.c.merged_into).where(people.c.merged_into.in_(part)).order_by(people.c.id)
        for merged, into in connection.execute(query):
            found[into].append(merged)
    return found


def person_of(connection: Connection, person_id: str) -> Person:
    """The person that an id counts as. Raises PersonUnknown."""
    own = canonical(connection, person_id)
    return person_in(connection.execute(select(people).where(people.c.id == own)).mappings().one())


def person_in(row: RowMapping) -> Person:
    """What a row of `people` says."""
    return Person(
        row["id"], row["name"], tuple(json.loads(row["groups"])), row["note"], row["strict"], row["created_at_ns"]
    )


def page_of(connection: Connection, text: str | None, group: str | None, cursor: str | None, limit: int) -> PeoplePage:
    """People by name. text: part of the name; group: one that they are in. Raises BadQuery for a cursor of nobody."""
    query = select(people).where(people.c.merged_into.is_(None))
    if text:
        query = query.where(people.c.name_key.contains(name_key(text), autoescape=True))
    if group is not None:
        query = query.where(people.c.groups.contains(json.dumps(group, ensure_ascii=False), autoescape=True))
    if cursor is not None:
        last = connection.execute(select(people.c.name_key, people.c.id).where(people.c.id == cursor)).first()
        if last is None:
            raise BadQuery("cursor: whom the last page ended with is not there any more; begin again without it")
        query = query.where(tuple_(people.c.name_key, people.c.id) > (last.name_key, last.id))
    rows = connection.execute(query.order_by(people.c.name_key, people.c.id).limit(limit + 1)).mappings().all()
    found = [person_in(row) for row in rows[:limit]]
    return PeoplePage(found, found[-1].id if len(rows) > limit else None)


def all_groups(connection: Connection) -> list[str]:
    """The groups that somebody is in, by name."""
    found = connection.scalars(select(people.c.groups).where(people.c.merged_into.is_(None)).distinct())
    return sorted({group for groups in found for group in json.loads(groups)}, key=str.casefold)


def count_people(connection: Connection) -> int:
    """How many are enrolled, merged ones not counted."""
    return connection.scalar(select(func.count()).select_from(people).where(people.c.merged_into.is_(None))) or 0


def revision(connection: Connection) -> int:
    """Which state of all people this is: another number after each change."""
    return connection.scalar(select(people_revision.c.revision)) or 0


def next_revision(connection: Connection) -> None:
    """Something of somebody changes in this transaction."""
    connection.execute(update(people_revision).values(revision=people_revision.c.revision + 1))


def parts_of(ids: Iterable[Any]) -> Iterable[list[Any]]:
    """Some ids at a time: a statement takes so many only."""
    wanted = list(ids)
    return (wanted[at : at + _MOST_IDS] for at in range(0, len(wanted), _MOST_IDS))
