"""Erases a person: looks, counter-examples, name, and the identity in all that is stored. Any thread; blocks.

What is stored with an identity is found in a transaction that only reads, as that takes a while where there is much,
and rewritten in one that writes; what was stored in between is found by it too, since it has higher numbers. What still
arrives is stripped at ingest (arrivals.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Column, Connection, Table, delete, func, or_, select, update

from monitoring.people.changes import forget_changes
from monitoring.people.rows import family, next_revision
from monitoring.people.store import PeopleStore
from monitoring.people.stripping import strip_bodies, without
from monitoring.people.tables import counter_examples, looks, people
from monitoring.store.tables import events
from monitoring.store.tombstones import begin_deletion, erased_people
from monitoring.tracks.record import read_record
from monitoring.tracks.rows import TrackRow, update_rows
from monitoring.tracks.tables import track_tags, tracks
from workers.bus.event import Event
from workers.database.dialects import insert_into

log = structlog.get_logger(__name__)

_MOST = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """What is gone of a person. `ids`: all that counted as them; `paths`: of pictures, to be unlinked."""

    ids: tuple[str, ...]
    looks: int
    events: int
    tracks: int
    others: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Carriers:
    """Rows that carry an identity, by number, and the highest number that was looked at."""

    events: list[int]
    tracks: list[int]
    last_event: int
    last_track: int


def erase_person(store: PeopleStore, person_id: str, scrub: Callable[[], object]) -> Erased:
    """Erase somebody for good. scrub: empties the database's log of it. Raises PersonUnknown, DatabaseUnavailable."""
    with store.database.read() as connection:
        ids = family(connection, person_id)
        carriers = _carriers(connection, ids, _Carriers([], [], 0, 0))
    with store.database.write() as connection:
        begin_deletion(connection)
        erased = _erase(connection, family(connection, person_id), carriers)
    store.files.unlink(erased.paths)
    store.told()
    scrub()
    log.info("person_erased", looks=erased.looks, events=erased.events, tracks=erased.tracks)
    return erased


def _erase(connection: Connection, ids: Sequence[str], known: _Carriers) -> Erased:
    now_ns = time.time_ns()
    buried = [{"id": one, "erased_ns": now_ns} for one in ids]
    connection.execute(insert_into(connection, erased_people).on_conflict_do_nothing(), buried)
    late = _carriers(connection, ids, known)
    numbers, rows = [*known.events, *late.events], [*known.tracks, *late.tracks]
    _strip_events(connection, numbers, ids)
    _strip_tracks(connection, rows, ids)
    others = strip_bodies(connection, ids)
    found = connection.execute(select(looks.c.path).where(looks.c.person.in_(ids))).all()
    for table, column in ((looks, "person"), (counter_examples, "person"), (people, "id")):
        connection.execute(delete(table).where(table.c[column].in_(ids)))
    forget_changes(connection, ids)
    next_revision(connection)
    paths = tuple(row.path for row in found if row.path is not None)
    return Erased(tuple(ids), len(found), len(numbers), len(rows), others, paths)


def _carriers(connection: Connection, ids: Collection[str], after: _Carriers) -> _Carriers:
    """Those of higher numbers than `after` looked at. Tracks by their tags, which are indexed; events one by one."""
    last_event = connection.scalar(select(func.max(events.c.seq))) or 0
    last_track = connection.scalar(select(func.max(tracks.c.seq))) or 0
    tagged = select(track_tags.c.track_seq).where(track_tags.c.name == "person", track_tags.c.value.in_(ids))
    known = {*after.tracks}
    return _Carriers(
        list(connection.scalars(_holding(events, events.c.seq, ids).where(events.c.seq > after.last_event))),
        sorted({one for one in connection.scalars(tagged) if one not in known}),
        last_event,
        last_track,
    )


def _holding(table: Table, key: Column[Any], ids: Collection[str]) -> Any:
    return select(key).where(or_(*(table.c.body.contains(one, autoescape=True) for one in ids)))


def _strip_events(connection: Connection, numbers: Sequence[int], ids: Collection[str]) -> None:
    for at in range(0, len(numbers), _MOST):
        some = select(events.c.seq, events.c.body).where(events.c.seq.in_(numbers[at : at + _MOST]))
        for seq, body in connection.execute(some).all():
            event = Event.model_validate(without(json.loads(body), ids))
            values = {"person": event.person, "body": event.to_json().decode()}
            connection.execute(update(events).where(events.c.seq == seq).values(**values))


def _strip_tracks(connection: Connection, numbers: Sequence[int], ids: Collection[str]) -> None:
    for at in range(0, len(numbers), _MOST):
        some = select(tracks.c.seq, tracks.c.body).where(tracks.c.seq.in_(numbers[at : at + _MOST])).with_for_update()
        for seq, body in connection.execute(some).all():
            row = TrackRow(read_record(json.dumps(without(json.loads(body), ids))), seq)
            update_rows(connection, [row])
    by_person = (track_tags.c.name == "person", track_tags.c.value.in_(ids))
    connection.execute(delete(track_tags).where(*by_person))
