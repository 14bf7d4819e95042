"""Retention by camera and kind, on SQLite and PostgreSQL: what goes when, and that counts say what rows say."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, event, func, select, text, update

from livesight import load_settings
from monitoring.alerts.alert_writer import write_alerts
from monitoring.alerts.tables import alerts
from monitoring.retention import event_deletion
from monitoring.retention.retention import Retention
from monitoring.store.media import MediaFile, MediaStore
from monitoring.store.retention_clock import Expiry
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import event_counts, event_hours, events, media
from monitoring.store.writes import DAY_NS, HOUR_NS, add_events
from monitoring.tracks.tables import tracks
from monitoring.tracks.writer import LiveTracks, TrackWriter
from tests.monitoring.happened import BEGAN_NS, SESSION, happened
from workers.bus.event import Event
from workers.database.database import Database
from workers.errors import SettingsError
from workers.wall_clock import WallClock

DAYS = 20
NOW_NS = BEGAN_NS // DAY_NS * DAY_NS + DAYS * DAY_NS
RULES = [
    {"streams": ["street-*"], "kinds": ["zone_*", "line_crossed"], "days": 1},
    {"streams": ["street-*"], "kinds": ["tracks", "track_*"], "days": 3},
    {"streams": ["street-*"], "kinds": ["crops", "pictures"], "days": 2},
    {"streams": ["vault"], "kinds": ["alert", "alert_ended"], "days": 60},
]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kinds": ["zones_*"], "days": 1}, r"rules\.0\.kinds: unknown kind 'zones_\*'; there are: track_began"),
        ({"kinds": ["tracks"]}, "say either store: false or days"),
        ({"kinds": ["tracks"], "days": 1, "store": False}, "say either store: false or days"),
        ({"kinds": ["alert"], "store": False}, "alert is always stored"),
        ({"kinds": ["stream_*"], "store": False}, "stream_up is always stored"),
        ({"kinds": ["tracks"], "streams": ["Street!"], "days": 1}, r"rules\.0\.streams\.0"),
        ({"kinds": ["tracks"], "days": 0}, r"rules\.0\.days"),
        ({"kinds": ["tracks"], "days": 1_000_000}, r"rules\.0\.days: .*100000"),
    ],
)
def test_a_rule_that_cannot_hold_is_named(tmp_path: Path, rule: dict[str, Any], told: str) -> None:
    place = tmp_path / "livesight.yaml"
    place.write_text(json.dumps({"monitoring": {"retention": {"rules": [rule]}}}))
    with pytest.raises(SettingsError, match=told):
        load_settings(place, environ={})


def retention_of(database: Database, store: MediaStore, **settings: Any) -> Retention:
    """Retention that is not started; its clock is right."""
    return Retention(Expiry(RetentionSettings(**settings), WallClock()), database, store, lambda: True)


def lived(database: Database, store: MediaStore, streams: tuple[str, ...], every_h: int = 6) -> None:
    """Days of tracks, each with a zone, a crop and its end; every eighth with an alert."""
    writer = TrackWriter(LiveTracks())
    for stream in streams:
        made, files = [], []
        for number in range(DAYS * 24 // every_h):
            at_ns = NOW_NS - DAYS * DAY_NS + number * every_h * HOUR_NS + HOUR_NS // 2
            about: dict[str, Any] = {"track_id": number, "captured_at_ns": at_ns, "label": "person"}
            made.append(happened(number * 10, "track_began", stream, **about))
            made.append(happened(number * 10 + 1, "zone_entered", stream, zone="door", **about))
            if number % 8 == 0:
                made.append(happened(number * 10 + 2, "alert", stream, rule="door", severity="info", **about))
            made.append(happened(number * 10 + 3, "track_ended", stream, duration_s=3.0, **about))
            file = MediaFile("crop", stream, SESSION, number, at_ns, "image/jpeg", track_id=number)
            files.append(asdict(file) | {"path": store.write(file, b"\xff\xd8"), "bytes": 2})
        with database.write() as connection:
            fresh = add_events(connection, made)
            write_alerts(connection, fresh, lambda name: None, [])
            writer.write(connection, fresh)
            connection.execute(media.insert(), files)
        writer.committed(fresh)


def ages(database: Database, table: Table, stream: str, *conditions: Any) -> list[float]:
    """How many days ago the rows of a stream are, the oldest first."""
    query = select(table.c.captured_at_ns).where(table.c.stream_id == stream, *conditions)
    with database.read() as connection:
        return [(NOW_NS - at_ns) / DAY_NS for at_ns in connection.scalars(query.order_by(table.c.captured_at_ns))]


def counts_are_rows(database: Database) -> None:
    """Both tables of counts say what the rows say, hour by hour."""
    with database.read() as connection:
        rows = Counter(
            (at_ns // HOUR_NS, kind, stream)
            for at_ns, kind, stream in connection.execute(
                select(events.c.captured_at_ns, events.c.kind, events.c.stream_id)
            )
        )
        for table in (event_hours, event_counts):
            of_hour = (table.c.hour, table.c.kind, table.c.stream_id)
            found = connection.execute(select(*of_hour, func.sum(table.c.count)).group_by(*of_hour))
            assert {(hour, kind, stream): int(count) for hour, kind, stream, count in found} == rows


def test_each_kind_of_each_camera_has_its_own_time(database: Database, tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    lived(database, store, ("street-1", "vault", "hall"))
    retention_of(database, store, days=10, rules=RULES).run_once(NOW_NS)
    counts_are_rows(database)
    for kind, days in (("zone_entered", 1), ("track_began", 3), ("alert", 10)):
        assert days - 0.3 < max(ages(database, events, "street-1", events.c.kind == kind)) < days + 0.05
    for table, plain, with_alert in ((tracks, 3, 10), (media, 2, 10)):
        found = ages(database, table, "street-1")
        old = [age for age in found if age > plain]
        assert max(found) < with_alert and 2 <= len(old) <= 4, "what an alert shows stays as long as the alert"
        assert sorted(old, reverse=True) == [age for age in ages(database, alerts, "street-1") if age > plain]
    for table in (events, tracks, media):
        assert 9.7 < max(ages(database, table, "hall")) < 10.05
    assert max(ages(database, alerts, "vault")) > 19 and max(ages(database, alerts, "hall")) < 10
    assert max(ages(database, tracks, "vault")) > 19, "with the alert its track"
    with database.read() as connection:
        paths = set(connection.scalars(select(media.c.path)))
    assert {str(path.relative_to(store.folder)) for path in store.folder.glob("*/*")} == paths


def test_too_many_events_take_alerts_and_what_they_show_last(database: Database, tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    lived(database, store, ("street-1", "hall"), every_h=2)
    with database.read() as connection:
        files = connection.scalar(select(func.count()).select_from(media)) or 0
        raised = connection.scalar(select(func.count()).select_from(alerts)) or 0
    assert files == 2 * DAYS * 12 and raised == files / 8
    retention_of(database, store, events=1000).run_once(NOW_NS)
    counts_are_rows(database)
    with database.read() as connection:
        assert 980 <= (connection.scalar(select(func.count()).select_from(events)) or 0) <= 1000
        assert connection.scalar(select(func.count()).where(events.c.kind == "alert")) == raised
        assert connection.scalar(select(func.count()).where(tracks.c.alerts > 0)) == raised
    with_alert = len(ages(database, media, "hall", media.c.track_id % 8 == 0))
    assert with_alert == raised / 2, "pictures of alerts stay"
    store_bytes = 2 * (raised + 10)
    settings = RetentionSettings.model_construct(days=30, rules=(), events=10**7, media_bytes=store_bytes, every_s=1)
    Retention(Expiry(settings, WallClock()), database, store, lambda: True).run_once(NOW_NS)
    assert len(ages(database, media, "hall")) + len(ages(database, media, "street-1")) == raised + 10
    assert len(ages(database, media, "hall", media.c.track_id % 8 == 0)) == with_alert


def test_what_is_no_longer_to_be_stored_goes(database: Database, tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    lived(database, store, ("street-1", "hall"))
    rules = [{"streams": ["street-1"], "kinds": ["zone_*", "crops", "tracks", "clips"], "store": False}]
    retention_of(database, store, rules=rules).run_once(NOW_NS)
    counts_are_rows(database)
    assert ages(database, events, "street-1", events.c.kind == "zone_entered") == []
    for table in (tracks, media):
        assert ages(database, table, "street-1") == ages(database, alerts, "street-1")
    assert len(ages(database, events, "hall", events.c.kind == "zone_entered")) == DAYS * 4


def test_an_alert_that_comes_while_its_hour_is_deleted_stays(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a monitor that was down reads on: what is deleted was counted before that."""
    retention = retention_of(database, MediaStore(tmp_path / "media"), rules=[{"kinds": ["zone_*"], "days": 1}])
    at_ns = NOW_NS - 3 * DAY_NS
    with database.write() as connection:
        add_events(connection, [happened(1, "zone_entered", "hall", zone="door", captured_at_ns=at_ns)])
    counted = event_deletion._counted

    def counted_before(*given: Any) -> Any:
        found = counted(*given)
        with database.write() as connection:
            add_events(connection, [happened(2, "alert", "hall", rule="door", severity="info", captured_at_ns=at_ns)])
        return found

    monkeypatch.setattr(event_deletion, "_counted", counted_before)
    retention.run_once(NOW_NS)
    with database.read() as connection:
        assert connection.scalars(select(events.c.kind)).all() == ["alert"]
    counts_are_rows(database)


