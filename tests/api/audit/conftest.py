"""Stores of the trail: in SQLite, in PostgreSQL, in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.audit.stores import DatabaseStore, FileStore
from tests.peers.postgres import Postgres
from workers.database.database import Database
from workers.database.database_url import driver_url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests; each begins with an empty database."""
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseStore | FileStore]:
    """An empty one of each kind."""
    if request.param == "file":
        yield FileStore(tmp_path / "audit.jsonl")
        return
    url = f"sqlite:///{tmp_path / 'accounts.db'}"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.emptied()
    database = Database(driver_url(url))
    yield DatabaseStore(database)
    database.close()
