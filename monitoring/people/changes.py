"""What was done with people and can be undone, one step after another. In the caller's transaction; blocks.

Enrolling is undone by deleting the look, and erasing not at all.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from monitoring.core.errors import NothingToUndo
from monitoring.people.rows import next_revision
from monitoring.people.stripping import put_back
from monitoring.people.tables import counter_examples, looks, people, people_changes

_MOST = 500

What = Literal["change", "merge", "split", "not_this"]


@dataclass(frozen=True, slots=True)
class PeopleChange:
    """What was done to `person`; `other`: whom it concerned besides; `before`: what undoes it, JSON-able."""

    what: What
    person: str
    other: str | None
    before: dict[str, Any]


def note_change(connection: Connection, change: PeopleChange, by: str) -> None:
    """Remember a change; the oldest are forgotten when there are very many."""
    row = {"what": change.what, "person": change.person, "other": change.other, "by": by, "at_ns": time.time_ns()}
    seq = connection.execute(
        insert(people_changes).values(**row, before=json.dumps(change.before))
    ).inserted_primary_key
    assert seq is not None
    oldest = select(people_changes.c.seq).order_by(people_changes.c.seq.desc()).offset(_MOST).limit(1)
    connection.execute(delete(people_changes).where(people_changes.c.seq <= oldest.scalar_subquery()))


def last_change(connection: Connection) -> str | None:
    """What would be undone, in words; None where there is nothing."""
    row = connection.execute(select(people_changes).order_by(people_changes.c.seq.desc()).limit(1)).mappings().first()
    return None if row is None else _words(connection, row["what"], row["person"], row["other"])


def undo(connection: Connection) -> str:
    """Undo the newest change; what it was, in words. Raises NothingToUndo.

    Raises IntegrityError where somebody else has meanwhile got the name that a person had before.
    """
    newest = select(people_changes).order_by(people_changes.c.seq.desc()).limit(1).with_for_update()
    row = connection.execute(newest).mappings().first()
    if row is None:
        raise NothingToUndo(
            "no change of people is left that could be undone; erasing and enrolling are not among them"
        )
    words = _words(connection, row["what"], row["person"], row["other"])
    before = json.loads(row["before"])
    {"change": _change, "merge": _merge, "split": _split, "not_this": _not_this}[row["what"]](
        connection, row["person"], row["other"], before
    )
    connection.execute(delete(people_changes).where(people_changes.c.seq == row["seq"]))
    next_revision(connection)
    return words


def forget_changes(connection: Connection, ids: Sequence[str]) -> None:
    """Of somebody who is erased nothing can be undone: it would say what they were called."""
    concerned = people_changes.c.person.in_(ids) | people_changes.c.other.in_(ids)
    connection.execute(delete(people_changes).where(concerned))


def _change(connection: Connection, person: str, other: str | None, before: dict[str, Any]) -> None:
    connection.execute(update(people).where(people.c.id == person).values(**before))


def _merge(connection: Connection, person: str, other: str | None, before: dict[str, Any]) -> None:
    """before: id → whom it was merged into until then."""
    for merged, into in before.items():
        connection.execute(update(people).where(people.c.id == merged).values(merged_into=into))


def _split(connection: Connection, person: str, other: str | None, before: dict[str, Any]) -> None:
    """before: number of a look → whose it was. The new person goes, unless it has got other looks since."""
    for number, owner in before.items():
        connection.execute(
            update(looks).where(looks.c.seq == int(number), looks.c.person == other).values(person=owner)
        )
    left = connection.scalar(select(func.count()).select_from(looks).where(looks.c.person == other))
    if not left:
        connection.execute(delete(people).where(people.c.id == other))


def _not_this(connection: Connection, person: str, other: str | None, before: dict[str, Any]) -> None:
    connection.execute(delete(counter_examples).where(counter_examples.c.seq == before["counter_example"]))
    put_back(connection, uuid.UUID(before["track"]), person, [uuid.UUID(one) for one in before["events"]])


def _words(connection: Connection, what: str, person: str, other: str | None) -> str:
    names = {
        row.id: row.name
        for row in connection.execute(select(people.c.id, people.c.name).where(people.c.id.in_([person, other])))
    }
    of, second = names.get(person, "somebody"), names.get(other or "", "somebody")
    return {
        "change": f"the change of {of}",
        "merge": f"the merge of {of} and {second}",
        "split": f"the split of {second} from {of}",
        "not_this": f"that a track is not {of}",
    }[what]
