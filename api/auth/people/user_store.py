"""Accounts of people in the database. Any thread; blocks. All raise DatabaseUnavailable when it is away."""

from __future__ import annotations

import builtins
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from api.auth.grants import restored, stored
from api.auth.people.errors import AccountChanged, LastAdmin, NameRefused, SubjectRefused, UserExists, UserUnknown
from api.auth.tables import user_sessions, users
from workers.access.principal import Grant, Principal
from workers.access.roles import allowed
from workers.database.database import Database
from workers.database.dialects import rows_with
from workers.errors import QuotaReached

MAX_NAME = 64
MOST_USERS = 10_000

UserCheck = Callable[["User"], None]
"""Raises where the account, as it is in the transaction that would change it, may not be changed."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. `password_hash` None: signs in at a provider only. `subject`: its name there. Times in ns.

    refused: the provider ended its last session there, and it has not signed in there again.
    """

    id: str
    name: str
    disabled: bool
    grants: tuple[Grant, ...]
    created_ns: int
    signed_in_ns: int | None
    password_hash: str | None
    subject: str | None = None
    refused: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether it may do whatever an admin may, on every stream."""
        principal = Principal(self.id, "user", self.grants)
        return not self.disabled and all(principal.scope(action).everything for action in allowed("admin"))

    @property
    def manages_accounts(self) -> bool:
        """Whether it may manage those that may do no more than it."""
        return not self.disabled and Principal(self.id, "user", self.grants).may("accounts")


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """Takes the place of `replaces`, and of no other password that was set meanwhile; None: there was none.

    keep_session: by its owner, in that session, and only while the account is not disabled; None: by an admin.
    """

    hash: str
    replaces: str | None
    keep_session: str | None = None


@dataclass(frozen=True, slots=True)
class UserChanges:
    """None: as it was. Another password, and `disabled`, end sessions.

    subject: of the account at the provider; empty: none any more.
    """

    disabled: bool | None = None
    grants: tuple[Grant, ...] | None = None
    password: PasswordChange | None = None
    subject: str | None = None


def name_key(name: str) -> str:
    """As names are compared: case, and how a character is composed, do not matter."""
    return unicodedata.normalize("NFKC", name).casefold()


def check_name(name: str) -> str:
    """The name as it is stored. Raises NameRefused."""
    text = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(text) <= MAX_NAME or not text.isprintable() or len(name_key(text)) > 2 * MAX_NAME:
        raise NameRefused(f"name: must be 1 to {MAX_NAME} printable characters")
    return text


class UserStore:
    """Reads and changes accounts, each call in a transaction of its own."""

    def __init__(self, database: Database, issuer: str | None = None) -> None:
        """issuer: of the provider that accounts are linked with."""
        self.database = database
        self._issuer = issuer

    def add(self, name: str, password_hash: str | None, grants: Iterable[Grant]) -> User:
        """Raises UserExists, NameRefused, QuotaReached."""
        try:
            with self.database.write() as connection:
                if _count(connection) >= MOST_USERS:
                    raise QuotaReached(f"there are {MOST_USERS} accounts, the maximum; delete one first")
                return add_user(connection, name, password_hash, grants)
        except IntegrityError as error:
            raise UserExists(f"there is an account {name} already") from error

    def by_name(self, name: str) -> User | None:
        """The account of that name."""
        with self.database.read() as connection:
            row = connection.execute(select(users).where(users.c.name_key == name_key(name))).mappings().first()
        return None if row is None else user_of(row)

    def get(self, user_id: str) -> User:
        """The account. Raises UserUnknown."""
        with self.database.read() as connection:
            return _get(connection, user_id)

    def get_all(self, user_ids: Sequence[str]) -> builtins.list[User]:
        """Those of the accounts that there are."""
        with self.database.read() as connection:
            return [user_of(row) for row in rows_with(connection, select(users), users.c.id, user_ids)]

    def list(self) -> list[User]:
        """All, by name."""
        with self.database.read() as connection:
            return [user_of(row) for row in connection.execute(select(users).order_by(users.c.name_key)).mappings()]

    def any(self) -> bool:
        """Whether there is an account."""
        with self.database.read() as connection:
            return _count(connection) > 0

    def change(self, user_id: str, changes: UserChanges, check: UserCheck | None = None) -> User:
        """The account as it is then. Raises UserUnknown, LastAdmin, SubjectRefused, AccountChanged, and as `check`."""
        now, password = time.time_ns(), changes.password
        values: dict[str, Any] = {"changed_ns": now}
        if changes.disabled is not None:
            values["disabled"] = changes.disabled
        if changes.grants is not None:
            values["grants"] = stored(changes.grants)
        if password is not None:
            values |= {"password_hash": password.hash, "password_ns": now}
        if changes.subject is not None:
            values |= {
                "oidc_subject": changes.subject or None,
                "oidc_issuer": self._issuer if changes.subject else None,
                "refused_ns": None,
            }
        with self.database.write() as connection:
            before = _lock(connection)
            user = _get(connection, user_id)
            _check(user, check)
            _check_password(user, password)
            if changes.subject:
                _check_free(connection, user_id, self._issuer, changes.subject)
            connection.execute(update(users).where(users.c.id == user_id).values(values))
            _check_admin_left(before, connection)
            if changes.disabled or password is not None:
                kept = None if password is None else password.keep_session
                ended = delete(user_sessions).where(user_sessions.c.user_id == user_id)
                connection.execute(ended.where(user_sessions.c.id != (kept or "")))
            return _get(connection, user_id)

    def rehash(self, user_id: str, password: PasswordChange) -> None:
        """The same password, hashed anew: sessions stay. Does nothing where it is another one by now."""
        with self.database.write() as connection:
            same = (users.c.id == user_id, users.c.password_hash == password.replaces)
            connection.execute(update(users).where(*same).values(password_hash=password.hash))

    def remove(self, user_id: str, check: UserCheck | None = None) -> None:
        """With its sessions. Raises UserUnknown, LastAdmin, and as `check`."""
        with self.database.write() as connection:
            before = _lock(connection)
            _check(_get(connection, user_id), check)
            connection.execute(delete(users).where(users.c.id == user_id))
            _check_admin_left(before, connection)


def add_user(connection: Connection, name: str, password_hash: str | None, grants: Iterable[Grant]) -> User:
    """In a transaction of the caller's. Raises IntegrityError where the name is taken, NameRefused."""
    now, text = time.time_ns(), check_name(name)
    user_id = str(ULID())
    values = {"id": user_id, "name": text, "name_key": name_key(text), "password_hash": password_hash}
    times = {"created_ns": now, "changed_ns": now, "password_ns": None if password_hash is None else now}
    connection.execute(insert(users).values(**values, **times, disabled=False, grants=stored(grants)))
    return _get(connection, user_id)


