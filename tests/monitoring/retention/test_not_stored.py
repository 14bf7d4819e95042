"""What is not stored is published, shown and acted on all the same; what an alert shows is stored."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import select

from monitoring.store.retention_policy import RetentionPolicy
from monitoring.store.settings import RetentionRule, RetentionSettings
from monitoring.store.tables import event_counts, events, media
from monitoring.store.writes import add_events
from monitoring.tracks.tables import tracks
from monitoring.tracks.writer import LiveTracks, TrackWriter
from tests.monitoring.happened import BEGAN_NS, SESSION, happened, message, result
from tests.monitoring.watch import FAST, NewTracks, Watch
from workers.bus.event import Event
from workers.bus.media import Snapshot
from workers.bus.message_bus import EVENTS, SNAPSHOTS, Message
from workers.bus.result import FrameResult
from workers.database.database import Database

RULES = (RetentionRule(streams=("street-*",), kinds=("track_began", "crops"), store=False),)
SETTINGS = FAST.model_copy(update={"retention": RetentionSettings(rules=RULES)})


class Alarms(NewTracks):
    """Raises an alert about track 1 at frame 9, of any stream."""

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler."""
        super().take_result(result, events)
        if result.frame == 9:
            about = {"track_id": 1, "rule": "crowd", "severity": "info", "captured_at_ns": result.captured_at_ns}
            events.append(happened(9, "alert", result.stream_id, **about))


def crop(stream: str, track: int) -> Message:
    """A snapshot as a node publishes it."""
    told = Snapshot(
        view="crop", session=SESSION, track=track, pts_us=track, captured_at_ns=BEGAN_NS, detector="d", label="person",
        confidence=0.9, quality=1, box="1,1,2,2", region="0,0,9,9", size="9,9", node="n",
    )  # fmt: skip
    return Message(SNAPSHOTS, stream, b"\xff\xd8" + stream.encode(), told.headers(), time.monotonic())


def test_events_and_images_that_are_not_stored(database_url: str, tmp_path: Path) -> None:
    """Two cameras see the same: two tracks, an image of each, later an alert about the first."""
    published: list[str] = []
    with Watch(database_url, tmp_path, handler=Alarms(), settings=SETTINGS) as watch:
        watch.local.subscribe(lambda one: published.append(one.key), (EVENTS,))
        for stream in ("street-1", "hall"):
            watch.local.publish(message(result(1, stream, labels=("person", "person"))))
            watch.local.publish(crop(stream, 1))
            watch.local.publish(crop(stream, 2))
        watch.wait(lambda: len(watch.told.events) == 4, "four tracks told to the hook")
        assert sorted(published) == ["hall"] * 2 + ["street-1"] * 2
        assert len(list(tmp_path.glob("media/*/*"))) == 2, "only those of the hall are written"
        for stream in ("street-1", "hall"):
            watch.local.publish(message(result(9, stream)))
        watch.wait(lambda: len(watch.told.events) == 6, "the alerts")
        watch.local.publish(crop("street-1", 1))  # a better one, later
        with watch.database.read() as connection:
            found = connection.execute(select(events.c.stream_id, events.c.kind)).all()
            assert sorted(map(tuple, found)) == [
                ("hall", "alert"), ("hall", "track_began"), ("hall", "track_began"), ("street-1", "alert"),
            ]  # fmt: skip
            assert sum(connection.scalars(select(event_counts.c.count))) == 4
            images = connection.execute(select(media.c.stream_id, media.c.track_id)).all()
            assert sorted(map(tuple, images)) == [("hall", 1), ("hall", 2), ("street-1", 1)]
        watch.wait(lambda: len(list(tmp_path.glob("media/*/*"))) == 3, "three images")


def test_a_track_that_is_not_stored_has_a_row_while_it_is_in_view(database: Database) -> None:
    policy = RetentionPolicy(RetentionSettings(rules=(RetentionRule(kinds=("tracks",), store=False),)))
    writer = TrackWriter(LiveTracks(), policy)

    def store(*made: Event) -> list[int]:
        with database.write() as connection:
            writer.write(connection, add_events(connection, made))
        writer.committed(made)
        with database.read() as connection:
            return list(connection.scalars(select(tracks.c.track_id).order_by(tracks.c.track_id)))

    began = [happened(number, "track_began", track_id=number) for number in (1, 2)]
    assert store(*began) == [1, 2]
    assert store(happened(5, "track_ended", track_id=1, duration_s=4.0)) == [2]
    assert store(happened(6, "alert", track_id=2, rule="r", severity="info")) == [2]
    assert store(happened(7, "track_ended", track_id=2, duration_s=4.0)) == [2], "with an alert it stays"
