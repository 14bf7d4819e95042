"""Rows of tracks, on SQLite and PostgreSQL: what the events say, however those come; pages; what is deleted."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

import monitoring.assembly  # noqa: F401 - the parts declare their tables
from monitoring.core.telling import Telling
from monitoring.retention.retention import Retention
from monitoring.store.media import MediaFile, MediaStore
from monitoring.store.query import time_ns
from monitoring.store.retention_clock import Expiry
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import media
from monitoring.store.writes import HOUR_NS, add_events
from monitoring.tracks.backfill import TrackBackfill
from monitoring.tracks.filters import TrackFilters, TrackPageQuery, wanted_track
from monitoring.tracks.query import tracks_page
from monitoring.tracks.record import TrackRecord, read_record
from monitoring.tracks.tables import track_backfill, track_tags, tracks
from monitoring.tracks.views import track_detail
from monitoring.tracks.writer import LiveTracks, TrackWriter
from tests.monitoring.happened import BEGAN_NS, SESSION, happened
from tests.monitoring.script import START_NS
from tests.monitoring.tracks.street import CAMERAS, street
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.bus.event import Event
from workers.database.database import Database
from workers.wall_clock import WallClock


def store(database: Database, happened: Sequence[Event], batch: int = 1000, writer: TrackWriter | None = None) -> None:
    """As the monitor does: events and their tracks, a batch a transaction. writer: the one that goes on."""
    writer = writer or TrackWriter(LiveTracks())
    for at in range(0, len(happened), batch):
        with database.write() as connection:
            fresh = add_events(connection, happened[at : at + batch])
            writer.write(connection, fresh)
        writer.committed(fresh)


def bodies(connection: Connection) -> dict[uuid.UUID, str]:
    """The stored records by id, in the order of storing."""
    return {row.id: row.body for row in connection.execute(select(tracks.c.id, tracks.c.body).order_by(tracks.c.seq))}


def stored(database: Database) -> dict[uuid.UUID, TrackRecord]:
    """As `bodies`, read."""
    with database.read() as connection:
        return {track_id: read_record(body) for track_id, body in bodies(connection).items()}


def by_track(happened: Sequence[Event]) -> dict[uuid.UUID, list[Event]]:
    """The events of each track, by the id of the one that began it: here no number is given again in a session."""
    found: dict[Any, list[Event]] = defaultdict(list)
    for event in happened:
        if event.track_id is not None:
            found[event.stream_id, event.session, event.track_id].append(event)
    return {next(event.id for event in told if event.kind == "track_began"): told for told in found.values()}


def test_a_row_for_each_track_that_began_says_what_its_events_say(database: Database) -> None:
    store(database, street(), batch=7)
    rows, wanted = stored(database), by_track(street())
    assert rows.keys() == wanted.keys() and len(rows) == sum(event.kind == "track_began" for event in street()) > 25
    for track_id, told in wanted.items():
        row = rows[track_id]
        of = {kind: [event for event in told if event.kind == kind] for kind in {event.kind for event in told}}
        assert row.events == len(told)
        assert row.captured_at_ns == of["track_began"][0].captured_at_ns
        ended = of.get("track_ended", [None])[0]
        assert (row.ended_at_ns, row.duration_s) == (
            (None, None) if ended is None else (ended.captured_at_ns, ended.duration_s)
        )
        changes = of.get("label_changed", [])
        assert [one.label for one in row.labels] == [told[0].label, *(event.label for event in changes)]
        assert [one.since_ns for one in row.labels[1:]] == [event.captured_at_ns for event in changes]
        known = [event for event in of.get("identified", []) if event.person is not None]
        assert [(one.person, one.since_ns) for one in row.people] == [(one.person, one.captured_at_ns) for one in known]
        assert row.person == told[-1].person and all(one.similarity == 0.7 for one in row.people)
        left = of.get("zone_left", [])
        assert sum(one.duration_s for one in row.zones) == pytest.approx(sum(event.duration_s or 0 for event in left))
        assert sum(one.visits for one in row.zones) == len(of.get("zone_entered", []))
        inside = len(of.get("zone_entered", [])) - len(left)
        assert sum(one.since_ns is not None for one in row.zones) == inside
        crossed = [(event.line, event.direction, event.captured_at_ns) for event in of.get("line_crossed", [])]
        assert [(one.line, one.direction, one.at_ns) for one in row.lines] == crossed
        assert [one.id for one in row.alerts] == [event.id for event in of.get("alert", [])]
        assert row.confidence == pytest.approx(max(event.confidence or 0 for event in told))
    every = [kind for told in wanted.values() for kind in {event.kind for event in told}]
    often = {"label_changed", "identified", "zone_left", "zone_stayed", "line_crossed", "alert", "track_ended"}
    assert often <= set(every)


def test_what_is_delivered_again_changes_nothing(database: Database) -> None:
    """Also where the events were deleted meanwhile, or the transaction had failed, so that they count as new."""
    store(database, street())
    with database.write() as connection:
        before = bodies(connection)
        tags = connection.execute(select(track_tags).order_by(*track_tags.primary_key)).all()
        writer = TrackWriter(LiveTracks())
        writer.write(connection, street())
        for event in street():
            writer.write(connection, [event])
        assert bodies(connection) == before
        assert connection.execute(select(track_tags).order_by(*track_tags.primary_key)).all() == tags


def test_a_number_that_is_given_again_is_another_track(database: Database) -> None:
    first = [happened(0, track_id=7, label="a"), happened(9, "track_ended", track_id=7, duration_s=9)]
    again = [happened(20, track_id=7, label="b"), happened(22, "zone_entered", track_id=7, zone="till")]
    store(database, [*first, *again], batch=1)
    late = happened(5, "line_crossed", track_id=7, line="gate", direction="in")
    store(database, [late])
    rows = stored(database)
    assert [(one.events, one.labels[0].label) for one in rows.values()] == [(3, "a"), (2, "b")]
    assert [one.line for one in rows[first[0].id].lines] == ["gate"]
    with database.read() as connection:
        details = [track_detail(connection, rows[event.id], Telling()) for event in (first[0], again[0])]
    assert [[event["kind"] for event in one["events"]] for one in details] == [
        ["track_began", "line_crossed", "track_ended"],
        ["track_began", "zone_entered"],
    ]


def test_tracks_of_a_session_whose_end_got_lost_are_over(database: Database) -> None:
    """The state of the monitor was lost, and with it what it had in view."""
    store(database, [happened(0, track_id=1), happened(4, "zone_entered", track_id=1, zone="till")])
    store(database, [happened(50, track_id=1, session="next"), happened(50, track_id=1, stream_id="yard")])
    lost, *others = stored(database).values()
    assert (lost.reason, lost.duration_s, lost.ended_at_ns) == ("unknown", 4.0, BEGAN_NS + 4 * 10**9)
    assert [one.ended_at_ns for one in others] == [None, None]
    store(database, [happened(6, "track_ended", track_id=1, duration_s=6.0, reason="gone")])
    assert stored(database)[lost.id].duration_s == 6.0, "its end was told after all"


def test_a_commit_that_failed_is_made_up_for(database: Database) -> None:
    """The monitor delivers the same again, to the same writer: the session before is still to be ended."""
    writer = TrackWriter(LiveTracks())
    store(database, [happened(0, track_id=1)], writer=writer)
    next_session = [happened(50, track_id=1, session="next")]
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        writer.write(connection, add_events(connection, next_session))
        raise ZeroDivisionError
    store(database, next_session, writer=writer)
    assert [one.reason for one in stored(database).values()] == ["unknown", None]


def test_events_of_an_earlier_version_get_their_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps, the last while other monitors are at work; tracks that go on meanwhile lose nothing."""
    made = list(street())
    store(database, made)
    with database.read() as connection:
        wanted = bodies(connection)
    with database.write() as connection:
        connection.execute(tracks.delete())
        before_seq = len(made) - 40 + 1
        connection.execute(track_backfill.update().values(before_seq=before_seq, done=False))
        assert connection.scalar(select(func.count()).select_from(track_tags)) == 0
        writer = TrackWriter(LiveTracks())
        writer.write(connection, made[-40:])  # stored since by the present version
    monkeypatch.setattr("monitoring.tracks.backfill._STEP", 6)
    backfill = TrackBackfill(database, lambda: True)
    steps = 1
    while backfill.step():
        backfill = TrackBackfill(database, lambda: True)  # a restart
        steps += 1
    assert steps > 3 and not backfill.step()
    with database.read() as connection:
        assert bodies(connection) == wanted
        assert connection.scalar(select(track_backfill.c.done)) is True


