"""The link with which the first admin is made. Any thread; blocks.

A service with accounts has no password that everybody knows. Instead it prints a link at its start as long as there is
no account; the link works once, for some hours.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select

from api.auth.people.errors import SetupLinkRefused
from api.auth.people.session_store import hash_of
from api.auth.people.user_store import User, add_user
from api.auth.tables import setup_links, users
from workers.access.principal import Grant
from workers.database.database import Database


class SetupLink:
    """`make` it at the start, `use` it once."""

    def __init__(self, database: Database, lasts_s: float) -> None:
        self._database = database
        self._lasts_ns = round(lasts_s * 1e9)

    def make(self) -> str | None:
        """The link's token; None when there is an account. Those of earlier starts of this process's service end.

        Where several processes share PostgreSQL each has its own, and the first one used ends all.
        """
        token, now = secrets.token_urlsafe(32), time.time_ns()
        with self._database.write() as connection:
            over = setup_links.c.ends_ns <= now
            connection.execute(delete(setup_links) if self._database.is_sqlite else delete(setup_links).where(over))
            if connection.scalar(select(func.count()).select_from(users)):
                return None
            row = {"hash": hash_of(token), "created_ns": now, "ends_ns": now + self._lasts_ns}
            connection.execute(insert(setup_links).values(row))
        return token

    def check(self, token: str) -> None:
        """Raises SetupLinkRefused for one that `use` would not take."""
        with self._database.read() as connection:
            _check(connection, token, select(setup_links))

    def use(self, token: str, name: str, password_hash: str) -> User:
        """The first admin. Raises SetupLinkRefused, NameRefused."""
        with self._database.write() as connection:
            # Locks other processes' links too: of two that are used at once the second waits, and finds an account.
            _check(connection, token, select(setup_links).order_by(setup_links.c.hash).with_for_update())
            user = add_user(connection, name, password_hash, (Grant("admin"),))
            connection.execute(delete(setup_links))
        return user


def _check(connection: Connection, token: str, links: Select[Any]) -> None:
    hashed, now = hash_of(token), time.time_ns()
    mine = [row for row in connection.execute(links).mappings() if row["hash"] == hashed and row["ends_ns"] > now]
    if not mine or connection.scalar(select(func.count()).select_from(users)):
        raise SetupLinkRefused("the link was used, or has expired; start the service again for a new one")
