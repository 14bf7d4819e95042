"""What stays of an alert when that which it was about is deleted: rule, camera, severity and times. Blocks.

An alert's history is the operator's, whom it was about is not: text, label, person, box, image, clip and note go.
In the caller's transaction; any thread.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, Connection, select, update

from monitoring.alerts.alert_writer import DELETED
from monitoring.alerts.tables import alerts, deliveries
from monitoring.store.tables import events
from workers.bus.event import Event

TEXT: Final = "What this alert was about has been deleted."
CLIP_DELETED: Final = "the clip was deleted"
_KEPT = ("id", "kind", "stream_id", "session", "pts_us", "captured_at_ns", "rule", "severity", "duration_s", "node")


def redacted(event: Event) -> Event:
    """The same alert, or end of one, without what it was about."""
    cause = event.cause if event.kind == "alert_ended" else None  # of an end: the alert
    kept = {name: getattr(event, name) for name in _KEPT}
    return Event(**kept, cause=cause, reason=DELETED, text=TEXT)


def ends_of(connection: Connection, ids: Collection[uuid.UUID]) -> list[Event]:
    """The stored events that say that these alerts ended."""
    found: list[Event] = []
    ended = select(alerts.c.stream_id, alerts.c.ended_at_ns).where(alerts.c.id.in_(ids))
    for stream_id, ended_ns in connection.execute(ended).all():
        same = (events.c.kind == "alert_ended", events.c.captured_at_ns == ended_ns, events.c.stream_id == stream_id)
        bodies = connection.scalars(select(events.c.body).where(*same))
        found += [one for one in map(Event.model_validate_json, bodies) if one.cause in ids]
    return list({event.id: event for event in found}.values())


def redact_alerts(connection: Connection, ids: Collection[uuid.UUID]) -> None:
    """Redact these alerts and the messages about them; those that wait are still sent, with what is left."""
    rows = connection.execute(select(alerts.c.seq, alerts.c.body).where(alerts.c.id.in_(ids))).all()
    for seq, body in rows:
        left = {"body": _redacted(body), "note": None, "clip": "none", "clip_why": CLIP_DELETED}
        connection.execute(update(alerts).where(alerts.c.seq == seq).values(left))
    _redact_messages(connection, deliveries.c.alert_id.in_(ids))


def redact_ends(connection: Connection, ids: Collection[uuid.UUID]) -> None:
    """Redact the messages that tell of these ends of alerts."""
    _redact_messages(connection, deliveries.c.notice_id.in_(ids))


def _redact_messages(connection: Connection, which: ColumnElement[bool]) -> None:
    for seq, body in connection.execute(select(deliveries.c.seq, deliveries.c.body).where(which)).all():
        left = {"body": _redacted(body)}
        connection.execute(update(deliveries).where(deliveries.c.seq == seq).values(left))


def _redacted(body: str) -> str:
    return redacted(Event.model_validate_json(body)).to_json().decode()
