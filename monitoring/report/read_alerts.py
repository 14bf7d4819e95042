"""Reads the alerts of a report, with their images and undelivered messages. Any thread; blocks."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from monitoring.alerts.tables import alerts, deliveries
from monitoring.report.report_data import ReportedAlert, ReportSubject
from monitoring.store.media import MediaStore, Track, of_tracks, track_of
from workers.bus.event import Event

MAX_ALERTS = 50
_MAX_IMAGES = 12
_MAX_IMAGE_BYTES = 100_000


def count_alerts(connection: Connection, subject: ReportSubject) -> Mapping[tuple[str, str], int]:
    """How many alerts were raised, by rule and severity, the most frequent first."""
    query = (
        select(alerts.c.rule, alerts.c.severity, func.count())
        .where(*subject.conditions(alerts.c.captured_at_ns, alerts.c.stream_id))
        .group_by(alerts.c.rule, alerts.c.severity)
    )
    found = {(rule, severity): count for rule, severity, count in connection.execute(query)}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def read_alerts(connection: Connection, media: MediaStore, subject: ReportSubject) -> Sequence[ReportedAlert]:
    """The newest `MAX_ALERTS`."""
    query = (
        select(alerts)
        .where(*subject.conditions(alerts.c.captured_at_ns, alerts.c.stream_id))
        .order_by(alerts.c.captured_at_ns.desc(), alerts.c.seq.desc())
        .limit(MAX_ALERTS)
    )
    rows = connection.execute(query).mappings().all()
    undelivered = _undelivered(connection, [row["id"] for row in rows])
    events = [_told(Event.model_validate_json(row["body"]), subject) for row in rows]
    images = _images(connection, media, [event for event in events if event.stream_id in subject.pictures])
    return [
        ReportedAlert(
            event,
            row["ended_at_ns"],
            row["acknowledged_by"],
            undelivered.get((row["id"], "waiting"), ()),
            undelivered.get((row["id"], "given_up"), ()),
            images.get(event.id),
        )
        for row, event in zip(rows, events, strict=True)
    ]


def _told(event: Event, subject: ReportSubject) -> Event:
    """With the names that the reader may be told."""
    return event.model_copy(update={"text": subject.told.text(event.stream_id, event.text)})


def _undelivered(connection: Connection, ids: Sequence[uuid.UUID]) -> Mapping[tuple[uuid.UUID, str], Sequence[str]]:
    """Targets by alert and state."""
    found: defaultdict[tuple[uuid.UUID, str], list[str]] = defaultdict(list)
    query = select(deliveries.c.alert_id, deliveries.c.state, deliveries.c.target).where(
        deliveries.c.alert_id.in_(ids), deliveries.c.state != "delivered"
    )
    for alert_id, state, target in connection.execute(query.distinct()):
        found[alert_id, state].append(target)
    return found


def _images(connection: Connection, media: MediaStore, events: Sequence[Event]) -> Mapping[uuid.UUID, bytes]:
    """The crops of the newest alerts about tracks, where the file still exists."""
    tracks: dict[uuid.UUID, Track] = {
        event.id: (event.stream_id, event.session, event.track_id) for event in events if event.track_id is not None
    }
    rows = {track_of(row): row for row in of_tracks(connection, set(tracks.values())) if row["kind"] == "crop"}
    found: dict[uuid.UUID, bytes] = {}
    for event in events:
        row = rows.get(tracks[event.id]) if event.id in tracks else None
        if row is None or row["media_type"] != "image/jpeg" or row["bytes"] > _MAX_IMAGE_BYTES:
            continue
        if len(found) == _MAX_IMAGES:
            break
        try:
            found[event.id] = media.path(row).read_bytes()
        except OSError:
            continue
    return found
