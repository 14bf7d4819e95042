"""The database of accounts: tables, grants, and a server that is away."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr, ValidationError
from sqlalchemy import func, select

from api.auth.access_control import AccessControl
from api.auth.bounded_calls import BoundedCalls
from api.auth.grants import GrantBody, restored, stored
from api.auth.migrations import ACCOUNTS
from api.auth.settings import AuthSettings
from api.auth.tables import metadata, users
from tests.peers.postgres import Postgres
from workers.access.principal import Grant
from workers.database.database import Database
from workers.errors import AccessBusy, DatabaseUnavailable


def test_migrations_lead_to_the_tables(accounts: Database) -> None:
    with accounts.read() as connection:
        options = {"version_table": ACCOUNTS.version_table}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_grants_are_stored_as_they_were() -> None:
    grants = (Grant("operator", ("gate-*", "hall"), frozenset({"push", "zones"})), Grant("viewer"))
    assert restored(stored(grants)) == grants
    assert restored('[{"role":"node","streams":["*"],"actions":null},{"role":"viewer"}]') == (Grant("viewer"),)
    assert GrantBody(role="viewer", actions=frozenset({"cameras", "events"})).grant().actions == {"events"}
    with pytest.raises(ValidationError, match="pattern"):
        GrantBody(role="viewer", streams=("../etc",))


async def test_a_server_that_is_away_at_the_start_is_tried_again(tmp_path: Path) -> None:
    def users_counted(database: Database) -> int | None:
        with database.read() as connection:
            return connection.scalar(select(func.count()).select_from(users))

    with Postgres() as server:
        settings = AuthSettings(mode="accounts", database_url=SecretStr(server.url("postgres")))
        server.kill()
        access = AccessControl(settings, tmp_path)
        assert access.accounts is not None
        ready = threading.Event()
        access.accounts.when_ready(ready.set)
        await asyncio.to_thread(access.start)
        with pytest.raises(DatabaseUnavailable):
            await access.accounts.run(users_counted)
        assert "accounts" in access.problems()[0]
        await asyncio.to_thread(server.start)
        assert await asyncio.to_thread(ready.wait, 60)
        assert await access.accounts.run(users_counted) == 0
        assert access.problems() == []
        await asyncio.to_thread(access.close, 5.0)


async def test_what_is_too_much_is_refused_and_the_loop_goes_on() -> None:
    calls, go = BoundedCalls("test", at_once=1, waiting=1), threading.Event()
    running, waiting = (asyncio.create_task(calls.run(go.wait)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(AccessBusy):
        await calls.run(go.wait)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    after = asyncio.create_task(calls.run(lambda: "answered"))
    go.set()
    assert (await running, await after) == (True, "answered")


def test_a_process_without_the_role_api_has_no_database(tmp_path: Path) -> None:
    access = AccessControl(AuthSettings(mode="accounts"), tmp_path, ("node",))
    access.start()
    access.close(1.0)
    assert access.accounts is None and not (tmp_path / "accounts.db").exists()
