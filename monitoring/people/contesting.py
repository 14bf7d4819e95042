"""“That is not Anna”: a counter-example, and the name taken off a track. In the caller's transaction; blocks."""

from __future__ import annotations

import time

from sqlalchemy import Connection, insert

from monitoring.people.changes import PeopleChange, note_change
from monitoring.people.looks import Vector, packed
from monitoring.people.rows import family, next_revision
from monitoring.people.stripping import strip_track
from monitoring.people.tables import counter_examples
from monitoring.store.tombstones import begin_deletion
from monitoring.tracks.record import TrackRecord


def contest(
    connection: Connection, track: TrackRecord, person_id: str, look: tuple[str, Vector] | None, by: str
) -> None:
    """A track is not that person: its events and its row do not say so any more, and nothing later of it does.

    look: who it is not like, by which embedder, in the track's picture: whoever resembles that more than the person is
    refused the name. None: there is no picture of a face that is good enough; the track alone is contested. Raises
    PersonUnknown.
    """
    begin_deletion(connection)
    ids = family(connection, person_id)
    touched = strip_track(connection, track.id, ids)
    row = insert(counter_examples).values(
        person=ids[0],
        track=track.id,
        stream_id=track.stream_id,
        session=track.session,
        track_id=track.track_id,
        from_us=track.pts_us,
        embedder=None if look is None else look[0],
        vector=None if look is None else packed(look[1]),
        created_at_ns=time.time_ns(),
        created_by=by,
    )
    key = connection.execute(row).inserted_primary_key
    assert key is not None
    before = {"counter_example": int(key[0]), "track": str(track.id), "events": [str(one) for one in touched]}
    note_change(connection, PeopleChange("not_this", ids[0], None, before), by)
    next_revision(connection)
