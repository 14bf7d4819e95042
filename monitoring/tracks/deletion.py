"""Deleting tracks: the one place where rows, their tags and their images go. Any thread; blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, select

from monitoring.store.media import Deleted, Track, about_tracks
from monitoring.store.tables import media
from monitoring.tracks.tables import tracks


@dataclass(frozen=True, slots=True)
class _Gone:
    """What is to go: numbers of rows, and whose images."""

    numbers: list[int]
    keys: list[Track]


def delete_tracks(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], most: int, *, with_images: bool = True
) -> Deleted:
    """Delete tracks that meet conditions on `tracks`, the oldest first, `most` at most.

    Their tags go with them (by the foreign key), and if wanted their images unless another row has the same stream,
    session and number. The files are to be unlinked once the transaction is committed. Events are not touched.
    """
    gone = _chosen(connection, conditions, most)
    if not gone.numbers:
        return Deleted(0, [])
    connection.execute(delete(tracks).where(tracks.c.seq.in_(gone.numbers)))
    if not with_images:
        return Deleted(len(gone.numbers), [])
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


def _chosen(connection: Connection, conditions: Sequence[ColumnElement[bool]], most: int) -> _Gone:
    query = select(tracks.c.seq, tracks.c.stream_id, tracks.c.session, tracks.c.track_id).where(*conditions)
    rows = connection.execute(query.order_by(tracks.c.captured_at_ns).limit(most)).all()
    return _Gone([row.seq for row in rows], [(row.stream_id, row.session, row.track_id) for row in rows])
