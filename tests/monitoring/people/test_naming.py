"""Naming people: adding, renaming, merging, splitting, undoing; on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from monitoring.core.errors import (
    BadQuery,
    LookUnknown,
    NameTaken,
    NothingToUndo,
    PeopleRefused,
    PersonUnknown,
)
from monitoring.people.changes import last_change
from monitoring.people.edits import PersonChanges
from monitoring.people.looks import LookQuality, NewLook, looks_of, unpacked, vectors_by_person
from monitoring.people.rows import all_groups, page_of
from monitoring.people.settings import PeopleSettings
from monitoring.people.store import PeopleStore
from workers.database.database import Database
from workers.errors import QuotaReached

BY = "user:ada"
SETTINGS = PeopleSettings(max_people=4, max_looks=6, max_looks_of_person=3)


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Iterator[PeopleStore]:
    yield PeopleStore(database, tmp_path, SETTINGS)


def named(store: PeopleStore, name: str, *groups: str) -> str:
    """The id of somebody new."""
    return store.create(PersonChanges(name, groups), BY).id


def look(number: int, picture: bytes | None = b"\xff\xd8 a face") -> NewLook:
    """One of many directions."""
    vector = np.zeros(128, np.float32)
    vector[number] = 1.0
    quality = LookQuality(size_px=90, eyes_px=40, sharpness=0.5, pose=3)
    return NewLook(vector, "face-id/1", quality, "upload", picture)


def test_names_are_unique_whatever_their_case(store: PeopleStore) -> None:
    anna = named(store, "Anna  Straße", "staff")
    with pytest.raises(NameTaken, match="somebody has this name"):
        named(store, "anna strasse")
    ben = named(store, "Ben")
    with pytest.raises(NameTaken):
        store.change(ben, PersonChanges("ANNA STRASSE"), BY)
    assert store.names.name_of(anna) == "Anna Straße"
    assert store.names.ids(" anna   STRASSE ") == store.names.ids(anna) == (anna,)
    assert store.names.group("staff") == store.names.group("STAFF") == {anna}
    assert store.names.group("guests") == frozenset()
    assert [one.name for one in store.names.all()] == ["Anna Straße", "Ben"]
    with pytest.raises(PersonUnknown):
        store.by_name("Carla")


def test_no_more_than_the_settings_allow(store: PeopleStore) -> None:
    people = [named(store, name) for name in ("A", "B", "C", "D")]
    with pytest.raises(QuotaReached, match="max_people"):
        named(store, "E")
    numbers = [store.add_look(people[0], look(number), BY) for number in range(3)]
    with pytest.raises(QuotaReached, match="3 looks of this person"):
        store.add_look(people[0], look(4), BY)
    for number in range(3):
        store.add_look(people[1], look(number), BY)
    with pytest.raises(QuotaReached, match="max_looks"):
        store.add_look(people[2], look(5), BY)
    assert len(list(store.files.folder.iterdir())) == 6, "a look that is refused leaves no picture"
    store.remove_look(people[0], numbers[0])
    assert len(list(store.files.folder.iterdir())) == 5
    with pytest.raises(LookUnknown):
        store.remove_look(people[0], numbers[0])


def test_a_look_is_stored_as_it_was(store: PeopleStore) -> None:
    anna = named(store, "Anna")
    given = NewLook(np.linspace(-0.1, 0.1, 128, dtype=np.float32), *_rest(look(0)))
    store.add_look(anna, given, BY)
    with store.database.read() as connection:
        (person, embedder, vector), *others = vectors_by_person(connection)
        assert "vector" not in looks_of(connection, anna)[0]
    assert (person, embedder, others) == (anna, "face-id/1", [])
    assert np.allclose(vector, given.vector, atol=1e-4)
    assert unpacked(given.vector.astype(np.float16).tobytes()).dtype == np.float32


def _rest(one: NewLook) -> tuple[object, ...]:
    return one.embedder, one.quality, one.source, one.picture


def test_a_merge_is_undone_exactly(store: PeopleStore) -> None:
    anna, ann, annie = (named(store, name) for name in ("Anna", "Ann", "Annie"))
    for person in (anna, ann, annie):
        store.add_look(person, look(1), BY)
    store.merge(ann, annie, BY)
    store.merge(anna, ann, BY)
    assert store.names.ids("annie") == store.names.ids(anna) == (anna, *sorted((ann, annie)))
    assert {store.names.name_of(one) for one in (anna, ann, annie)} == {"Anna"}
    assert len(_looks(store, annie)) == 3, "an id that was merged stands for all"
    with pytest.raises(PeopleRefused):
        store.merge(anna, annie, BY)
    assert store.undo() == "the merge of Anna and Ann"
    assert (store.names.name_of(anna), store.names.name_of(annie)) == ("Anna", "Ann")
    assert store.undo() == "the merge of Ann and Annie"
    assert [len(_looks(store, one)) for one in (anna, ann, annie)] == [1, 1, 1]
    with pytest.raises(NothingToUndo):
        store.undo()


def _looks(store: PeopleStore, person: str) -> list[int]:
    with store.database.read() as connection:
        return [row["seq"] for row in looks_of(connection, person)]


def test_a_split_takes_looks_along_and_is_undone(store: PeopleStore) -> None:
    anna = named(store, "Anna", "staff")
    first, second = (store.add_look(anna, look(number), BY) for number in range(2))
    with pytest.raises(PeopleRefused, match="rename"):
        store.split(anna, [first, second], PersonChanges("Ben"), BY)
    with pytest.raises(NameTaken):
        store.split(anna, [second], PersonChanges("anna"), BY)
    ben = store.split(anna, [second], PersonChanges("Ben"), BY)
    assert (ben.groups, _looks(store, ben.id), _looks(store, anna)) == (("staff",), [second], [first])
    with pytest.raises(LookUnknown):
        store.split(anna, [second], PersonChanges("Carl"), BY)
    assert store.undo() == "the split of Ben from Anna"
    assert _looks(store, anna) == [first, second]
    with pytest.raises(PersonUnknown):
        store.get(ben.id)


def test_changes_are_undone_one_after_another(store: PeopleStore) -> None:
    anna = named(store, "Anna", "staff")
    store.change(anna, PersonChanges("Hanna", ("guests", "guests"), "tall", True), BY)
    store.change(anna, PersonChanges("Hannah"), BY)
    store.change(anna, PersonChanges("Hannah"), BY)  # nothing: nothing to undo
    ben = named(store, "anna")
    assert store.undo() == "the change of Hannah"
    with pytest.raises(NameTaken):
        store.undo()
    with store.database.read() as connection:
        assert last_change(connection) == "the change of Hanna", "what cannot be undone now can be later"
    store.change(ben, PersonChanges("Ben"), BY)
    assert [store.undo(), store.names.name_of(ben)] == ["the change of Ben", "anna"]
    with pytest.raises(NameTaken):
        store.undo()
    person = store.get(anna)
    assert (person.name, person.groups, person.note, person.strict) == ("Hanna", ("guests",), "tall", True)


def test_pages_are_by_name(store: PeopleStore) -> None:
    for name, group in (("Émile", "guests"), ("anna", "staff"), ("Ben_50%", "staff"), ("Carl", 'a "b" ü')):
        named(store, name, group)
    with store.database.read() as connection:
        first = page_of(connection, None, None, None, 3)
        second = page_of(connection, None, None, first.next, 3)
        assert [one.name for one in (*first.people, *second.people)] == ["anna", "Ben_50%", "Carl", "Émile"]
        assert second.next is None
        assert [one.name for one in page_of(connection, "N_50%", None, None, 9).people] == ["Ben_50%"]
        assert [one.name for one in page_of(connection, "éM", None, None, 9).people] == ["Émile"]
        assert [one.name for one in page_of(connection, None, "staff", None, 9).people] == ["anna", "Ben_50%"]
        assert [one.name for one in page_of(connection, None, 'a "b" ü', None, 9).people] == ["Carl"]
        assert all_groups(connection) == ['a "b" ü', "guests", "staff"]
        with pytest.raises(BadQuery, match="cursor"):
            page_of(connection, None, None, "nobody", 3)


def test_others_learn_of_changes(store: PeopleStore, tmp_path: Path) -> None:
    """Another process has the same database."""
    other = PeopleStore(store.database, tmp_path)
    anna = named(store, "Anna")
    assert other.names.name_of(anna) is None
    other.names.reload()
    everybody = other.names.all()
    other.names.reload()
    assert other.names.name_of(anna) == "Anna" and other.names.all() is everybody


def test_somebody_who_is_enrolled_while_the_roster_is_read_is_there_the_next_time(store: PeopleStore) -> None:
    anna, late = named(store, "Anna"), list[str]()
    store.add_look(anna, look(1), BY)

    def enrol(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "FROM looks" in statement and not late:
            late.append("")
            late[0] = named(store, "Ben")
            store.add_look(late[0], look(5), BY)

    event.listen(store.database.engine, "before_cursor_execute", enrol)
    try:
        assert store.roster.gallery("face-id/1").people == (anna,)
    finally:
        event.remove(store.database.engine, "before_cursor_execute", enrol)
    assert set(store.roster.gallery("face-id/1").people) == {anna, *late}
