"""Takes people out of what is stored: events, tracks, alerts and what waits to be sent. Pure, or in a transaction.

Whatever shape the stored JSON has: an `identity` of such a person goes as a whole, an id that stands alone becomes
null, and one within a text is replaced by words.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, or_, select, update

from monitoring.alerts.tables import alerts, deliveries
from monitoring.captions.stored_captions import captions, without_people
from monitoring.store.media import about_tracks
from monitoring.store.tables import events, handler_states, outbox
from monitoring.tracks.record import read_record
from monitoring.tracks.rows import TrackRow, drop_tags, key_of, row_at, rows_of, update_rows
from monitoring.tracks.tables import tracks
from workers.bus.event import Event

NOBODY: Final = "somebody"
"""What a text says in place of an id."""

_GONE = object()


def without(value: Any, ids: Collection[str]) -> Any:
    """A JSON value without these people."""
    found = _without(value, ids)
    return None if found is _GONE else found


def stripped(event: Event, ids: Collection[str]) -> Event:
    """The event without these people; the same object where they are not in it."""
    body = event.model_dump(mode="json", by_alias=True)
    left = without(body, ids)
    return event if left == body else Event.model_validate(left)


def strip_track(connection: Connection, track_id: uuid.UUID, ids: Collection[str]) -> list[uuid.UUID]:
    """Take these people off one track and its events; the ids of the events that carried them."""
    row, happened = _track(connection, track_id)
    if row is None:
        return []
    changed = [event for event in happened if stripped(event, ids) is not event]
    for event in changed:
        _rewrite(connection, event.id, stripped(event, ids))
    _retell(connection, row, lambda body: without(body, ids))
    return [event.id for event in changed]


def put_back(connection: Connection, track_id: uuid.UUID, person: str, ids: Sequence[uuid.UUID]) -> None:
    """Undo `strip_track` of one person: these events carry them again."""
    row, happened = _track(connection, track_id)
    if row is None:
        return
    for event in happened:
        if event.id in ids and event.person is None:
            _rewrite(connection, event.id, event.model_copy(update={"person": person}))
    _retell(connection, row, lambda body: {**body, "person": person})


def _track(connection: Connection, track_id: uuid.UUID) -> tuple[TrackRow | None, list[Event]]:
    """A track's row, locked, and the events about it."""
    body = connection.scalar(select(tracks.c.body).where(tracks.c.id == track_id))
    if body is None:
        return None, []
    record = read_record(body)
    key = (record.stream_id, record.session, record.track_id)
    rows = rows_of(connection, {key})[key]
    row = next((one for one in rows if one.record.id == track_id), None)
    found = [
        Event.model_validate_json(stored)
        for condition in about_tracks(events, {key})
        for stored in connection.scalars(select(events.c.body).where(condition))
    ]
    return row, [one for one in found if key_of(one) == key and row_at(rows, one) is row]


def _retell(connection: Connection, row: TrackRow, change: Callable[[Any], Any]) -> None:
    row.record = read_record(json.dumps(change(json.loads(row.record.to_json()))))
    update_rows(connection, [row])
    drop_tags(connection, row)


def _rewrite(connection: Connection, event_id: uuid.UUID, event: Event) -> None:
    """Store an event anew, wherever it is stored: as an alert, and where it waits to be sent, too."""
    body = event.to_json().decode()
    connection.execute(update(events).where(events.c.id == event_id).values(person=event.person, body=body))
    connection.execute(update(alerts).where(alerts.c.id == event_id).values(body=body))
    connection.execute(update(deliveries).where(deliveries.c.notice_id == event_id).values(body=body))
    itself = f'"id":"{event_id}"'  # an alert has the id of the event that brought it about, too, as its cause
    waiting = select(outbox.c.seq).where(outbox.c.body.contains(itself))
    for seq in connection.scalars(waiting).all():
        connection.execute(update(outbox).where(outbox.c.seq == seq).values(body=body))


def strip_bodies(connection: Connection, ids: Collection[str]) -> int:
    """Take these people out of all other JSON that is stored, by looking at all of it; how many rows changed."""
    return _strip_captions(connection, ids) + sum(
        _strip_table(connection, table, column, ids)
        for table, column in (
            (alerts, "body"),
            (deliveries, "body"),
            (outbox, "body"),
            (handler_states, "state"),
        )
    )


def _strip_table(connection: Connection, table: Table, column: str, ids: Collection[str]) -> int:
    keys = list(table.primary_key)
    body = table.c[column]
    wanted = or_(*(body.contains(one, autoescape=True) for one in ids))
    rows = connection.execute(select(*keys, body.label("_body")).where(wanted)).mappings().all()
    for row in rows:
        same = [key == row[key.name] for key in keys]
        left = json.dumps(without(json.loads(row["_body"]), ids), ensure_ascii=False, separators=(",", ":"))
        connection.execute(update(table).where(*same).values({column: left}))
    return len(rows)


def _strip_captions(connection: Connection, ids: Collection[str]) -> int:
    """Captions mention people as `{person:ID}`, and have no other place for an id."""
    wanted = or_(*(captions.c.body.contains(one, autoescape=True) for one in ids))
    rows = connection.execute(select(captions.c.seq, captions.c.body).where(wanted)).all()
    for seq, body in rows:
        connection.execute(update(captions).where(captions.c.seq == seq).values(body=without_people(body, ids)))
    return len(rows)


def _without(value: Any, ids: Collection[str]) -> Any:
    if isinstance(value, str):
        return _text_without(value, ids)
    if isinstance(value, list):
        found = [_without(one, ids) for one in value]
        return [one for one in found if one is not _GONE]
    if not isinstance(value, dict):
        return value
    if value.get("person") in ids and "similarity" in value:
        return _GONE
    left = {name: _without(one, ids) for name, one in value.items() if name not in ids}
    return {name: None if one is _GONE else one for name, one in left.items()}


def _text_without(text: str, ids: Collection[str]) -> Any:
    for one in ids:
        if text == one:
            return _GONE
        for named in (f"{{person:{one}}}", one):
            if text.startswith(named):
                text = NOBODY.capitalize() + text[len(named) :]
            text = text.replace(named, NOBODY)
    return text
