"""Writing events, and taking them away, in the caller's transaction. Any thread; blocks."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from monitoring.core.contracts import Outgoing
from monitoring.store.tables import event_counts, event_hours, events, outbox
from workers.bus.event import EVENT_SCHEMA, Event
from workers.bus.message_bus import EVENTS
from workers.database.database import MANY_ROWS
from workers.database.dialects import upsert

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_MOST_IDS = 500
_LONGEST = 200
_COARSE = ("hour", "kind", "stream_id")
_FINE = (*_COARSE, "label", "zone")
_COUNTED_IN = ((event_hours, _COARSE), (event_counts, _FINE))


def outgoing_event(event: Event) -> Outgoing:
    """An event as it is published."""
    return Outgoing(EVENTS, event.stream_id, EVENT_SCHEMA, event.to_json().decode())


def known_ids(connection: Connection, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of `ids` that are stored."""
    wanted = list(ids)
    found: set[uuid.UUID] = set()
    for at in range(0, len(wanted), _MOST_IDS):
        found.update(connection.scalars(select(events.c.id).where(events.c.id.in_(wanted[at : at + _MOST_IDS]))))
    return found


def add_events(
    connection: Connection, happened: Iterable[Event], is_stored: Callable[[Event], bool] | None = None
) -> list[Event]:
    """Store what is not there yet, count it, and return that, in order. The same event twice is stored once.

    is_stored: of which no row is wanted nothing is written or counted; they are returned all the same, and known of
    within the one call only.
    """
    by_id = {event.id: event for event in happened}
    known = known_ids(connection, by_id)
    fresh = [event for event in by_id.values() if event.id not in known]
    wanted = fresh if is_stored is None else [event for event in fresh if is_stored(event)]
    if wanted:
        connection.execute(events.insert(), [_row(event) for event in wanted])
        _count(connection, wanted)
    return fresh


def remove_events(connection: Connection, stored: Sequence[Event]) -> None:
    """Take stored events away again, out of the counts too, and out of the outbox where they wait for Kafka."""
    if not stored:
        return
    ids = [event.id for event in stored]
    for at in range(0, len(ids), _MOST_IDS):
        connection.execute(delete(events).where(events.c.id.in_(ids[at : at + _MOST_IDS])))
    for table, names in _COUNTED_IN:
        for key, number in _counts(stored, names):
            same = [table.c[name] == value for name, value in zip(names, key, strict=True)]
            connection.execute(update(table).where(*same).values(count=table.c.count - number))
            connection.execute(delete(table).where(*same, table.c.count <= 0))
    withdraw(connection, {event.stream_id for event in stored}, set(ids))


def withdraw(connection: Connection, streams: Collection[str], ids: Collection[uuid.UUID]) -> None:
    """Take these events of these streams out of the outbox."""
    waiting = select(outbox.c.seq, outbox.c.body).where(outbox.c.topic == EVENTS, outbox.c.key.in_(streams))
    gone = []
    with connection.execute(waiting, execution_options=MANY_ROWS) as rows:
        for seq, body in rows:
            if Event.model_validate_json(body).id in ids:
                gone.append(seq)
    for at in range(0, len(gone), _MOST_IDS):
        connection.execute(delete(outbox).where(outbox.c.seq.in_(gone[at : at + _MOST_IDS])))


def add_outgoing(connection: Connection, messages: Sequence[Outgoing]) -> None:
    """Add messages to the outbox: they stay there until the broker has confirmed them."""
    if messages:
        rows = [{"topic": one.topic, "key": one.key, "schema": one.schema, "body": one.body} for one in messages]
        connection.execute(outbox.insert(), rows)


def _row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": event.kind,
        "stream_id": event.stream_id,
        "session": event.session,
        "captured_at_ns": event.captured_at_ns,
        "track_id": event.track_id,
        "label": _short(event.label),
        "confidence": event.confidence,
        "zone": event.zone,
        "line": event.line,
        "direction": event.direction,
        "person": _short(event.person),
        "rule": event.rule,
        "severity": event.severity,
        "body": event.to_json().decode(),
    }


def _short(text: str | None) -> str | None:
    """For finding it: as long as the column, and without NUL, which PostgreSQL refuses. The body has it whole."""
    return None if text is None else text.replace("\0", "")[:_LONGEST]


def _count(connection: Connection, fresh: Sequence[Event]) -> None:
    for table, names in _COUNTED_IN:
        rows = [{**dict(zip(names, key, strict=True)), "count": number} for key, number in _counts(fresh, names)]
        upsert(connection, table, rows, add="count")


def _counts(happened: Sequence[Event], names: Sequence[str]) -> list[tuple[tuple[int | str, ...], int]]:
    """Sorted: two writers that lock the same rows in the same order do not wait for each other for ever."""
    return sorted(Counter(tuple(_counted(event)[name] for name in names) for event in happened).items())


def _counted(event: Event) -> dict[str, int | str]:
    return {
        "hour": event.captured_at_ns // HOUR_NS,
        "kind": event.kind,
        "stream_id": event.stream_id,
        "label": _short(event.label) or "",
        "zone": event.zone or "",
    }
