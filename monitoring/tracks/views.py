"""Tracks as HTTP shows them. Pure, except `track_views` and `track_detail`, which read the database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, RowMapping, select

from monitoring.alerts.tables import alerts
from monitoring.core.telling import Telling
from monitoring.store.event_views import StoredEvent, shown_events
from monitoring.store.media import of_tracks, track_of
from monitoring.store.tables import events
from monitoring.tracks.caption import track_caption
from monitoring.tracks.record import TrackAlert, TrackRecord
from monitoring.tracks.tables import tracks
from workers.captions.caption import Caption

_MOST_EVENTS = 500


class TrackLabel(BaseModel):
    """A label that a track had. `until_ns`: null for the last one."""

    label: str
    since_ns: int
    until_ns: int | None


class TrackPerson(BaseModel):
    """Somebody that a track was taken for. `until_ns`: null while it is, or was at its end."""

    model_config = ConfigDict(allow_inf_nan=False)

    person: str
    similarity: float | None = Field(description="The highest, to the face that was enrolled.")
    since_ns: int
    until_ns: int | None


class TrackZone(BaseModel):
    """The visits of a track to a zone."""

    model_config = ConfigDict(allow_inf_nan=False)

    zone: str
    visits: int
    duration_s: float = Field(description="Of all visits that are over.")
    first_at_ns: int
    inside_since_ns: int | None = Field(description="When the visit began that is not over; null where none is.")


class TrackLine(BaseModel):
    """One time across a line."""

    line: str
    direction: str | None
    at_ns: int


class TrackAlertView(BaseModel):
    """An alert about a track: `/v1/alerts/{id}` has all of it."""

    id: uuid.UUID
    rule: str | None
    severity: str | None
    at_ns: int
    ended_at_ns: int | None
    acknowledged_at_ns: int | None


class TrackView(BaseModel):
    """A track: somebody, or something, from coming into view to leaving it. Times are wall clocks in nanoseconds."""

    model_config = ConfigDict(allow_inf_nan=False)

    id: uuid.UUID = Field(description="That of its `track_began` event.")
    stream_id: str
    session: str
    track_id: int = Field(description="Its number in the session; given again when it comes back after its end.")
    detector: str | None
    began_at_ns: int
    ended_at_ns: int | None = Field(description="null while it is in view.")
    duration_s: float | None = Field(description="null while it is in view.")
    reason: str | None = Field(description="Why it ended: gone, stream_lost; unknown, where its end was not told.")
    confidence: float | None = Field(description="The highest of its detections, 0 to 1.")
    person: str | None = Field(description="Whose it is now, or was at its end: an opaque id. `names` has the name.")
    people: list[TrackPerson] = Field(description="All that it was taken for, in order.")
    label: str | None = Field(description="The present one, or the last.")
    labels: list[TrackLabel] = Field(description="All that it had, in order.")
    zones: list[TrackZone]
    lines: list[TrackLine] = Field(description="In the order of crossing.")
    alerts: list[TrackAlertView]
    event_count: int = Field(description="Of the track, alerts about it included.")
    names: dict[str, str] = Field(description="Id → name of those it was taken for, for who may see names.")
    snapshot_url: str | None = Field(description="Its best image so far, cut out.")
    picture_url: str | None = Field(description="The whole image that it was cut from.")
    caption: Caption = Field(description="All of that in sentences, made when asked for; each phrase with its fields.")


class TrackPage(BaseModel):
    """A page of tracks. `next`: the cursor of the page that follows, null at the end."""

    tracks: list[TrackView]
    next: str | None
    names: dict[str, str] = Field(description="Id → name of all of them, for who may see names.")


class TrackDetail(TrackView):
    """A track with its events."""

    events: list[StoredEvent] = Field(
        description="Of the track, the oldest first, 500 at most; `/v1/events?session=…&track=…` has all."
    )


def track_views(connection: Connection, records: Sequence[TrackRecord], telling: Telling) -> list[dict[str, Any]]:
    """TrackViews, JSON-ready."""
    keys = {(record.stream_id, record.session, record.track_id) for record in records}
    files = {(*track_of(one), one["kind"]): one["id"] for one in of_tracks(connection, keys)}
    ids = [alert.id for record in records for alert in record.alerts]
    states: dict[uuid.UUID, RowMapping] = {}
    if ids:
        query = select(alerts.c.id, alerts.c.ended_at_ns, alerts.c.acknowledged_at_ns).where(alerts.c.id.in_(ids))
        states = {row["id"]: row for row in connection.execute(query).mappings()}
    return [
        {
            **_view(record, files, states),
            "names": telling.names.of(record.stream_id, {record.person, *(one.person for one in record.people)}),
            "caption": track_caption(record, telling).model_dump(mode="json"),
        }
        for record in records
    ]


def track_detail(connection: Connection, record: TrackRecord, telling: Telling) -> dict[str, Any]:
    """A TrackDetail, JSON-ready."""
    events_of_it = shown_events(connection, _events_of(connection, record), telling)
    return {**track_views(connection, [record], telling)[0], "events": events_of_it}


def _view(record: TrackRecord, files: Mapping[Any, int], states: Mapping[uuid.UUID, RowMapping]) -> dict[str, Any]:
    key = (record.stream_id, record.session, record.track_id)
    crop, picture = (files.get((*key, kind)) for kind in ("crop", "picture"))
    same = (
        "stream_id",
        "session",
        "track_id",
        "detector",
        "ended_at_ns",
        "duration_s",
        "reason",
        "confidence",
        "person",
    )
    return {
        "id": str(record.id),
        **{name: getattr(record, name) for name in same},
        "began_at_ns": record.captured_at_ns,
        "label": record.labels[-1].label if record.labels else None,
        "people": [
            {name: getattr(one, name) for name in ("person", "similarity", "since_ns", "until_ns")}
            for one in record.people
        ],
        "labels": _labels(record),
        "zones": _zones(record),
        "lines": [{"line": one.line, "direction": one.direction, "at_ns": one.at_ns} for one in record.lines],
        "alerts": [_alert(one, states.get(one.id)) for one in record.alerts],
        "event_count": record.events,
        "snapshot_url": None if crop is None else f"/v1/snapshots/{crop}",
        "picture_url": None if picture is None else f"/v1/snapshots/{picture}",
    }


def _labels(record: TrackRecord) -> list[dict[str, Any]]:
    ends = [*(span.since_ns for span in record.labels[1:]), None]
    return [
        {"label": span.label, "since_ns": span.since_ns, "until_ns": end}
        for span, end in zip(record.labels, ends, strict=False)
    ]


def _zones(record: TrackRecord) -> list[dict[str, Any]]:
    return [
        {
            "zone": one.zone,
            "visits": one.visits,
            "duration_s": one.duration_s,
            "first_at_ns": one.first_ns,
            "inside_since_ns": one.since_ns,
        }
        for one in record.zones
    ]


def _alert(alert: TrackAlert, state: RowMapping | None) -> dict[str, Any]:
    return {
        "id": str(alert.id),
        "rule": alert.rule,
        "severity": alert.severity,
        "at_ns": alert.at_ns,
        "ended_at_ns": None if state is None else state["ended_at_ns"],
        "acknowledged_at_ns": None if state is None else state["acknowledged_at_ns"],
    }


def _events_of(connection: Connection, record: TrackRecord) -> list[RowMapping]:
    """Rows of `events`: those of its number, from its beginning until the number was given again."""
    same = (tracks.c.session == record.session, tracks.c.track_id == record.track_id)
    next_us = connection.scalar(
        select(tracks.c.pts_us)
        .where(*same, tracks.c.stream_id == record.stream_id, tracks.c.pts_us > record.pts_us)
        .with_hint(tracks, "INDEXED BY ix_tracks_session", "sqlite")
        .order_by(tracks.c.pts_us)
        .limit(1)
    )
    rows = connection.execute(
        select(events)
        .where(
            events.c.session == record.session,
            events.c.track_id == record.track_id,
            events.c.stream_id == record.stream_id,
            events.c.captured_at_ns >= record.captured_at_ns,
        )
        .with_hint(events, "INDEXED BY ix_events_session", "sqlite")
        .order_by(events.c.captured_at_ns, events.c.seq)
    ).mappings()
    found = []
    for row in rows:
        pts_us = json.loads(row["body"])["pts_us"]
        if record.pts_us <= pts_us and (next_us is None or pts_us < next_us):
            found.append(row)
        if len(found) == _MOST_EVENTS:
            break
    return found
