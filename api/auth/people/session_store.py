"""Sessions in the database. Any thread; blocks. All raise DatabaseUnavailable when it is away."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, insert, select, update
from ulid import ULID

from api.auth.people.errors import SignInRefused
from api.auth.people.user_store import User, locked_user, user_of
from api.auth.settings import SessionSettings
from api.auth.tables import user_sessions, users
from workers.access.principal import Principal
from workers.database.database import Database
from workers.database.dialects import rows_with

SESSION_CREDENTIAL = "session:"
_S = 1_000_000_000
_SEEN_EVERY_NS = 60 * _S


@dataclass(frozen=True, slots=True)
class Client:
    """Who signs in, as far as the network tells: address, and the browser's name for itself."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. `ends_ns`: at the latest."""

    id: str
    user: User
    ends_ns: int

    def principal(self) -> Principal:
        """What the rest of the service knows of it."""
        return Principal(
            id=f"user:{self.user.id}",
            kind="user",
            grants=self.user.grants,
            credential=f"{SESSION_CREDENTIAL}{self.id}",
            expires_at_s=self.ends_ns / _S,
            display_name=self.user.name,
        )


AlsoStore = Callable[[Connection, Session], None]


def hash_of(token: str) -> bytes:
    """As a token is stored."""
    return hashlib.sha256(token.encode()).digest()


class SessionStore:
    """Opens, finds and ends sessions."""

    def __init__(self, database: Database, settings: SessionSettings) -> None:
        self._database = database
        self._settings = settings

    def open(self, user: User, client: Client, also: AlsoStore | None = None) -> tuple[str, Session]:
        """A new session and its token: 256 random bits, which only the cookie holds. Deletes those that have ended.

        `user`: as it was when they proved who they are. Raises SignInRefused where the account is gone or disabled by
        now, or has another password. `also` is called in the same transaction, and may raise to open none.
        """
        token, now = secrets.token_urlsafe(32), time.time_ns()
        session = Session(str(ULID()), user, now + round(self._settings.absolute_s * _S))
        row = {"hash": hash_of(token), "id": session.id, "user_id": user.id, "ends_ns": session.ends_ns}
        about = {"address": client.address[:64], "agent": client.agent[:200]}
        with self._database.write() as connection:
            now_it_is = locked_user(connection, user.id)
            if now_it_is is None or now_it_is.disabled or now_it_is.password_hash != user.password_hash:
                raise SignInRefused("the account was changed at this moment; sign in again")
            connection.execute(delete(user_sessions).where(self._over(now)))
            connection.execute(insert(user_sessions).values(**row, **about, created_ns=now, seen_ns=now))
            connection.execute(update(users).where(users.c.id == user.id).values(signed_in_ns=now))
            if also is not None:
                also(connection, session)
        return token, session

    def find(self, token_hash: bytes) -> Session | None:
        """The session, seen now; None when there is none, it has ended, or its account is disabled."""
        session, seen_ns = self._found(user_sessions.c.hash == token_hash)
        now = time.time_ns()
        if session is not None and now - seen_ns > min(_SEEN_EVERY_NS, self._settings.idle_s * _S / 4):
            with self._database.write() as connection:
                seen = update(user_sessions).where(user_sessions.c.id == session.id)
                connection.execute(seen.values(seen_ns=now))
        return session

    def by_ids(self, ids: Sequence[str]) -> dict[str, Session]:
        """Those of them that last, without counting as their use."""
        query = self._query(~users.c.disabled)
        with self._database.read() as connection:
            rows = list(rows_with(connection, query, user_sessions.c.id, ids))
        return {row["session"]: Session(row["session"], user_of(row), row["ends_ns"]) for row in rows}

    def end(self, session_id: str) -> None:
        """That one. Idempotent."""
        with self._database.write() as connection:
            connection.execute(delete(user_sessions).where(user_sessions.c.id == session_id))

    def end_of_user(self, user_id: str, keep: str = "") -> None:
        """All of an account's, but `keep`."""
        ended = delete(user_sessions).where(user_sessions.c.user_id == user_id, user_sessions.c.id != keep)
        with self._database.write() as connection:
            connection.execute(ended)

    def _found(self, where: ColumnElement[bool]) -> tuple[Session | None, int]:
        with self._database.read() as connection:
            row = connection.execute(self._query(where)).mappings().first()
        if row is None or row["disabled"]:
            return None, 0
        return Session(row["session"], user_of(row), row["ends_ns"]), row["seen_ns"]

    def _query(self, where: ColumnElement[bool]) -> Select[Any]:
        """Sessions that last, with their accounts."""
        columns = (user_sessions.c.id.label("session"), user_sessions.c.ends_ns, user_sessions.c.seen_ns, users)
        query = select(*columns).join(users, users.c.id == user_sessions.c.user_id).where(where)
        return query.where(~self._over(time.time_ns()))

    def _over(self, now_ns: int) -> ColumnElement[bool]:
        idle_ns = now_ns - round(self._settings.idle_s * _S)
        return (user_sessions.c.ends_ns <= now_ns) | (user_sessions.c.seen_ns <= idle_ns)
