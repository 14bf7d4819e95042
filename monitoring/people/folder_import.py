"""Enrols photos from folders: NAME/*.jpg, or FOLDER/NAME/*.jpg. On the calling thread; blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from monitoring.core.errors import MonitoringError, PersonUnknown
from monitoring.people.edits import PersonChanges
from monitoring.people.enrolment import Enrolment
from monitoring.people.looks import vectors_of
from stream.errors import StreamError
from workers.errors import SettingsError

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SAME = 0.9995
"""Two looks that are more alike are of the same photo."""


@dataclass(slots=True)
class Imported:
    """What came of an import. refused: photo and reason, in order."""

    enrolled: int = 0
    known: int = 0
    people: set[str] = field(default_factory=set)
    refused: list[tuple[Path, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """groups: of people who are new. confirmed: take photos that look like somebody else, too. by: who imports."""

    by: str
    groups: tuple[str, ...] = ()
    confirmed: bool = False


def photos_in(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Photos by the name of the folder that they lie in. Raises SettingsError for what is no photo, and for none."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in ENDINGS)
            folders = [] if inside else sorted(one for one in path.iterdir() if one.is_dir())
            several = [one for folder in folders for one in sorted(folder.iterdir()) if one.suffix.lower() in ENDINGS]
            photos = inside or several
        elif path.is_file() and path.suffix.lower() in ENDINGS:
            photos = [path]
        else:
            raise SettingsError(f"{path}: there is no such folder, and no photo ({', '.join(sorted(ENDINGS))})")
        for photo in photos:
            found.setdefault(photo.absolute().parent.name, []).append(photo)
    if not found:
        raise SettingsError(f"{paths[0]}: there are no photos in it; NAME/*.jpg or FOLDER/NAME/*.jpg are looked for")
    return found


def import_photos(
    enrolment: Enrolment,
    photos: dict[str, list[Path]],
    options: ImportOptions,
    tell: Callable[[Path, str], object],
) -> Imported:
    """Enrol them, each under the name of its folder. tell: called with each photo and what came of it.

    Raises FaceModelMissing, QuotaReached, DatabaseUnavailable. Whoever has no photo that can be used is not added.
    """
    done = Imported()
    for name, found in photos.items():
        for photo in found:
            try:
                is_new = _import(enrolment, name, photo, options)
            except (MonitoringError, StreamError, OSError) as error:
                done.refused.append((photo, str(error)))
                tell(photo, f"refused: {error}")
                continue
            done.people.add(name)
            done.enrolled += is_new
            done.known += not is_new
            tell(photo, "enrolled" if is_new else "known already")
    return done


def _import(enrolment: Enrolment, name: str, photo: Path, options: ImportOptions) -> bool:
    """Whether it is new."""
    look = enrolment.look_to_enrol(photo.read_bytes())
    store = enrolment.store
    try:
        person_id = store.by_name(name).id
    except PersonUnknown:
        person_id = None
    if person_id is not None:
        with store.database.read() as connection:
            known = vectors_of(connection, person_id, look.embedder)
        if any(float(np.dot(one, look.vector)) > _SAME for one in known):
            return False
    if not options.confirmed:
        enrolment.check_alike(person_id or "", look)
    if person_id is None:
        person_id = store.create(PersonChanges(name, options.groups), options.by).id
    store.add_look(person_id, look, options.by)
    return True
