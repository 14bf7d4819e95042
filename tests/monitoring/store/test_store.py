"""The database, on SQLite and PostgreSQL: pages, counts, CSV, retention."""

from __future__ import annotations

import base64
import csv
import io
import os
import random
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from sqlalchemy import Connection, func, select

import monitoring.assembly  # noqa: F401 - the parts declare their tables
from livesight import load_settings
from monitoring.core.errors import BadQuery
from monitoring.migrations import MONITORING
from monitoring.retention.retention import Retention
from monitoring.store.aggregates import CountQuery, counts_of
from monitoring.store.export import COLUMNS, heading, lines
from monitoring.store.media import MediaFile, MediaStore
from monitoring.store.query import EventFilters, PageQuery, page_of, wanted_by
from monitoring.store.retention_clock import Expiry
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import event_counts, events, media
from monitoring.store.writes import HOUR_NS, add_events
from tests.monitoring.happened import BEGAN_NS, SESSION, happened
from workers.access.principal import ALL_STREAMS
from workers.bus.event import Event, Kind
from workers.database.database import Database
from workers.database.migrations import migrate
from workers.errors import SettingsError
from workers.wall_clock import WallClock

LABELS = ("with_mask", "without_mask", None)
ZONES = ("gate", "till", None)


def many(count: int, seed: int = 1) -> list[Event]:
    """Events over ten hours, of three streams, in no order of time."""
    dice = random.Random(seed)
    kinds = [kind for kind in get_args(Kind) if kind != "alert"]
    made = []
    for number in range(count):
        kind = "alert" if number % 20 == 0 else dice.choice(kinds)
        confidence = round(dice.random(), 3)
        made.append(
            happened(
                number,
                kind,
                dice.choice(["door", "yard", "hall"]),
                captured_at_ns=BEGAN_NS + dice.randrange(10 * HOUR_NS),
                track_id=dice.randrange(50),
                label=dice.choice(LABELS),
                zone=dice.choice(ZONES),
                line="gate" if kind == "line_crossed" else None,
                direction=dice.choice(["in", "out"]) if kind == "line_crossed" else None,
                confidence=confidence,
                severity=dice.choice(["info", "critical"]) if kind == "alert" else None,
            )
        )
    return made


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://root:s3cret@host/db", "mysql is not supported"),
        ("host/db", "no database URL"),
        ("sqlite://", "needs a path"),
        ("postgresql://u:s3cret@host", "names no database"),
    ],
)
def test_wrong_urls_are_named_without_their_password(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as error:
        load_settings(environ={"LIVESIGHT_MONITORING__DATABASE_URL": url})
    assert "s3cret" not in str(error.value)


def test_the_same_event_is_stored_and_counted_once(database: Database) -> None:
    made = many(50)
    with database.write() as connection:
        assert len(add_events(connection, [*made, *made[:10]])) == 50
    with database.write() as connection:
        assert add_events(connection, made) == []
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 50
        assert connection.scalar(select(func.sum(event_counts.c.count))) == 50


def test_what_people_write_does_not_hurt(database: Database) -> None:
    """Labels may be long, and hold what a text column refuses."""
    awkward = happened(1, label="a\x00b" + "x" * 300, person="Zoë ' \" ; DROP TABLE events", rule="r" * 63)
    with database.write() as connection:
        add_events(connection, [awkward])
    with database.read() as connection:
        page = page_of(connection, PageQuery(), ALL_STREAMS)
    assert Event.model_validate_json(page.rows[0]["body"]) == awkward


FILTERS: list[dict[str, Any]] = [
    {},
    {"stream": ["door"]},
    {"stream": ["door", "hall"], "kind": ["track_began", "track_ended"]},
    {"label": ["without_mask"], "zone": ["gate"]},
    {"zone": ["gate", "till"], "min_confidence": 0.5},
    {"alert": True},
    {"alert": True, "severity": ["critical"], "stream": ["yard"]},
    {"alert": False, "label": ["with_mask"]},
    {"session": SESSION, "track": 7},
    {"track": 0},
    {"min_confidence": 0.0},
    {"kind": ["alert", "stream_down"], "alert": True},
    {"stream": ["nobody"]},
    {"line": ["gate"], "direction": ["in"]},
]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_give_each_event_once_in_order(database: Database, order: str) -> None:
    made = many(300)
    with database.write() as connection:
        add_events(connection, made)
    for filters in FILTERS:
        query = PageQuery(**filters, order=order, limit=7)  # type: ignore[arg-type]
        found: list[Event] = []
        while True:
            with database.read() as connection:
                page = page_of(connection, query, ALL_STREAMS)
            found += [Event.model_validate_json(row["body"]) for row in page.rows]
            assert len(page.rows) == 7 or page.next is None
            if page.next is None:
                break
            query = query.model_copy(update={"cursor": page.next})
        wanted = [event for event in made if wanted_by(EventFilters(**filters), event, ALL_STREAMS)]
        assert {event.id for event in found} == {event.id for event in wanted}, filters
        assert len(found) == len(wanted)
        times = [event.captured_at_ns for event in found]
        assert times == sorted(times, reverse=order == "newest")


def test_pages_go_on_where_they_were_while_events_come(database: Database) -> None:
    """What is stored after the first page was read comes into no later page, and nothing is told twice."""
    same_moment = [happened(number, captured_at_ns=BEGAN_NS) for number in range(20)]
    with database.write() as connection:
        add_events(connection, same_moment)
    with database.read() as connection:
        first = page_of(connection, PageQuery(limit=8), ALL_STREAMS)
    with database.write() as connection:
        add_events(connection, [happened(100)])
    with database.read() as connection:
        rest = page_of(connection, PageQuery(limit=100, cursor=first.next), ALL_STREAMS)
    ids = [row["id"] for row in (*first.rows, *rest.rows)]
    assert sorted(ids) == sorted(event.id for event in same_moment)


@pytest.mark.parametrize(
    "cursor",
    ["x", "bmV3ZXN0LjEuMg==x!", "newest.a.b", "newest.1", "latest.1.2", f"newest.{2**63}.2", f"newest.1.{2**70}"],
)
def test_cursors_that_were_never_issued(database: Database, cursor: str) -> None:
    text = base64.urlsafe_b64encode(cursor.encode()).decode() if "." in cursor else cursor
    with database.read() as connection, pytest.raises(BadQuery, match="cursor: not issued by this server"):
        page_of(connection, PageQuery(cursor=text), ALL_STREAMS)


def test_a_cursor_of_the_other_order(database: Database) -> None:
    text = base64.urlsafe_b64encode(b"oldest.1.2").decode()
    with database.read() as connection, pytest.raises(BadQuery, match="cursor: issued for order=oldest"):
        page_of(connection, PageQuery(cursor=text), ALL_STREAMS)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"stream": ["door"]},
        {"kind": ["alert"], "zone": ["gate"]},
        {"alert": True},
        {"alert": False},
        {"min_confidence": 0.5},
        {"line": ["gate"], "direction": ["out"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("by", [None, "label", "direction"])
def test_counts_are_those_of_the_events(database: Database, filters: dict[str, Any], by: str | None) -> None:
    """Whether they come from the table of counts or from the events themselves."""
    made = many(400)
    with database.write() as connection:
        add_events(connection, made)
    with database.read() as connection:
        found = counts_of(connection, CountQuery(**filters, by=by), ALL_STREAMS)
    wanted = Counter(
        (event.captured_at_ns // HOUR_NS, getattr(event, by) if by else None)
        for event in made
        if wanted_by(EventFilters(**filters), event, ALL_STREAMS)
    )
    assert {(int(one.start.timestamp()) // 3600, one.value): one.count for one in found} == wanted
    assert [one.start for one in found] == sorted(one.start for one in found)


def test_days_are_those_of_the_time_zone(database: Database) -> None:
    """23:30 UTC is the next day in Berlin, and 05:00 of it in Kathmandu, which is 45 minutes off."""
    late = int(datetime(2026, 3, 1, 23, 30, tzinfo=UTC).timestamp()) * 10**9
    with database.write() as connection:
        add_events(connection, [happened(1, captured_at_ns=late)])
    starts = {}
    for tz in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"):
        with database.read() as connection:
            (one,) = counts_of(connection, CountQuery(bucket="day", tz=tz), ALL_STREAMS)
            (hour,) = counts_of(connection, CountQuery(bucket="hour", tz=tz), ALL_STREAMS)
        starts[tz] = (one.start.isoformat(), hour.start.isoformat()[11:16])
    assert starts == {
        "UTC": ("2026-03-01T00:00:00+00:00", "23:00"),
        "Europe/Berlin": ("2026-03-02T00:00:00+01:00", "00:00"),
        "Asia/Kathmandu": ("2026-03-02T00:00:00+05:45", "05:00"),
        "America/New_York": ("2026-03-01T00:00:00-05:00", "18:00"),
    }


def test_the_hour_that_summer_ends_with_is_two(database: Database) -> None:
    """In Berlin it was 02:30 twice: at 00:30 and at 01:30 UTC."""
    before = int(datetime(2025, 10, 26, 0, 30, tzinfo=UTC).timestamp()) * 10**9
    with database.write() as connection:
        add_events(connection, [happened(at, captured_at_ns=before + at * HOUR_NS) for at in range(2)])
    for bucket, minute in (("hour", "00"), ("minute", "30")):
        with database.read() as connection:
            found = counts_of(connection, CountQuery(bucket=bucket, tz="Europe/Berlin"), ALL_STREAMS)
        starts = [(one.start.isoformat(), one.count) for one in found]
        assert starts == [(f"2025-10-26T02:{minute}:00+02:00", 1), (f"2025-10-26T02:{minute}:00+01:00", 1)]


@pytest.mark.parametrize("by", [None, "kind", "label"])
def test_hours_that_are_cut_are_counted_too(database: Database, by: Any) -> None:
    """Whole hours come from the table of counts, the rest from the events: together it is all of them, once."""
    made = many(400)
    with database.write() as connection:
        add_events(connection, made)
    begin_ns = BEGAN_NS // HOUR_NS * HOUR_NS
    spans_h = [(1.25, 6.5), (2.0, 3.0), (2.0, 2.75), (2.25, 3.0), (2.25, 2.75), (0.0, 11.0), (2.75, 3.25), (2.5, 4.5)]
    for since_h, until_h in spans_h:
        ends_ns = [begin_ns + int(hours * HOUR_NS) for hours in (since_h, until_h)]
        since, until = (datetime.fromtimestamp(end_ns / 1e9, UTC) for end_ns in ends_ns)
        with database.read() as connection:
            found = counts_of(connection, CountQuery(since=since, until=until, by=by), ALL_STREAMS)
        wanted = Counter(
            (event.captured_at_ns // HOUR_NS, getattr(event, by) if by else None)
            for event in made
            if ends_ns[0] <= event.captured_at_ns < ends_ns[1]
        )
        assert {(int(one.start.timestamp()) // 3600, one.value): one.count for one in found} == wanted


def test_times_cut_where_they_say(database: Database) -> None:
    made = [happened(number, captured_at_ns=BEGAN_NS + number * HOUR_NS // 2) for number in range(20)]
    with database.write() as connection:
        add_events(connection, made)
    since, until = (datetime.fromtimestamp(made[number].captured_at_ns / 1e9, UTC) for number in (5, 9))
    with database.read() as connection:
        rows = page_of(connection, PageQuery(since=since, until=until, order="oldest"), ALL_STREAMS).rows
        total = sum(one.count for one in counts_of(connection, CountQuery(since=since, until=until), ALL_STREAMS))
    assert [row["id"] for row in rows] == [event.id for event in made[5:9]]
    assert total == 4


def test_csv_holds_what_the_events_hold() -> None:
    event = happened(3, "alert", text='=1+1, "quoted"', label="with_mask", confidence=0.5, captured_at_ns=BEGAN_NS)
    rows = list(csv.DictReader(io.StringIO(heading() + lines([event.to_json().decode()]))))
    assert list(rows[0]) == list(COLUMNS)
    assert rows[0]["time"] == "2026-09-21T14:13:20.000+00:00"
    assert rows[0]["text"] == '\'=1+1, "quoted"', "a spreadsheet must not take it for a formula"
    assert (rows[0]["id"], rows[0]["zone"], rows[0]["confidence"]) == (str(event.id), "", "0.5")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        *((text, True) for text in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\x00=1", "\x7f=1")),
        *((f"{sign}1", True) for sign in "\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u207a\u2212"),
        *((text, True) for text in (" =1", "\u00a0=1", "\u200b=1", "\ufeff\uff1d1", "\u2028=1", " \n +1", "\u202e@x")),
        *((text, False) for text in ("", " ", "1=1", "a+b", "door: =", "'=1", "“=1”", "ärgerlich", "扉")),
    ],
)
def test_what_a_spreadsheet_takes_for_a_formula_is_marked(text: str, marked: bool) -> None:
    event = happened(3, "alert", text=text, label="with_mask", captured_at_ns=BEGAN_NS)
    (row,) = csv.DictReader(io.StringIO(heading() + lines([event.to_json().decode()]), newline=""))
    assert row["text"] == (f"'{text}" if marked else text)


def snapshot(store: MediaStore, database: Database, at_ns: int, track: int, size: int = 1000) -> Path:
    """A file with its row."""
    picture = MediaFile("crop", "door", SESSION, 1, at_ns, "image/jpeg", track_id=track)
    with database.write() as connection:
        store.put(connection, picture, b"\xff\xd8" + bytes(size - 2))
        row = connection.execute(select(media).where(media.c.track_id == track)).mappings().one()
    return store.path(row)


def retention_of(database: Database, store: MediaStore, **settings: Any) -> Retention:
    """Retention that is not started; its clock is right."""
    return Retention(Expiry(RetentionSettings(**settings), WallClock()), database, store, lambda: True)


def test_retention_by_age_takes_rows_and_files_together(database: Database, tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    now_ns = BEGAN_NS + 40 * 24 * HOUR_NS
    made = [happened(number, captured_at_ns=BEGAN_NS + number * 24 * HOUR_NS) for number in range(40)]
    files = [snapshot(store, database, event.captured_at_ns, number) for number, event in enumerate(made)]
    with database.write() as connection:
        add_events(connection, made)
    retention_of(database, store, days=10).run_once(now_ns)
    with database.read() as connection:
        assert set(connection.scalars(select(events.c.id))) == {event.id for event in made[30:]}
        assert connection.scalar(select(func.sum(event_counts.c.count))) == 10
        assert connection.scalar(select(func.count()).select_from(media)) == 10
    assert [place.exists() for place in files] == [False] * 30 + [True] * 10
    assert len(list((tmp_path / "media").iterdir())) == 10, "folders that became empty are gone"


def test_retention_by_number_and_by_size(database: Database, tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    made = [happened(number, captured_at_ns=BEGAN_NS + number // 100 * HOUR_NS) for number in range(1500)]
    files = [snapshot(store, database, BEGAN_NS + number, number, 2**18) for number in range(8)]
    with database.write() as connection:
        add_events(connection, made)
    retention_of(database, store, events=1000, media_bytes=2**20).run_once(BEGAN_NS + 20 * HOUR_NS)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 1000
        assert connection.scalar(select(func.min(events.c.captured_at_ns))) == BEGAN_NS + 5 * HOUR_NS
        assert connection.scalar(select(func.sum(media.c.bytes))) == 2**20
    assert [place.exists() for place in files] == [False] * 4 + [True] * 4


def test_files_without_a_row_are_swept(database: Database, tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    kept = snapshot(store, database, BEGAN_NS, 1)
    lost = kept.with_name("lost.jpg")
    lost.write_bytes(b"x")
    young = kept.with_name("young.jpg")
    young.write_bytes(b"x")
    for place in (kept, lost):
        old_s = time.time() - 7200
        os.utime(place, (old_s, old_s))
    assert retention_of(database, store).sweep() == 1
    assert (kept.exists(), lost.exists(), young.exists()) == (True, False, True)


class WithOthers:
    """A database in which somebody else writes amid each transaction of who has this, and may wait for that one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.read = database.read
        self.others = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        other = threading.Thread(target=self._write_too)
        with self._database.write() as connection:
            yield connection
            other.start()
        other.join(timeout=30)
        assert not other.is_alive(), "it waits for more than one step"
        self.others += 1

    def _write_too(self) -> None:
        event = happened(self.others + 1, stream_id="yard", captured_at_ns=BEGAN_NS + 9 * HOUR_NS)
        with self._database.write() as connection:
            add_events(connection, [event])


def test_retention_does_not_hold_up_writers(database: Database, tmp_path: Path) -> None:
    """It deletes 6,000 rows in steps: who comes amid one writes after it at the latest."""
    with database.write() as connection:
        add_events(connection, [happened(number, captured_at_ns=BEGAN_NS + number) for number in range(6_000)])
    shared = WithOthers(database)
    retention = retention_of(cast(Database, shared), MediaStore(tmp_path / "media"))
    assert retention.delete_events(BEGAN_NS + HOUR_NS) == 6_000
    assert shared.others > 6
    with database.read() as connection:
        kept = page_of(connection, PageQuery(), ALL_STREAMS).rows
    assert {row["stream_id"] for row in kept} == {"yard"} and len(kept) == shared.others


def test_sqlite_is_in_wal_and_readers_see_one_state(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'livesight.db'}")
    migrate(opened, MONITORING)
    with opened.write() as connection:
        add_events(connection, [happened(1)])
    with opened.read() as reader:
        assert reader.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert len(page_of(reader, PageQuery(), ALL_STREAMS).rows) == 1
        with opened.write() as connection:
            add_events(connection, [happened(2)])
        assert len(page_of(reader, PageQuery(), ALL_STREAMS).rows) == 1
    opened.close()
    with closing(sqlite3.connect(tmp_path / "livesight.db")) as plain:
        assert plain.execute("SELECT length(id) FROM events").fetchone() == (16,)


def test_ids_come_back_as_they_went(database: Database) -> None:
    event = happened(1)
    with database.write() as connection:
        add_events(connection, [event])
        assert connection.scalar(select(events.c.id)) == uuid.UUID(str(event.id))
