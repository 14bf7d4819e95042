"""Takes away rows of files, and a track's box from pictures of others. In the caller's transaction; blocks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, select, update

from monitoring.store.media import Track
from monitoring.store.overlay import KeptBoxes
from monitoring.store.tables import media
from monitoring.tracks.record import TrackRecord

IMAGES = ("crop", "picture")
_MOST_IDS = 500


def remove_files(connection: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    """Delete the rows of files; returns the paths, which are to be unlinked once that is committed."""
    rows = connection.execute(select(media.c.id, media.c.path).where(*conditions)).all()
    for at in range(0, len(rows), _MOST_IDS):
        connection.execute(delete(media).where(media.c.id.in_([row.id for row in rows[at : at + _MOST_IDS]])))
    return [row.path for row in rows]


def remove_files_of_events(connection: Connection, ids: Collection[uuid.UUID]) -> list[str]:
    """Delete the rows of these events' files: clips, and what lies beside them. As `remove_files`."""
    wanted = list(ids)
    parts = [wanted[at : at + _MOST_IDS] for at in range(0, len(wanted), _MOST_IDS)]
    return [path for part in parts for path in remove_files(connection, media.c.event_id.in_(part))]


def remove_images(connection: Connection, track: Track, times_us: tuple[int, int | None]) -> list[str]:
    """Delete the rows of a track's images of these frames. As `remove_files`."""
    from_us, until_us = times_us
    conditions = [*_of_track(track), media.c.kind.in_(IMAGES), media.c.pts_us >= from_us]
    if until_us is not None:
        conditions.append(media.c.pts_us <= until_us)
    return remove_files(connection, *conditions)


def remove_boxes(connection: Connection, record: TrackRecord) -> None:
    """Forget the box of a deleted track in the pictures of other tracks, which show it all the same."""
    ended_ns = time.time_ns() if record.ended_at_ns is None else record.ended_at_ns
    query = (
        select(media.c.id, media.c.boxes)
        .where(
            media.c.captured_at_ns.between(record.captured_at_ns, ended_ns),
            media.c.stream_id == record.stream_id,
            media.c.session == record.session,
            media.c.boxes.like(f'%"track_id":{record.track_id},%'),
        )
        .with_hint(media, "INDEXED BY ix_media_captured_at_ns", "sqlite")
    )
    for number, boxes in connection.execute(query).all():
        kept = KeptBoxes.model_validate_json(boxes)
        others = tuple(one for one in kept.others if one.track_id != record.track_id)
        left = kept.model_copy(update={"others": others}).model_dump_json()
        connection.execute(update(media).where(media.c.id == number).values(boxes=left))


def _of_track(track: Track) -> list[ColumnElement[bool]]:
    stream_id, session, number = track
    return [media.c.stream_id == stream_id, media.c.session == session, media.c.track_id == number]
