"""Deleting while the same is being stored, and while it waits for Kafka; on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import select, text

from monitoring.deletion.arrivals import Arrivals
from monitoring.deletion.deletion import erase_event, erase_track
from monitoring.store.media import MediaFile, MediaStore
from monitoring.store.tables import event_counts, event_hours, events, media, outbox
from monitoring.store.writes import add_events, add_outgoing, outgoing_event
from monitoring.tracks.tables import tracks
from monitoring.tracks.writer import LiveTracks, TrackWriter
from tests.monitoring.happened import SESSION, happened
from tests.monitoring.shop import until
from workers.access.principal import ALL_STREAMS
from workers.database.database import Database

BEGAN = happened(1, track_id=7, label="face")
OTHER = happened(1, track_id=8, label="face")


def stored(database: Database) -> None:
    """Two tracks that have begun, and wait for Kafka."""
    with database.write() as connection:
        fresh = add_events(connection, [BEGAN, OTHER])
        TrackWriter(LiveTracks()).write(connection, fresh)
        add_outgoing(connection, [outgoing_event(event) for event in fresh])


def test_a_deletion_waits_for_what_is_being_stored(database: Database, tmp_path: Path) -> None:
    stored(database)
    image = MediaFile("crop", "door", SESSION, BEGAN.pts_us + 1, BEGAN.captured_at_ns + 1000, "image/jpeg", track_id=7)

    def erase() -> None:
        with database.write() as connection:
            erase_track(connection, BEGAN.id, ALL_STREAMS)

    deleting = threading.Thread(target=erase)
    with database.write() as connection:
        assert Arrivals(connection, [], [image]).wanted(image)
        MediaStore(tmp_path / "media").put(connection, image, b"\xff\xd8")
        deleting.start()
        if not database.is_sqlite:
            waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            with database.read() as other:
                until(lambda: other.scalar(waiting))
    deleting.join(30)
    with database.read() as connection:
        assert connection.execute(select(media.c.id)).all() == []
        assert connection.scalars(select(tracks.c.track_id)).all() == [8]
    with database.write() as connection:
        assert not Arrivals(connection, [], [image]).wanted(image)


def test_what_waits_for_kafka_is_withdrawn(database: Database) -> None:
    stored(database)
    with database.write() as connection:
        erase_track(connection, BEGAN.id, ALL_STREAMS)
        left = connection.scalars(select(outbox.c.body)).all()
        assert [str(OTHER.id) in body for body in left] == [True]
        erase_event(connection, OTHER.id, ALL_STREAMS)
        for table in (outbox, events, tracks, event_counts, event_hours):
            assert connection.execute(select(table)).all() == [], table.name
