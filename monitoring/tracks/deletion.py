"""Deleting tracks: the one place where rows, their tags and their images go. Any thread; blocks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, select

from monitoring.store.media import Track, about_tracks
from monitoring.store.retention import Deleted
from monitoring.store.tables import media
from monitoring.tracks.tables import tracks


@dataclass(frozen=True, slots=True)
class _Gone:
    """What is to go: numbers of rows, and whose images."""

    numbers: list[int]
    keys: list[Track]


def delete_tracks_before(connection: Connection, before_ns: int, most: int) -> Deleted:
    """Delete tracks that began before that time, the oldest first, `most` at most."""
    return delete_tracks(connection, tracks.c.captured_at_ns < before_ns, most)


def delete_tracks(connection: Connection, condition: ColumnElement[bool], most: int) -> Deleted:
    """Delete tracks that meet a condition on `tracks`, the oldest first, `most` at most.

    Their tags go with them (by the foreign key), their images unless another row has the same stream, session and
    number. The files are to be unlinked once the transaction is committed. Events are not touched.
    """
    gone = _chosen(connection, condition, most)
    if not gone.numbers:
        return Deleted(0, [])
    connection.execute(delete(tracks).where(tracks.c.seq.in_(gone.numbers)))
    kept = exists().where(
        tracks.c.session == media.c.session,
        tracks.c.track_id == media.c.track_id,
        tracks.c.stream_id == media.c.stream_id,
    )
    paths: list[str] = []
    for condition in about_tracks(media, gone.keys):
        files = connection.execute(select(media.c.id, media.c.path).where(condition, ~kept)).all()
        connection.execute(delete(media).where(media.c.id.in_([file.id for file in files])))
        paths += [file.path for file in files]
    return Deleted(len(gone.numbers), paths)


def _chosen(connection: Connection, condition: ColumnElement[bool], most: int) -> _Gone:
    query = select(tracks.c.seq, tracks.c.stream_id, tracks.c.session, tracks.c.track_id).where(condition)
    rows = connection.execute(query.order_by(tracks.c.captured_at_ns).limit(most)).all()
    return _Gone([row.seq for row in rows], [(row.stream_id, row.session, row.track_id) for row in rows])
