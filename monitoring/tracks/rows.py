"""Rows of tracks: read, told anew from stored events, written, in the caller's transaction. Any thread; blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from monitoring.store.media import Track, about_tracks
from monitoring.store.tables import events
from monitoring.tracks.record import Tag, TrackRecord, read_record
from monitoring.tracks.tables import track_tags, tracks
from workers.bus.event import Event
from workers.database.dialects import insert_into

_LONGEST = 200


@dataclass(slots=True)
class TrackRow:
    """A record and its row: `seq` None before it has one; `tags`: those that are stored."""

    record: TrackRecord
    seq: int | None = None
    tags: set[Tag] = field(default_factory=set)


Rows = defaultdict[Track, list[TrackRow]]
"""The rows of a stream's session and number in order: a number is given again when a track comes back after its end."""


def key_of(event: Event) -> Track:
    """The track that an event is about."""
    return event.stream_id, event.session, event.track_id


def rows_of(connection: Connection, keys: Collection[Track]) -> Rows:
    """The rows of these tracks, locked until the transaction ends."""
    found: Rows = defaultdict(list)
    for condition in about_tracks(tracks, keys):
        query = select(tracks.c.seq, tracks.c.body).where(condition).order_by(tracks.c.pts_us)
        for seq, body in connection.execute(query.with_for_update()):
            row = _stored(seq, body)
            key = (row.record.stream_id, row.record.session, row.record.track_id)
            if key in keys:
                found[key].append(row)
    return found


def open_rows(connection: Connection, streams: Collection[str]) -> list[TrackRow]:
    """The rows of tracks of these streams that have not ended, locked until the transaction ends."""
    query = select(tracks.c.seq, tracks.c.body).where(tracks.c.ended_at_ns.is_(None), tracks.c.stream_id.in_(streams))
    return [_stored(seq, body) for seq, body in connection.execute(query.with_for_update())]


def told(connection: Connection, keys: Collection[Track]) -> Rows:
    """The records of these tracks as their stored events tell them, without rows."""
    found: Rows = defaultdict(list)
    happened = [
        Event.model_validate_json(body)
        for condition in about_tracks(events, keys)
        for body in connection.scalars(select(events.c.body).where(condition).order_by(events.c.seq))
    ]
    about = [event for event in happened if key_of(event) in keys]
    for event in sorted(about, key=lambda event: event.pts_us):  # stable: of one frame in the order of storing
        if event.kind == "track_began":
            found[key_of(event)].append(TrackRow(TrackRecord.begun(event)))
    for event in about:
        row = row_at(found[key_of(event)], event)
        if row is not None:
            row.record.add(event)
    return found


def row_at(rows: Sequence[TrackRow], event: Event) -> TrackRow | None:
    """Which of a number's rows an event is about: the last that had begun by then."""
    begun = [row for row in rows if row.record.pts_us <= event.pts_us]
    return begun[-1] if begun else None


def insert_rows(connection: Connection, rows: Sequence[TrackRow], *, replace: bool) -> None:
    """Write rows that have no number yet. replace: what another has written meanwhile; else that stays."""
    if not rows:
        return
    statement = insert_into(connection, tracks)
    values = [_columns(row.record) for row in rows]
    if replace:
        changed = {name: statement.excluded[name] for name in values[0] if name != "id"}
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), values)
    else:
        ids = [row.record.id for row in rows]
        known = set(connection.scalars(select(tracks.c.id).where(tracks.c.id.in_(ids))))
        rows = [row for row in rows if row.record.id not in known]
        if not rows:
            return
        fresh = [_columns(row.record) for row in rows]
        connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]), fresh)
    numbers = connection.execute(
        select(tracks.c.id, tracks.c.seq).where(tracks.c.id.in_([row.record.id for row in rows]))
    )
    by_id = {track_id: seq for track_id, seq in numbers}
    for row in rows:
        row.seq = by_id[row.record.id]
    _add_tags(connection, rows)


def update_rows(connection: Connection, rows: Sequence[TrackRow]) -> None:
    """Write rows that are there."""
    if not rows:
        return
    names = ("ended_at_ns", "duration_s", "confidence", "alerts", "body")
    statement = update(tracks).where(tracks.c.seq == bindparam("at_seq"))
    values = [{**_columns(row.record), "at_seq": row.seq} for row in rows]
    changes = [{name: one[name] for name in (*names, "at_seq")} for one in values]
    connection.execute(statement.values({name: bindparam(name) for name in names}), changes)
    _add_tags(connection, rows)


def delete_rows(connection: Connection, rows: Sequence[TrackRow]) -> None:
    """Take rows away, and their tags by the foreign key."""
    numbers = [row.seq for row in rows]
    if numbers:
        connection.execute(delete(tracks).where(tracks.c.seq.in_(numbers)))


def drop_tags(connection: Connection, row: TrackRow) -> None:
    """Take away the tags that the record has no longer."""
    current = {(name, tag_value(value)) for name, value in row.record.tags}
    for name, value in row.tags - current:
        same = (track_tags.c.track_seq == row.seq, track_tags.c.name == name, track_tags.c.value == value)
        connection.execute(delete(track_tags).where(*same))


def _add_tags(connection: Connection, rows: Sequence[TrackRow]) -> None:
    fresh = [
        {
            "name": name,
            "value": value,
            "captured_at_ns": row.record.captured_at_ns,
            "track_seq": row.seq,
            "stream_id": row.record.stream_id,
        }
        for row in rows
        for name, value in sorted({(name, tag_value(value)) for name, value in row.record.tags} - row.tags)
    ]
    if fresh:
        connection.execute(insert_into(connection, track_tags).on_conflict_do_nothing(), fresh)


def tag_value(text: str) -> str:
    """As long as the column, and without NUL, which PostgreSQL refuses. The record has it whole."""
    return text.replace("\0", "")[:_LONGEST]


def _stored(seq: int, body: str) -> TrackRow:
    record = read_record(body)
    return TrackRow(record, seq, {(name, tag_value(value)) for name, value in record.tags})


def _columns(record: TrackRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "stream_id": record.stream_id,
        "session": record.session,
        "track_id": record.track_id,
        "pts_us": record.pts_us,
        "captured_at_ns": record.captured_at_ns,
        "ended_at_ns": record.ended_at_ns,
        "duration_s": record.duration_s,
        "confidence": record.confidence,
        "alerts": len(record.alerts),
        "body": record.to_json(),
    }