def user_of(row: RowMapping) -> User:
    """From a row of `users`."""
    return User(
        id=row["id"],
        name=row["name"],
        disabled=row["disabled"],
        grants=restored(row["grants"]),
        created_ns=row["created_ns"],
        signed_in_ns=row["signed_in_ns"],
        password_hash=row["password_hash"],
        subject=row["oidc_subject"],
        refused=row["refused_ns"] is not None,
    )


def locked_user(connection: Connection, user_id: str) -> User | None:
    """The account, which nobody else changes until the transaction of the caller's ends."""
    row = connection.execute(select(users).where(users.c.id == user_id).with_for_update()).mappings().first()
    return None if row is None else user_of(row)


def _check_password(user: User, password: PasswordChange | None) -> None:
    """`user`: locked. Raises AccountChanged."""
    if password is None:
        return
    if user.password_hash != password.replaces:
        raise AccountChanged("somebody else set another password meanwhile; look at the account again")
    if password.keep_session is not None and user.disabled:
        raise AccountChanged("the account was disabled meanwhile; ask an admin")


def _get(connection: Connection, user_id: str) -> User:
    row = connection.execute(select(users).where(users.c.id == user_id)).mappings().first()
    if row is None:
        raise UserUnknown("there is no such account")
    return user_of(row)


def _check_free(connection: Connection, user_id: str, issuer: str | None, subject: str) -> None:
    """Raises SubjectRefused."""
    same = (users.c.oidc_issuer == issuer, users.c.oidc_subject == subject, users.c.id != user_id)
    other = connection.scalar(select(users.c.name).where(*same))
    if other is not None:
        raise SubjectRefused(f"oidc_subject: this is the account {other} already; remove that one first")


def _count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(users)) or 0


def _check(user: User, check: UserCheck | None) -> None:
    if check is not None:
        check(user)


def _lock(connection: Connection) -> list[User]:
    """All accounts, locked, so that two who make each other the last but one wait for each other."""
    rows = connection.execute(select(users).order_by(users.c.id).with_for_update()).mappings()
    return [user_of(row) for row in rows]


def _check_admin_left(before: list[User], connection: Connection) -> None:
    """Raises LastAdmin."""
    after = _lock(connection)
    if any(user.manages_accounts for user in before) and not any(user.manages_accounts for user in after):
        raise LastAdmin("nobody could manage accounts any more; make somebody else admin first")
    if any(user.is_admin for user in before) and not any(user.is_admin for user in after):
        raise LastAdmin("no account could do everything any more; make somebody else admin first")
