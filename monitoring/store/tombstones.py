"""What was deleted on request: ids, so that it does not come back. In the caller's transaction; any thread; blocks.

The same thing may be told again after it was deleted: Kafka is read again from an offset, a node delivers what it kept
through an outage, a track that is still in view goes on. Whoever stores what happened asks here first. `hold_back`
and `begin_deletion` see to it that nothing is stored between a deletion's look at what there is and its end.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Index, String, Table, delete, insert, select, update

from monitoring.store.media import Track, about_tracks
from monitoring.store.tables import metadata
from monitoring.store.writes import DAY_NS
from workers.bus.event import Event
from workers.database.dialects import CompactUuid, Serial, insert_into, rows_with

KEPT_NS = 90 * DAY_NS
"""How long a tombstone stays: three times as long as any topic of ours keeps what could bring its like back."""

_LOCK = 5067004

deleted_events = Table(
    "deleted_events",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", CompactUuid, nullable=False, unique=True),
    Column("deleted_ns", BigInteger, nullable=False),
    Index(None, "deleted_ns"),
)
"""Events that were deleted one by one, and the alerts of tracks that were."""

deleted_tracks = Table(
    "deleted_tracks",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("stream_id", String(63), nullable=False),
    Column("session", String(64), nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("what", String(8), nullable=False),  # track: all of it; images: these alone
    Column("from_us", BigInteger, nullable=False),  # pts_us of the track's first frame
    Column("until_us", BigInteger),  # of its last; null while it is in view
    Column("deleted_ns", BigInteger, nullable=False),
    Index(None, "session", "track_id"),
    Index(None, "deleted_ns"),
)
"""Tracks that were deleted, or whose images were. A number that is given again later is another track."""


erased_people = Table(
    "erased_people",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("erased_ns", BigInteger, nullable=False),
    Index(None, "erased_ns"),
)
"""People who were erased, by id, which is taken out of whatever still arrives (monitoring/people/arrivals.py)."""


@dataclass(slots=True)
class DeletedTrack:
    """A row of `deleted_tracks`. Times are `pts_us` of the session, both included."""

    seq: int
    what: str
    from_us: int
    until_us: int | None

    def holds(self, pts_us: int) -> bool:
        """Whether a frame of that number is the deleted track's."""
        return self.from_us <= pts_us and (self.until_us is None or pts_us <= self.until_us)


DeletedTracks = defaultdict[Track, list[DeletedTrack]]


def erased_among(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of these ids that are of people who were erased."""
    rows = rows_with(connection, select(erased_people.c.id), erased_people.c.id, sorted(ids))
    return {row["id"] for row in rows}


def begin_deletion(connection: Connection) -> None:
    """Wait until what is being stored is stored; nothing else is until the transaction ends. Comes first in it."""
    if connection.dialect.name != "sqlite":  # which has one writer at a time
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def hold_back(connection: Connection) -> None:
    """Let no deletion begin until the transaction ends. Comes first in it; many may do so at once."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


def bury_events(connection: Connection, ids: Iterable[uuid.UUID], now_ns: int) -> None:
    """These events are deleted."""
    rows = [{"id": one, "deleted_ns": now_ns} for one in ids]
    if rows:
        connection.execute(insert_into(connection, deleted_events).on_conflict_do_nothing(), rows)


def bury_track(connection: Connection, track: Track, what: str, times_us: tuple[int, int | None], now_ns: int) -> None:
    """That track, or its images (`what`), in these frames: from and until, None while it is in view."""
    stream_id, session, number = track
    named = {"stream_id": stream_id, "session": session, "track_id": number, "what": what}
    times = {"from_us": times_us[0], "until_us": times_us[1], "deleted_ns": now_ns}
    connection.execute(insert(deleted_tracks).values(**named, **times))


def anything_buried(connection: Connection) -> bool:
    """Whether there is any tombstone: most installations never have one, and ask at each commit."""
    tables = (deleted_events, deleted_tracks)
    return any(connection.execute(select(table.c.seq).limit(1)).first() is not None for table in tables)


def buried_events(connection: Connection, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of `ids` that were deleted."""
    query = select(deleted_events.c.id)
    return {row["id"] for row in rows_with(connection, query, deleted_events.c.id, list(ids))}


def buried_tracks(connection: Connection, tracks: Collection[Track]) -> DeletedTracks:
    """What was deleted of these tracks."""
    found: DeletedTracks = defaultdict(list)
    for condition in about_tracks(deleted_tracks, tracks):
        for row in connection.execute(select(deleted_tracks).where(condition)).mappings():
            key = (row["stream_id"], row["session"], row["track_id"])
            found[key].append(DeletedTrack(row["seq"], row["what"], row["from_us"], row["until_us"]))
    return found


def has_ended(connection: Connection, track: DeletedTrack, event: Event) -> None:
    """A track that was in view when it was deleted ends with that event: its number may be another's from then on."""
    if track.until_us is not None:
        return
    track.until_us = event.pts_us
    query = update(deleted_tracks).where(deleted_tracks.c.seq == track.seq)
    connection.execute(query.values(until_us=event.pts_us))


def forget_old(connection: Connection, now_ns: int) -> None:
    """Drop tombstones that have outlived what they guard against."""
    for table in (deleted_events, deleted_tracks):
        connection.execute(delete(table).where(table.c.deleted_ns < now_ns - KEPT_NS))
    connection.execute(delete(erased_people).where(erased_people.c.erased_ns < now_ns - KEPT_NS))
