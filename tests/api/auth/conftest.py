"""Databases of accounts, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.auth.migrations import ACCOUNTS
from tests.peers.postgres import Postgres
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests; each begins with an empty database."""
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database, as the settings take it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'accounts.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture
def accounts(accounts_url: str) -> Iterator[Database]:
    """Migrated and empty."""
    opened = Database(driver_url(accounts_url))
    migrate(opened, ACCOUNTS)
    yield opened
    opened.close()
