"""People: who is enrolled, called what. Any thread; everything blocks, but for what `names` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from monitoring.core.errors import NameTaken, PersonUnknown
from monitoring.people import changes as history
from monitoring.people import edits
from monitoring.people.edits import PersonChanges
from monitoring.people.looks import LookFiles, LookLimits, NewLook, add_look, remove_look
from monitoring.people.names import Names
from monitoring.people.roster import Law, Roster, usual_law
from monitoring.people.rows import Person, person_of
from monitoring.people.settings import PeopleSettings
from monitoring.people.tables import looks
from workers.database.database import Database
from workers.errors import DatabaseError

log = structlog.get_logger(__name__)

T = TypeVar("T")


class PeopleStore:
    """`names`: what they are called; `roster`: their faces, by the `law` of the model that made their looks.

    `subscribe` tells of changes, on the changing thread.
    """

    def __init__(
        self, database: Database, state_dir: Path, settings: PeopleSettings | None = None, law: Law = usual_law
    ) -> None:
        self.database = database
        self.settings = settings or PeopleSettings()
        self.names = Names(database)
        self.law = law
        self.roster = Roster(database, law)
        self.files = LookFiles(state_dir / "people")
        self._listeners: tuple[Callable[[], object], ...] = ()

    def subscribe(self, callback: Callable[[], object]) -> None:
        """Have `callback` called after each change that this process made. It must not block or raise."""
        self._listeners = (*self._listeners, callback)

    def get(self, person_id: str) -> Person:
        """Raises PersonUnknown."""
        with self.database.read() as connection:
            return person_of(connection, person_id)

    def by_name(self, text: str) -> Person:
        """Whoever is called that, or has that id. Raises PersonUnknown."""
        self.names.reload()
        ids = self.names.ids(text)
        if not ids:
            raise PersonUnknown(f"there is no person {text}; `livesight people list` shows all")
        return self.get(ids[0])

    def create(self, given: PersonChanges, by: str) -> Person:
        """Add somebody; `given` has a name. Raises NameTaken, QuotaReached."""
        most = self.settings.max_people
        return self.write(lambda found: edits.add_person(found, given, by, most), given.name)

    def change(self, person_id: str, given: PersonChanges, by: str) -> Person:
        """Rename somebody, or change what else is said of them. Raises PersonUnknown, NameTaken."""
        return self.write(lambda found: edits.change_person(found, person_id, given, by), given.name)

    def merge(self, person_id: str, other_id: str, by: str) -> Person:
        """The other is the same person, whose name stays. Raises PersonUnknown, PeopleRefused."""
        return self.write(lambda found: edits.merge(found, person_id, other_id, by))

    def split(self, person_id: str, numbers: Sequence[int], given: PersonChanges, by: str) -> Person:
        """Some looks are of somebody new. Raises PersonUnknown, LookUnknown, PeopleRefused, NameTaken."""
        return self.write(lambda found: edits.split(found, person_id, numbers, given, by), given.name)

    def undo(self) -> str:
        """Undo the newest change; what it was, in words. Raises NothingToUndo, NameTaken."""
        return self.write(history.undo, "the name that it was before")

    def add_look(self, person_id: str, look: NewLook, by: str) -> int:
        """Enrol a look; its number. Raises PersonUnknown, QuotaReached, OSError."""
        limits = LookLimits(self.settings.max_looks_of_person, self.settings.max_looks)
        path = None if look.picture is None else self.files.write(look.picture)
        try:
            return self.write(lambda found: add_look(found, person_id, look, path, by, limits))
        except BaseException:
            self.files.unlink([] if path is None else [path])
            raise

    def remove_look(self, person_id: str, number: int) -> None:
        """Delete a look and its picture for good. Raises PersonUnknown, LookUnknown."""
        self.files.unlink(self.write(lambda found: remove_look(found, person_id, number)))

    def sweep(self, before_s: float) -> int:
        """Delete pictures older than `before_s` (time.time()) that are of no look; returns how many."""
        with self.database.read() as connection:
            known = set(connection.scalars(select(looks.c.path).where(looks.c.path.is_not(None))))
        return self.files.sweep(known, before_s)

    def write(self, work: Callable[[Connection], T], name: str | None = None) -> T:
        """What `work` returns, in a transaction; then all who look on are told. name: which may be somebody else's.

        Raises NameTaken in place of an IntegrityError, DatabaseUnavailable, and what `work` raises.
        """
        try:
            with self.database.write() as connection:
                found = work(connection)
        except IntegrityError as error:
            if name is None:
                raise
            raise NameTaken(f"{name}: somebody has this name already; choose another, or merge the two") from error
        self.told()
        return found

    def told(self) -> None:
        """Somebody was changed, and that is committed."""
        with suppress(DatabaseError):  # else the reloader sees it
            self.names.reload()
        for callback in self._listeners:
            callback()