def walk(database: Database, query: TrackPageQuery, scope: StreamScope = ALL_STREAMS) -> list[TrackRecord]:
    """All pages."""
    found: list[TrackRecord] = []
    while True:
        with database.read() as connection:
            page = tracks_page(connection, query, scope)
        found += [read_record(row["body"]) for row in page.rows]
        assert len(page.rows) == query.limit or page.next is None
        if page.next is None:
            return found
        query = query.model_copy(update={"cursor": page.next})


FILTERS: list[dict[str, Any]] = [
    {},
    {"stream": ["door"]},
    {"stream": ["door", "yard"], "label": ["without_mask"]},
    {"label": ["without_mask", "with_mask"]},
    {"label": ["without_mask"], "zone": ["till"]},
    {"zone": ["till"], "line": ["gate"], "direction": ["in"], "min_confidence": 0.6},
    {"direction": ["out"]},
    {"line": ["gate"], "direction": ["in", "out"], "stream": ["hall"]},
    {"rule": ["bare"]},
    {"rule": ["bare"], "severity": ["warning"], "stream": ["door", "hall", "yard"]},
    {"has_alert": True, "stream": ["hall"]},
    {"has_alert": False, "label": ["without_mask"]},
    {"min_duration_s": 10},
    {"session": street()[0].session, "track": 3},
    {"track": 2},
    {"stream": ["nobody"]},
    {"label": ["nothing"], "zone": ["till"]},
    {"person": ["ada"]},
    {"person": ["bob", "cyd"], "stream": ["door"]},
]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_give_each_track_once_in_order(database: Database, order: Any) -> None:
    store(database, street())
    rows = stored(database)
    for filters in FILTERS:
        found = walk(database, TrackPageQuery(**filters, order=order, limit=4))
        wanted = {one.id for one in rows.values() if wanted_track(TrackFilters(**filters), one, ALL_STREAMS)}
        assert {one.id for one in found} == wanted and len(found) == len(wanted), filters
        times = [one.captured_at_ns for one in found]
        assert times == sorted(times, reverse=order == "newest")
    assert (
        len(walk(database, TrackPageQuery(has_alert=True))) > 3
        and len(walk(database, TrackPageQuery(zone=["till"]))) > 9
    )
    for scope in (StreamScope(("door",)), StreamScope(("d*", "h*"))):
        for filters in ({}, {"label": ["with_mask"]}, {"stream": ["door", "yard"]}, {"in_view": True}):
            seen = walk(database, TrackPageQuery(**filters, limit=5), scope)
            assert {one.stream_id for one in seen} <= set(CAMERAS[:2])
            assert {one.id for one in seen} == {
                one.id
                for one in rows.values()
                if wanted_track(TrackFilters(**filters), one, scope)
                and not (filters.get("in_view") and one.ended_at_ns)
            }


