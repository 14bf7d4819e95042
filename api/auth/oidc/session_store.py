"""Accounts and sessions of a provider in the database. Any thread; blocks.

An account of a provider is known by issuer and subject and by nothing else: names can be given to somebody else. All
raise DatabaseUnavailable when the database is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from api.auth.grants import stored
from api.auth.people.session_store import Session
from api.auth.people.user_store import MAX_NAME, User, add_user, name_key, user_of
from api.auth.tables import oidc_sessions, user_sessions, users
from workers.access.principal import Grant
from workers.database.database import Database

_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """Who the provider says that it is. `host`: the provider's, which tells accounts of one name apart."""

    issuer: str
    subject: str
    name: str
    host: str


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A session that began at a provider. `sealed`: its tokens; `checked_ns`: when the provider last said yes."""

    id: str
    user_id: str
    subject: str
    sealed: str
    checked_ns: int


class ProviderSessions:
    """Each call is a transaction of its own."""

    def __init__(self, database: Database, issuer: str) -> None:
        self._database = database
        self._issuer = issuer

    def account(self, account: Account, grants: Iterable[Grant]) -> tuple[User, bool]:
        """Its user, with these grants from now on, and whether it was made for it.

        A new one never takes the name, or the account, of somebody who is here already.
        """
        try:
            return self._account(account, tuple(grants))
        except IntegrityError:  # another browser's sign-in made it at the same moment
            return self._account(account, tuple(grants))

    def _account(self, account: Account, grants: tuple[Grant, ...]) -> tuple[User, bool]:
        with self._database.write() as connection:
            row = connection.execute(select(users).where(*_is(account.issuer, account.subject))).mappings().first()
            new = row is None
            if row is None:
                user_id = add_user(connection, _free_name(connection, account), None, grants).id
                values = {"oidc_issuer": account.issuer, "oidc_subject": account.subject}
            else:
                user_id, values = row["id"], {"grants": stored(grants)}
            connection.execute(update(users).where(users.c.id == user_id).values(values))
            found = connection.execute(select(users).where(users.c.id == user_id)).mappings().one()
            return user_of(found), new

    def set_grants(self, user_id: str, grants: Iterable[Grant]) -> bool:
        """What the provider's groups allow now, even if nobody is admin then. Whether that is something else."""
        text = stored(grants)
        with self._database.write() as connection:
            changed = update(users).where(users.c.id == user_id, users.c.grants != text)
            return connection.execute(changed.values(grants=text, changed_ns=time.time_ns())).rowcount > 0

    def without_grants(self, subject: str) -> str | None:
        """Whoever has that subject may do nothing from now on; whose account it is, if there is one."""
        with self._database.write() as connection:
            user_id = connection.scalar(select(users.c.id).where(*_is(self._issuer, subject)))
            if user_id is not None:
                connection.execute(update(users).where(users.c.id == user_id).values(grants=stored(())))
            return user_id

    def add(self, connection: Connection, session: Session, subject: str, sid: str | None, sealed: str) -> None:
        """That the session began at the provider, which takes the account; in the transaction that opens it."""
        now = time.time_ns()
        connection.execute(update(users).where(users.c.id == session.user.id).values(refused_ns=None))
        row = {"session_id": session.id, "issuer": self._issuer, "subject": subject, "sid": sid, "sealed": sealed}
        connection.execute(insert(oidc_sessions).values(**row, checked_ns=now, tried_ns=now))

    def get(self, session_id: str) -> ProviderSession | None:
        """None: it began here."""
        with self._database.read() as connection:
            row = connection.execute(_SESSIONS.where(oidc_sessions.c.session_id == session_id)).mappings().first()
            return None if row is None else _session(row)

    def due(self, older_s: float, again_s: float) -> list[ProviderSession]:
        """Those that were checked longer ago, and tried; each is told to one process and counts as tried now."""
        now = time.time_ns()
        taken = []
        with self._database.write() as connection:
            where = (oidc_sessions.c.checked_ns < now - round(older_s * _S),)
            tried = oidc_sessions.c.tried_ns
            query = _SESSIONS.where(*where, tried < now - round(again_s * _S)).order_by(oidc_sessions.c.checked_ns)
            for row in connection.execute(query.limit(200)).mappings().all():
                mine = update(oidc_sessions).where(oidc_sessions.c.session_id == row["session_id"])
                if connection.execute(mine.where(tried == row["tried_ns"]).values(tried_ns=now)).rowcount:
                    taken.append(_session(row))
        return taken

    def checked(self, session_id: str, sealed: str, at_ns: int) -> None:
        """The provider said yes, and gave these tokens."""
        with self._database.write() as connection:
            row = update(oidc_sessions).where(oidc_sessions.c.session_id == session_id)
            connection.execute(row.values(sealed=sealed, checked_ns=at_ns))

    def end(self, session: ProviderSession) -> None:
        """The provider does not confirm it. Where it was the account's last, the account counts as refused."""
        with self._database.write() as connection:
            _end(connection, user_sessions.c.id == session.id, [session.user_id])

    def signed_out(self, subject: str | None, sid: str | None) -> list[str]:
        """As `end`, of the provider's session `sid`, or of all of `subject`'s; whose they were."""
        named = [oidc_sessions.c.issuer == self._issuer]
        named += [] if subject is None else [oidc_sessions.c.subject == subject]
        named += [] if sid is None else [or_(oidc_sessions.c.sid == sid, oidc_sessions.c.sid.is_(None))]
        ended = select(oidc_sessions.c.session_id).where(*named)
        with self._database.write() as connection:
            rows = connection.execute(select(user_sessions.c.user_id).where(user_sessions.c.id.in_(ended)))
            user_ids = sorted(set(rows.scalars()))
            _end(connection, user_sessions.c.id.in_(ended), user_ids)
        return user_ids


_SESSIONS = select(oidc_sessions, user_sessions.c.user_id).join(
    user_sessions, user_sessions.c.id == oidc_sessions.c.session_id
)


def _end(connection: Connection, which: ColumnElement[bool], user_ids: list[str]) -> None:
    """End those sessions, which are of these accounts."""
    connection.execute(delete(user_sessions).where(which))
    of_account = user_sessions.c.user_id == users.c.id
    left = select(oidc_sessions.c.session_id).join(user_sessions, user_sessions.c.id == oidc_sessions.c.session_id)
    refused = update(users).where(users.c.id.in_(user_ids), ~left.where(of_account).correlate(users).exists())
    connection.execute(refused.values(refused_ns=time.time_ns()))


def _session(row: Any) -> ProviderSession:
    return ProviderSession(row["session_id"], row["user_id"], row["subject"], row["sealed"], row["checked_ns"])


def _is(issuer: str, subject: str) -> tuple[Any, ...]:
    return users.c.oidc_issuer == issuer, users.c.oidc_subject == subject


def _free_name(connection: Connection, account: Account) -> str:
    """The name that the provider has, or one that says where it is from."""
    shown = "".join(character for character in account.name if character.isprintable()).strip() or account.subject
    for number in range(1000):
        added = "" if number == 0 else f" ({account.host})" if number == 1 else f" ({account.host} {number})"
        name = shown[: max(1, MAX_NAME - len(added))].strip() + added[: MAX_NAME - 1]
        if connection.execute(select(users.c.id).where(users.c.name_key == name_key(name))).first() is None:
            return name
    raise AssertionError("a thousand accounts of one name")
