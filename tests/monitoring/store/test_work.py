"""How much is read for a page of events: what nobody asked for costs nothing, however much of it there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitoring.migrations import MONITORING
from monitoring.store.query import PageQuery, page_of
from monitoring.store.writes import add_events
from tests.monitoring.happened import happened
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.database.database import Database
from workers.database.migrations import migrate

_STEPS = 100

FEW: dict[str, tuple[dict[str, Any], StreamScope]] = {
    "a number": ({"track": 7}, ALL_STREAMS),
    "a number that there is not": ({"track": -1}, ALL_STREAMS),
    "a number of a common kind and label": ({"track": 7, "kind": ["track_began"], "label": ["person"]}, ALL_STREAMS),
    "a number for who sees a small camera": ({"track": 7}, StreamScope(("clo*",))),
    "a number in a session": ({"track": 7, "session": "01KBUSY"}, ALL_STREAMS),
}
"""Filters that few events pass."""


def fill(database: Database, numbers: range) -> None:
    """A street of one session and a track for each event, and a closet with few events."""
    street = [
        happened(number, stream_id="street", session="01KBUSY", track_id=number, label="person") for number in numbers
    ]
    closet = [happened(7, stream_id="closet", session="01KCLOSET", track_id=7, label="person")]
    with database.write() as connection:
        add_events(connection, street + closet)


def steps(database: Database, filters: dict[str, Any], scope: StreamScope) -> tuple[int, int]:
    """How many events a page has, and what it took: hundreds of steps of SQLite's virtual machine."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with database.read() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.set_progress_handler(count, _STEPS)
        try:
            found = page_of(connection, PageQuery(**filters), scope)
        finally:
            driver.set_progress_handler(None, 0)
    return len(found.rows), counted


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """SQLite: PostgreSQL chooses its indexes by itself."""
    made = Database(f"sqlite:///{tmp_path / 'livesight.db'}")
    migrate(made, MONITORING)
    return made


def test_a_page_costs_by_what_it_finds(database: Database) -> None:
    fill(database, range(1000))
    before = {name: steps(database, *asked) for name, asked in FEW.items()}
    assert [found for found, _ in before.values()] == [2, 0, 2, 1, 1]
    fill(database, range(1000, 4000))
    grown = {
        name: (before[name], now)
        for name, asked in FEW.items()
        if (now := steps(database, *asked))[1] > before[name][1] + 20
    }
    assert grown == {}, "events, and hundreds of steps, with 1,000 events and with 4,000"