def test_times_find_who_was_in_view(database: Database) -> None:
    store(database, street())
    rows = stored(database).values()
    open_ones = {one.id for one in rows if one.ended_at_ns is None}
    assert open_ones and {one.id for one in walk(database, TrackPageQuery(in_view=True, limit=2))} == open_ones
    assert not {one.id for one in walk(database, TrackPageQuery(in_view=False))} & open_ones
    start = datetime.fromtimestamp(START_NS // 10**9, UTC)
    for since_s, until_s in ((10, 20), (25.5, 26), (60, 61), (89, 500)):
        since, until = start + timedelta(seconds=since_s), start + timedelta(seconds=until_s)
        for filters in ({}, {"label": ["with_mask"]}, {"stream": ["hall"]}):
            found = walk(database, TrackPageQuery(**filters, since=since, until=until, limit=5))
            wanted = [one for one in rows if wanted_track(TrackFilters(**filters), one, ALL_STREAMS)]
            assert {one.id for one in found} == {
                one.id
                for one in wanted
                if one.captured_at_ns < time_ns(until)
                and (one.ended_at_ns is None or one.ended_at_ns >= time_ns(since))
            }, (since_s, until_s)


def test_rows_go_with_their_events_and_take_their_images_along(database: Database, tmp_path: Path) -> None:
    files = MediaStore(tmp_path / "media")
    hour = BEGAN_NS // HOUR_NS * HOUR_NS
    old = [happened(number, track_id=number, label="a", captured_at_ns=hour + number) for number in range(5)]
    kept = happened(9, track_id=9, label="a", captured_at_ns=hour + HOUR_NS)
    store(database, [*old, kept])
    with database.write() as connection:
        for event in (*old, kept):
            shown = MediaFile("crop", "door", SESSION, 1, hour + 2 * HOUR_NS, "image/jpeg", track_id=event.track_id)
            files.put(connection, shown, b"\xff\xd8")
    retention = Retention(Expiry(RetentionSettings(), WallClock()), database, files, lambda: True)
    assert retention.delete_events(hour + HOUR_NS) == 5
    assert list(stored(database)) == [kept.id]
    with database.read() as connection:
        assert connection.scalars(select(media.c.track_id)).all() == [9]
        assert len(connection.execute(select(track_tags)).all()) == 1
    assert len(list(files.folder.glob("*/*.jpg"))) == 1


def test_a_record_is_read_as_it_was_written() -> None:
    """Bounded, however often a label flickers."""
    record = TrackRecord.begun(happened(0, track_id=1, label="a\0" + "b" * 300))
    for number in range(1, 400):
        record.add(happened(number, "label_changed", track_id=1, label=f"l{number % 3}"))
    assert read_record(record.to_json()) == record
    assert (record.events, len(record.labels), record.labels[0].label[:2]) == (400, 100, "a\0")
    assert len(json.dumps(record.to_json())) < 20_000


def test_labels_that_no_column_takes_are_found_all_the_same(database: Database) -> None:
    label = "a\0" + "b" * 300
    store(database, [happened(0, track_id=1, label=label), happened(1, track_id=2, label="c")])
    assert [one.track_id for one in walk(database, TrackPageQuery(label=[label]))] == [1]