def test_counting_and_deleting_in_the_same_hour_do_not_wait_for_each_other_for_ever(
    database: Database, tmp_path: Path
) -> None:
    """On PostgreSQL: a late event is being counted, its hour's row first, while retention takes the hour away."""
    retention = retention_of(database, MediaStore(tmp_path / "media"))
    late = [happened(1, "zone_entered", "hall", zone="door", captured_at_ns=NOW_NS - 40 * DAY_NS)]
    with database.write() as connection:
        add_events(connection, late)
    with ThreadPoolExecutor(1) as pool:
        if database.is_sqlite:  # which has one writer at a time
            pool.submit(retention.run_once, NOW_NS).result()
        else:
            with database.engine.begin() as connection:
                connection.execute(update(event_hours).values(count=event_hours.c.count + 1))
                running = pool.submit(retention.run_once, NOW_NS)
                waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                deadline_s = time.monotonic() + 30
                with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
                    while not watching.scalar(waiting):
                        assert time.monotonic() < deadline_s
                connection.execute(update(event_counts).values(count=event_counts.c.count + 1))
            running.result()
    counts_are_rows(database)
    assert ages(database, events, "hall") == []


def test_a_kind_is_found_by_an_index_among_all_others(database: Database, tmp_path: Path) -> None:
    """Nothing is read of the hours that stay: the statements of a run do not grow with what is kept."""
    store = MediaStore(tmp_path / "media")
    lived(database, store, ("street-1",))
    retention = retention_of(database, store, rules=RULES)
    retention.run_once(NOW_NS)
    fresh: list[Event] = [happened(number, "zone_entered", "street-1", zone="door") for number in range(3)]
    with database.write() as connection:
        add_events(connection, fresh)
    said: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    retention.run_once(NOW_NS)
    assert len([text for text in said if text.startswith("DELETE FROM events")]) == 2, "the oldest, and that hour"
    counts_are_rows(database)
