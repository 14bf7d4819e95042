"""The looks by which people are known: rows, their vectors and their pictures. Any thread; blocks.

A picture is the face, cut out, under state_dir/people: a file is written before its row is committed, and unlinked
after the row is gone.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from monitoring.core.errors import LookUnknown
from monitoring.people.rows import canonical, family, next_revision, parts_of, person_of
from monitoring.people.tables import looks
from workers.database.database import MANY_ROWS
from workers.errors import QuotaReached

log = structlog.get_logger(__name__)

Source = Literal["upload", "event", "track", "folder"]
Vector = NDArray[np.float32]


class LookQuality(BaseModel):
    """How good a face is."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    size_px: float = Field(description="The longer side of the face, in pixels.")
    eyes_px: float = Field(description="Between the eyes, in pixels.")
    sharpness: float = Field(description="Of the face when it is brought upright, 0 (a blur) to 1.")
    pose: float = Field(description="How far it is turned to the side, in degrees.")


@dataclass(frozen=True, slots=True)
class NewLook:
    """A look to be enrolled. `vector`: float32 of unit length; `picture`: a JPEG of the face, None for none."""

    vector: Vector
    embedder: str
    quality: LookQuality
    source: Source
    picture: bytes | None
    event_id: uuid.UUID | None = None


class LookFiles:
    """The pictures of looks. Names are random: nothing of a person is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, data: bytes) -> str:
        """A new file; its path. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{secrets.token_hex(20)}.jpg"
        partial = self.folder / f"{name}.part"
        partial.write_bytes(data)
        os.replace(partial, self.folder / name)
        return name

    def read(self, path: str) -> bytes:
        """Raises OSError."""
        return (self.folder / path).read_bytes()

    def unlink(self, paths: Collection[str]) -> None:
        """Delete files whose rows are gone. One that cannot be deleted is told in the log."""
        for path in paths:
            try:
                (self.folder / path).unlink(missing_ok=True)
            except OSError as error:
                log.error("look_not_deleted", path=path, reason=error.strerror or str(error))

    def sweep(self, known: Collection[str], before_s: float) -> int:
        """Delete files older than `before_s` (time.time()) that have no row: what a crash left. Returns how many."""
        found = [path for path in self.folder.glob("*.jpg*") if path.stat().st_mtime < before_s]
        lost = [path.name for path in found if path.name not in known]
        self.unlink(lost)
        return len(lost)


def packed(vector: Vector) -> bytes:
    """A vector as it is stored: float16."""
    return vector.astype(np.float16).tobytes()


def unpacked(data: bytes) -> Vector:
    """What `packed` gave, float32."""
    return np.frombuffer(data, np.float16).astype(np.float32)


@dataclass(frozen=True, slots=True)
class LookLimits:
    """How many looks there may be: of one person, and of all."""

    of_person: int
    of_all: int


def add_look(
    connection: Connection, person_id: str, look: NewLook, path: str | None, by: str, limits: LookLimits
) -> int:
    """Enrol a look; its number. path: of its picture. Raises PersonUnknown, QuotaReached."""
    own = canonical(connection, person_id)
    of_person = connection.scalar(select(func.count()).where(looks.c.person.in_(family(connection, own)))) or 0
    if of_person >= limits.of_person:
        raise QuotaReached(f"there are {of_person} looks of this person already, as many as may be; delete some first")
    if (connection.scalar(select(func.count()).select_from(looks)) or 0) >= limits.of_all:
        raise QuotaReached(
            f"there are {limits.of_all} looks already, and monitoring.people.max_looks allows no more; delete some, or "
            "raise the setting"
        )
    row = insert(looks).values(
        person=own,
        embedder=look.embedder,
        vector=packed(look.vector),
        source=look.source,
        event_id=look.event_id,
        quality=look.quality.model_dump_json(),
        path=path,
        bytes=0 if look.picture is None else len(look.picture),
        created_at_ns=time.time_ns(),
        created_by=by,
    )
    key = connection.execute(row).inserted_primary_key
    assert key is not None
    next_revision(connection)
    return int(key[0])


def look_of(connection: Connection, person_id: str, number: int) -> RowMapping:
    """The row of a look of somebody. Raises PersonUnknown, LookUnknown."""
    where = (looks.c.seq == number, looks.c.person.in_(family(connection, person_id)))
    row = connection.execute(select(looks).where(*where)).mappings().first()
    if row is None:
        raise LookUnknown(f"{person_of(connection, person_id).name} has no look {number}, or it was deleted")
    return row


def remove_look(connection: Connection, person_id: str, number: int) -> list[str]:
    """Delete a look for good; the paths that are to be unlinked once that is committed. Raises as `look_of`."""
    row = look_of(connection, person_id, number)
    connection.execute(delete(looks).where(looks.c.seq == number))
    next_revision(connection)
    return [] if row["path"] is None else [row["path"]]


def looks_of(connection: Connection, person_id: str) -> Sequence[RowMapping]:
    """All looks of somebody, in the order in which they were enrolled, without vectors. Raises PersonUnknown."""
    columns = [column for column in looks.c if column is not looks.c.vector]
    query = select(*columns).where(looks.c.person.in_(family(connection, person_id))).order_by(looks.c.seq)
    return connection.execute(query).mappings().all()


@dataclass(frozen=True, slots=True)
class LookSummary:
    """How many looks somebody has, and the number of the first one with a picture."""

    count: int = 0
    pictured: int | None = None


def summaries(connection: Connection, families: dict[str, list[str]]) -> dict[str, LookSummary]:
    """Of some people, by their own ids. families: each with all ids that count as them."""
    own = {one: person for person, ids in families.items() for one in ids}
    found: dict[str, LookSummary] = dict.fromkeys(families, LookSummary())
    for part in parts_of(own):
        pictured = func.min(looks.c.seq).filter(looks.c.path.is_not(None))
        query = select(looks.c.person, func.count(), pictured).where(looks.c.person.in_(part)).group_by(looks.c.person)
        for person, count, number in connection.execute(query):
            known = found[own[person]]
            numbers = [one for one in (known.pictured, number) if one is not None]
            found[own[person]] = LookSummary(known.count + count, min(numbers, default=None))
    return found


def vectors_of(connection: Connection, person_id: str, embedder: str) -> list[Vector]:
    """The vectors of somebody's looks. Raises PersonUnknown."""
    ids = family(connection, person_id)
    query = select(looks.c.vector).where(looks.c.person.in_(ids), looks.c.embedder == embedder)
    return [unpacked(vector) for vector in connection.scalars(query)]


def vectors_by_person(connection: Connection) -> Iterator[tuple[str, str, Vector]]:
    """All looks: (id of the person's row, embedder, vector), those of one row together."""
    query = select(looks.c.person, looks.c.embedder, looks.c.vector).order_by(looks.c.person, looks.c.seq)
    with connection.execute(query, execution_options=MANY_ROWS) as rows:
        for person, embedder, vector in rows:
            yield cast("str", person), cast("str", embedder), unpacked(vector)
