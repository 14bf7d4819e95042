"""`livesight people list|add|import|rename|merge|erase`: who is enrolled. On the calling thread.

The commands work on the database; the service may be running, and learns of it within seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from monitoring.settings import MonitorSettings
from stream.config import StreamSettings
from workers.cli.command import ConfigOption, JsonOption
from workers.errors import SettingsError
from workers.settings import WorkerSettings
from workers.state_directory import make_state_dir

if TYPE_CHECKING:
    from monitoring.people.enrolment import Enrolment

NameArgument = Annotated[str, typer.Argument(help="Who: a name, or an id.")]
GroupOption = Annotated[list[str] | None, typer.Option("--group", help="A group that they are in; repeatable.")]
_BY = f"command:{os.getuid()}"


class PeopleLocation(Protocol):
    """Where people are: the settings as a whole, of which these are used."""

    @property
    def state_dir(self) -> Path:
        """Where pictures of looks are, and the database, if nowhere else."""
        ...

    @property
    def monitoring(self) -> MonitorSettings:
        """The database, and how many people there may be."""
        ...

    @property
    def workers(self) -> WorkerSettings:
        """How the face model is run."""
        ...

    @property
    def stream(self) -> StreamSettings:
        """How large pictures may be."""
        ...


Location = TypeVar("Location", bound=PeopleLocation)


def mount_people(
    people: typer.Typer, open_: Callable[[Path | None], Location], record: Callable[[Location, str], object]
) -> None:
    """Add the commands to the group. record: writes into the audit trail, if there is one, what was changed, by ids."""
    _mount_reading(people, open_)
    _mount_adding(people, open_, record)
    _mount_naming(people, open_, record)


def _mount_reading(people: typer.Typer, open_: Callable[[Path | None], Location]) -> None:
    @people.command("list")
    def list_people(as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """Show who is enrolled."""
        from monitoring.people.looks import summaries
        from monitoring.people.rows import families

        with _enrolment(open_(config)) as enrolment, enrolment.store.database.read() as connection:
            enrolment.store.names.reload()
            known = enrolment.store.names.all()
            looks = summaries(connection, families(connection, [one.id for one in known]))
        if as_json:
            shown = [
                {"id": one.id, "name": one.name, "groups": list(one.groups), "looks": looks[one.id].count}
                for one in known
            ]
            Console(soft_wrap=True).print_json(data=shown)
            return
        table = Table("name", "groups", "looks", "id", box=None)
        for one in known:
            table.add_row(one.name, ", ".join(one.groups), str(looks[one.id].count), one.id)
        Console(soft_wrap=True).print(table)


def _mount_adding(
    people: typer.Typer, open_: Callable[[Path | None], Location], record: Callable[[Location, str], object]
) -> None:
    @people.command()
    def add(name: str, group: GroupOption = None, config: ConfigOption = None) -> None:
        """Add somebody by name, without looks; `import` adds those."""
        from monitoring.people.edits import PersonChanges

        location = open_(config)
        with _enrolment(location) as enrolment:
            person = enrolment.store.create(PersonChanges(_checked(name), tuple(group or ())), _BY)
        record(location, f"people add person:{person.id}")
        typer.echo(f"added {person.name}")

    @people.command("import")
    def import_people(
        paths: Annotated[list[Path], typer.Argument(help="NAME/*.jpg, NAME, or a FOLDER of such folders.")],
        group: GroupOption = None,
        confirmed: Annotated[
            bool, typer.Option("--confirmed", help="Also photos that look like somebody else who is enrolled.")
        ] = False,
        config: ConfigOption = None,
    ) -> None:
        """Enrol photos, each under the name of the folder that it lies in; one face a photo. Says what was refused."""
        from monitoring.people.folder_import import ImportOptions, import_photos, photos_in

        photos, location = photos_in(paths), open_(config)
        for name in photos:
            _checked(name)
        options = ImportOptions(_BY, tuple(group or ()), confirmed)
        with _enrolment(location) as enrolment:
            done = import_photos(enrolment, photos, options, lambda photo, said: typer.echo(f"{photo}: {said}"))
        record(location, f"people import looks:{done.enrolled}")
        known = f", {done.known} were known already" if done.known else ""
        typer.echo(f"enrolled {done.enrolled} photos of {len(done.people)} people{known}; {len(done.refused)} refused")
        if not done.people:
            raise SettingsError("no photo could be used: see the reasons above")


def _mount_naming(
    people: typer.Typer, open_: Callable[[Path | None], Location], record: Callable[[Location, str], object]
) -> None:
    @people.command()
    def rename(name: NameArgument, new: str, config: ConfigOption = None) -> None:
        """Call somebody by another name."""
        from monitoring.people.edits import PersonChanges

        location = open_(config)
        with _enrolment(location) as enrolment:
            person = enrolment.store.by_name(name)
            enrolment.store.change(person.id, PersonChanges(_checked(new)), _BY)
        record(location, f"people rename person:{person.id}")

    @people.command()
    def merge(name: NameArgument, other: NameArgument, config: ConfigOption = None) -> None:
        """Say that OTHER is the same person as NAME, whose name stays."""
        location = open_(config)
        with _enrolment(location) as enrolment:
            person, same = enrolment.store.by_name(name), enrolment.store.by_name(other)
            enrolment.store.merge(person.id, same.id, _BY)
        record(location, f"people merge person:{person.id} person:{same.id}")

    @people.command()
    def erase(
        name: NameArgument,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        config: ConfigOption = None,
    ) -> None:
        """Erase somebody for good: looks, pictures of them, and the identity in all that is stored."""
        from monitoring.people.erasure import erase_person

        location = open_(config)
        with _enrolment(location) as enrolment:
            person = enrolment.store.by_name(name)
            if not yes and not typer.confirm(f"Erase {person.name} for good?"):
                raise SettingsError("nobody was erased")
            gone = erase_person(enrolment.store, person.id, enrolment.store.database.scrub)
        record(location, f"people erase person:{person.id}")
        typer.echo(f"erased: {gone.looks} looks, the identity in {gone.events} events and {gone.tracks} tracks")


@contextmanager
def _enrolment(location: PeopleLocation) -> Iterator[Enrolment]:
    """On the database of the settings, whose tables are made if need be. Raises SettingsError, DatabaseError."""
    from monitoring.migrations import MONITORING
    from monitoring.people.enrolment import Enrolment
    from monitoring.people.face_reader import ModelFaces, Reading
    from monitoring.people.store import PeopleStore
    from monitoring.store.media import MediaStore
    from workers.database.database import Database
    from workers.database.migrations import migrate
    from workers.model_card import ModelStore

    if location.monitoring.on_sqlite:
        make_state_dir(location.state_dir)
    models = ModelStore.of(location.workers.models_dir, location.state_dir)
    faces = ModelFaces(Reading(models, location.workers, location.stream))
    database = Database(location.monitoring.url(location.state_dir))
    try:
        migrate(database, MONITORING)
        store = PeopleStore(database, location.state_dir, location.monitoring.people, faces.law)
        yield Enrolment(store, faces, MediaStore(location.state_dir / "media"))
    finally:
        database.close()


def _checked(name: str) -> str:
    """A name as the API takes it. Raises SettingsError."""
    from pydantic import TypeAdapter, ValidationError

    from monitoring.people.http.views import PersonName
    from workers.validation import first_reason

    try:
        checked: str = TypeAdapter(PersonName).validate_python(name)
        return checked
    except ValidationError as error:
        raise SettingsError(first_reason(error, f"name {name!r}")) from error
