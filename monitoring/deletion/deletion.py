"""Deletes a track, an event, a clip, the images of a track, and what belongs to each. Any thread; blocks.

Each function is one transaction's work, the first in it, and leaves tombstones, so that nothing of it comes back. The
caller commits, unlinks the files and scrubs the database (service.py).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, select, update

from monitoring.alerts.tables import alerts
from monitoring.core.errors import MediaUnknown, TrackUnknown
from monitoring.deletion.files import remove_boxes, remove_files_of_events, remove_images
from monitoring.deletion.redaction import CLIP_DELETED, ends_of, redact_alerts, redact_ends
from monitoring.store.media import Track, track_of
from monitoring.store.query import event_of
from monitoring.store.tables import events, media
from monitoring.store.tombstones import begin_deletion, bury_events, bury_track
from monitoring.store.visible import visible
from monitoring.store.writes import remove_events
from monitoring.tracks.deletion import delete_tracks
from monitoring.tracks.record import LOST, TrackRecord
from monitoring.tracks.rows import TrackRow, drop_tags, key_of, row_at, rows_of, update_rows
from monitoring.tracks.tables import tracks
from workers.access.principal import StreamScope
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class Removed:
    """What is gone, and what changed with it. `paths`: of files, to be unlinked once it is committed."""

    stream_id: str
    paths: list[str]
    tracks: list[uuid.UUID] = field(default_factory=list)
    events: list[uuid.UUID] = field(default_factory=list)
    changed: list[TrackRecord] = field(default_factory=list)


def erase_track(connection: Connection, track_id: uuid.UUID, scope: StreamScope) -> Removed:
    """Delete a track of a stream in the scope: its row, events, images and clips; its alerts are redacted.

    Raises TrackUnknown.
    """
    begin_deletion(connection)
    where = (tracks.c.id == track_id, *visible(tracks.c.stream_id, scope))
    found = connection.execute(select(tracks.c.stream_id, tracks.c.session, tracks.c.track_id).where(*where)).first()
    if found is None:
        raise TrackUnknown(f"there is no track {track_id}, or it was deleted")
    key: Track = (found.stream_id, found.session, found.track_id)
    rows = rows_of(connection, {key})[key]
    at = next(number for number, row in enumerate(rows) if row.record.id == track_id)
    return _delete_row(connection, rows[at], rows[at + 1 : at + 2])


def erase_event(connection: Connection, event_id: uuid.UUID, scope: StreamScope) -> Removed:
    """Delete an event of a stream in the scope; the track that begins with it goes with it. Raises EventUnknown.

    An alert's end and clip go with the alert, which stays in the list of alerts, redacted.
    """
    begin_deletion(connection)
    event = Event.model_validate_json(event_of(connection, event_id, scope)["body"])
    if event.kind == "track_began" and _has_row(connection, event.id):
        return erase_track(connection, event.id, scope)
    ends = ends_of(connection, {event.id}) if event.kind == "alert" else []
    gone = [event, *ends]
    if event.kind == "alert":
        redact_alerts(connection, {event.id})
    redact_ends(connection, {one.id for one in gone if one.kind == "alert_ended"})
    remove_events(connection, gone)
    bury_events(connection, [one.id for one in gone], time.time_ns())
    paths = remove_files_of_events(connection, {event.id})
    return Removed(event.stream_id, paths, events=[one.id for one in gone], changed=_retold(connection, event))


def erase_clip(connection: Connection, number: int, scope: StreamScope) -> Removed:
    """Delete the clip of an alert on a stream in the scope, and what lies beside it. Raises MediaUnknown."""
    begin_deletion(connection)
    row = _file(connection, "clip", ("clip",), number, scope)
    paths = remove_files_of_events(connection, {row["event_id"]})
    left = {"clip": "none", "clip_why": CLIP_DELETED}
    connection.execute(update(alerts).where(alerts.c.id == row["event_id"]).values(left))
    return Removed(row["stream_id"], paths)


def erase_images(connection: Connection, number: int, scope: StreamScope) -> Removed:
    """Delete both images of a track on a stream in the scope, for one is cut out of the other. Raises MediaUnknown.

    The track gets no others.
    """
    begin_deletion(connection)
    row = _file(connection, "snapshot", ("crop", "picture"), number, scope)
    key = track_of(row)
    rows = [one for one in rows_of(connection, {key})[key] if one.record.pts_us <= row["pts_us"]][-1:]
    times_us = (0, None) if not rows else (rows[0].record.pts_us, _until_us(rows[0].record, [], None))
    bury_track(connection, key, "images", times_us, time.time_ns())
    paths = remove_images(connection, key, times_us)
    return Removed(row["stream_id"], paths, changed=[one.record for one in rows])


def _delete_row(connection: Connection, row: TrackRow, following: Sequence[TrackRow]) -> Removed:
    """following: the row of the track that the same number was given to next, if it was."""
    record, now_ns = row.record, time.time_ns()
    next_us = following[0].record.pts_us if following else None
    happened = _events_of(connection, record, next_us)
    raised = {one.id for one in happened if one.kind == "alert"} | {one.id for one in record.alerts}
    ends = ends_of(connection, raised)
    until_us = _until_us(record, happened, next_us)
    key: Track = (record.stream_id, record.session, record.track_id)
    redact_alerts(connection, raised)
    remove_events(connection, [*happened, *ends])
    bury_events(connection, [*sorted(raised), *(one.id for one in ends)], now_ns)
    bury_track(connection, key, "track", (record.pts_us, until_us), now_ns)
    gone = [one.id for one in (*happened, *ends)]
    paths = remove_files_of_events(connection, {*gone, *raised})
    paths += remove_images(connection, key, (record.pts_us, until_us))
    paths += delete_tracks(connection, [tracks.c.seq == row.seq], 1).paths
    remove_boxes(connection, record)
    return Removed(record.stream_id, paths, tracks=[record.id], events=gone)


def _until_us(record: TrackRecord, happened: Sequence[Event], next_us: int | None) -> int | None:
    """The last frame of a track: its alerts may be of a later one than its end. None while it is in view."""
    if next_us is not None:
        return next_us - 1
    if record.ended_at_ns is None or record.reason == LOST or record.duration_s is None:
        return None
    return max(record.pts_us + round(record.duration_s * 1e6), *(one.pts_us for one in happened), 0)


def _events_of(connection: Connection, record: TrackRecord, next_us: int | None) -> list[Event]:
    """The events of a track: those of its number from its beginning until the number was given again."""
    number = (events.c.session == record.session, events.c.track_id == record.track_id)
    query = select(events.c.body).where(*number, events.c.stream_id == record.stream_id)
    query = query.with_hint(events, "INDEXED BY ix_events_session", "sqlite")
    query = query.order_by(events.c.captured_at_ns, events.c.seq)
    found = [Event.model_validate_json(body) for body in connection.scalars(query)]
    return [one for one in found if record.pts_us <= one.pts_us and (next_us is None or one.pts_us < next_us)]


def _has_row(connection: Connection, track_id: uuid.UUID) -> bool:
    return connection.execute(select(tracks.c.seq).where(tracks.c.id == track_id)).first() is not None


def _retold(connection: Connection, event: Event) -> list[TrackRecord]:
    """Take a deleted event out of what its track's row tells; the record, if there is one."""
    if event.track_id is None:
        return []
    known = rows_of(connection, {key_of(event)})[key_of(event)]
    row = row_at(known, event)
    if row is None:
        return []
    following = [one.record.pts_us for one in known if one.record.pts_us > row.record.pts_us]
    others = _events_of(connection, row.record, min(following, default=None))
    row.record.remove(event, [one for one in others if one.zone == event.zone and one.kind.startswith("zone_")])
    update_rows(connection, [row])
    drop_tags(connection, row)
    return [row.record]


def _file(connection: Connection, what: str, kinds: Sequence[str], number: int, scope: StreamScope) -> RowMapping:
    seen = visible(media.c.stream_id, scope)
    found = select(media).where(media.c.id == number, media.c.kind.in_(kinds), *seen)
    row = connection.execute(found).mappings().first()
    if row is None:
        raise MediaUnknown(f"there is no {what} {number}, or it was deleted")
    return row
