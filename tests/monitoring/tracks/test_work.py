"""How much is read for a page of tracks: what nobody asked for costs nothing, however much of it there is."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

import monitoring.assembly  # noqa: F401 - the parts declare their tables
from monitoring.migrations import MONITORING
from monitoring.tracks.filters import TrackPageQuery
from monitoring.tracks.query import tracks_page
from monitoring.tracks.record import LabelSpan, TrackRecord
from monitoring.tracks.rows import TrackRow, insert_rows
from tests.monitoring.happened import BEGAN_NS
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.database.database import Database
from workers.database.migrations import migrate

BUSY = "01KBUSY"
_STEPS = 100

FEW: dict[str, tuple[dict[str, Any], StreamScope]] = {
    "a small camera for who may see it": ({}, StreamScope(("closet",))),
    "by a pattern": ({}, StreamScope(("clo*",))),
    "a common label on a small camera": ({"label": ["person"], "stream": ["closet"]}, ALL_STREAMS),
    "a common label for who sees a small camera": ({"label": ["person"]}, StreamScope(("clo*",))),
    "common labels, several, on small cameras": (
        {"label": ["person", "car", "bicycle"], "stream": ["closet", "attic", "shed"]},
        ALL_STREAMS,
    ),
    "a rare label": ({"label": ["wheelchair"]}, ALL_STREAMS),
    "a rare label in a session": ({"label": ["wheelchair"], "session": BUSY}, ALL_STREAMS),
    "a label that there is not, and a common one's session": ({"label": ["nothing"], "session": BUSY}, ALL_STREAMS),
    "a number in a session": ({"track": 700, "session": BUSY}, ALL_STREAMS),
    "a number": ({"track": 700}, ALL_STREAMS),
    "a number on a camera": ({"track": 700, "stream": ["street"]}, ALL_STREAMS),
}
"""Filters that few tracks pass."""


def fill(connection: Connection, numbers: range) -> None:
    """A street of one session and very many tracks, and a closet with a track of each thousand numbers."""
    labels = ("person", "car", "bicycle")
    records = []
    for number in numbers:
        stream, session = ("closet", f"01KCLOSET{number}") if number % 1000 == 500 else ("street", BUSY)
        at_ns = BEGAN_NS + number * 10**9
        label = "wheelchair" if number == 1 else labels[number % 3]
        span = LabelSpan(label, number, at_ns)
        track = number % 1_000_000
        records.append(TrackRecord(uuid.uuid4(), stream, session, track, "street", number, at_ns, at_ns, [span]))
    insert_rows(connection, [TrackRow(record) for record in records], replace=True)


def steps(database: Database, filters: dict[str, Any], scope: StreamScope) -> int:
    """Of SQLite's virtual machine for the page, in hundreds: so much work it is, whatever else the machine does."""
    query, counted = TrackPageQuery(**filters), 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with database.read() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.set_progress_handler(count, _STEPS)
        try:
            tracks_page(connection, query, scope)
        finally:
            driver.set_progress_handler(None, 0)
    return counted


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """SQLite: PostgreSQL chooses its indexes by itself."""
    made = Database(f"sqlite:///{tmp_path / 'livesight.db'}")
    migrate(made, MONITORING)
    return made


def test_a_page_costs_by_what_it_finds(database: Database) -> None:
    with database.write() as connection:
        fill(connection, range(2000))
    before = {name: steps(database, *asked) for name, asked in FEW.items()}
    with database.write() as connection:
        fill(connection, range(3_000_000, 3_006_000))
    grown = {
        name: (before[name], now) for name, asked in FEW.items() if (now := steps(database, *asked)) > before[name] + 20
    }
    assert grown == {}, "hundreds of steps with 2,000 tracks and with 8,000"


def test_a_session_is_sorted_without_reading_its_rows(database: Database) -> None:
    """A camera that never fails has one session for months."""
    with database.write() as connection:
        fill(connection, range(100))
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT seq, captured_at_ns FROM tracks INDEXED BY ix_tracks_session "
            "WHERE session = ? AND stream_id = ? ORDER BY captured_at_ns DESC, seq DESC LIMIT 51",
            (BUSY, "street"),
        )
        assert "COVERING INDEX ix_tracks_session" in str(plan.all())
