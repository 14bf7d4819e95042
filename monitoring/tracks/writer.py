"""Keeps the rows of tracks true: within the transaction that stores the events. Runs in the monitor's thread."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection

from monitoring.core.contracts import Outgoing
from monitoring.store.live_events import Followers, Gone
from monitoring.store.media import Track
from monitoring.store.retention_policy import RetentionPolicy, default_policy
from monitoring.store.settings import TRACKS
from monitoring.tracks.record import TrackRecord
from monitoring.tracks.rows import (
    Rows,
    TrackRow,
    delete_rows,
    insert_rows,
    key_of,
    open_rows,
    row_at,
    rows_of,
    told,
    update_rows,
)
from workers.bus.event import Event

_MOST_SESSIONS = 10_000


class LiveTracks(Followers[TrackRecord | Gone]):
    """For pages that look on: the tracks that were changed by what the monitor has just stored."""


class TrackWriter:
    """A CommitHook. What it changed is shown to those who follow the live tracks once it is committed.

    A track that is not to be stored has a row while it is in view, and for good when there was an alert about it.
    """

    def __init__(self, live: LiveTracks, policy: RetentionPolicy | None = None) -> None:
        self._live = live
        self._policy = policy or default_policy()
        self._changed: list[TrackRecord] = []
        self._sessions: dict[str, str] = {}  # of streams, the last in which a track began; the latest streams
        self._begun: dict[str, str] = {}

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        rows = take_events(connection, events)
        begun = {event.stream_id: event.session for event in events if event.kind == "track_began"}
        self._begun = {stream: session for stream, session in begun.items() if self._sessions.get(stream) != session}
        if self._begun:
            rows += lose_others(connection, self._begun)
        delete_rows(connection, [row for row in rows if self._is_over(row.record)])
        self._changed = [row.record for row in rows]
        return ()

    def _is_over(self, record: TrackRecord) -> bool:
        """Whether nothing of it is to be stored from now on."""
        if record.ended_at_ns is None or record.alerts:
            return False
        return not self._policy.stores(TRACKS, record.stream_id)

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        for stream, session in self._begun.items():  # not before: what is rolled back is to be done again
            self._sessions.pop(stream, None)
            self._sessions[stream] = session
        while len(self._sessions) > _MOST_SESSIONS:  # pushed streams come and go; to look once more does no harm
            del self._sessions[next(iter(self._sessions))]
        self._begun = {}
        changed, self._changed = self._changed, []
        self._live.add(changed)


def take_events(connection: Connection, happened: Sequence[Event]) -> list[TrackRow]:
    """Take events that are stored, each once, into the rows of their tracks. Returns the rows that changed."""
    about = [event for event in happened if event.track_id is not None]
    if not about:
        return []
    rows = rows_of(connection, {key_of(event) for event in about})
    _tell_missing(connection, rows, about)
    changed: dict[uuid.UUID, TrackRow] = {}
    for event in about:
        known = rows[key_of(event)]
        if event.kind == "track_began":
            row = next((one for one in known if one.record.id == event.id), None)
            if row is None:
                row = TrackRow(TrackRecord.begun(event))
                known.append(row)
                known.sort(key=lambda one: one.record.pts_us)
            if row.seq is None:
                changed[row.record.id] = row
            continue
        row = row_at(known, event)
        if row is not None and (row.record.add(event) or row.seq is None):
            changed[row.record.id] = row
    fresh = [row for row in changed.values() if row.seq is None]
    known_before = [row for row in changed.values() if row.seq is not None]
    insert_rows(connection, fresh, replace=True)
    update_rows(connection, known_before)
    return list(changed.values())


def lose_others(connection: Connection, sessions: dict[str, str]) -> list[TrackRow]:
    """End the tracks of these streams' other sessions: their own end got lost with the state of a monitor."""
    lost = [row for row in open_rows(connection, sessions) if row.record.session != sessions[row.record.stream_id]]
    for row in lost:
        row.record.lose()
    update_rows(connection, lost)
    return lost


def _tell_missing(connection: Connection, rows: Rows, about: Sequence[Event]) -> None:
    """Tracks that began before there were rows are told from their events, which are all stored."""
    begun = {key_of(event) for event in about if event.kind == "track_began"}
    known = {key for key, found in rows.items() if found}
    missing: set[Track] = {key_of(event) for event in about} - begun - known
    if missing:
        for key, found in told(connection, missing).items():
            rows[key] = found
