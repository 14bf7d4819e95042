"""Which picture there is of whom an event or a track is about. In the caller's transaction; any thread; blocks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from monitoring.core.errors import MediaUnknown, TrackUnknown
from monitoring.store.media import of_tracks
from monitoring.store.query import event_of
from monitoring.store.visible import visible
from monitoring.tracks.record import TrackRecord, read_record
from monitoring.tracks.tables import tracks
from workers.access.principal import StreamScope
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class Subject:
    """Who something is about: an event, or a track itself. `image`: the row of its best crop, None without one."""

    track: TrackRecord
    event_id: uuid.UUID | None
    image: RowMapping | None

    def needed(self) -> RowMapping:
        """The crop. Raises MediaUnknown."""
        if self.image is None:
            raise MediaUnknown("there is no picture of this track, or no longer; choose another, or upload one")
        return self.image


def subject_of_track(connection: Connection, track_id: uuid.UUID, scope: StreamScope) -> Subject:
    """Raises TrackUnknown, also where its stream is not in the scope."""
    query = select(tracks.c.body).where(tracks.c.id == track_id, *visible(tracks.c.stream_id, scope))
    body = connection.scalar(query)
    if body is None:
        raise TrackUnknown(f"there is no track {track_id}, or it was deleted")
    return _subject(connection, read_record(body), None)


def subject_of_event(connection: Connection, event_id: uuid.UUID, scope: StreamScope) -> Subject:
    """The track that an event is about. Raises EventUnknown, TrackUnknown."""
    event = Event.model_validate_json(event_of(connection, event_id, scope)["body"])
    if event.track_id is None:
        raise TrackUnknown(f"event {event_id} is about no track; choose one that shows somebody")
    begun = (
        select(tracks.c.body)
        .where(
            tracks.c.session == event.session,
            tracks.c.track_id == event.track_id,
            tracks.c.stream_id == event.stream_id,
            tracks.c.pts_us <= event.pts_us,
        )
        .order_by(tracks.c.pts_us.desc())
        .limit(1)
    )
    body = connection.scalar(begun)
    if body is None:
        raise TrackUnknown(f"the track of event {event_id} was deleted")
    return _subject(connection, read_record(body), event_id)


def _subject(connection: Connection, track: TrackRecord, event_id: uuid.UUID | None) -> Subject:
    rows = of_tracks(connection, {(track.stream_id, track.session, track.track_id)})
    crops = [row for row in rows if row["kind"] == "crop" and row["pts_us"] >= track.pts_us]
    return Subject(track, event_id, crops[0] if crops else None)
