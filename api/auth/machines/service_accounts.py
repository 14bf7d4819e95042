"""Service accounts and their keys in the database. Any thread; every function blocks, so never on the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Row, RowMapping, Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from api.auth.grants import restored, stored
from api.auth.machines.api_key import HASH_PREFIX, NewKey, new_key
from api.auth.machines.stored_keys import KeysRefused, ServiceAccountExists, ServiceAccountUnknown, StoredKey, is_name
from api.auth.tables import service_accounts, service_keys
from workers.access.principal import Grant
from workers.database.database import Database
from workers.database.dialects import rows_with
from workers.errors import QuotaReached

MOST_ACCOUNTS = 1000
MOST_KEYS = 20
"""Keys of one account that are neither revoked nor expired."""

GrantsCheck = Callable[[tuple[Grant, ...]], None]
"""Raises where an account may not be changed, by the grants that it has in the transaction that would change it."""

KeyState = Literal["active", "expired", "revoked"]

_NS = 1_000_000_000
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key. Times in nanoseconds since 1970."""

    id: str
    name: str
    prefix: str
    created_ns: int
    ends_ns: int | None
    used_ns: int | None
    revoked_ns: int | None


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A program that uses the API, and its keys, oldest first."""

    id: str
    name: str
    disabled: bool
    grants: tuple[Grant, ...]
    created_ns: int
    changed_ns: int
    keys: tuple[KeyRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyLifetime:
    """Days that a key works: if nothing is said, and at most (None: also for ever)."""

    default_days: int
    max_days: int | None

    def ends_ns(self, days: int | None) -> int | None:
        """When a key ends that is made now; None: never. Raises KeysRefused."""
        wanted = self.default_days if days is None else days
        if self.max_days is not None and not 1 <= wanted <= self.max_days:
            raise KeysRefused(f"days: must be 1 to {self.max_days} (auth.key_days_max)")
        return time.time_ns() + wanted * _DAY_S * _NS if wanted else None


def add_account(database: Database, name: str, grants: Sequence[Grant]) -> ServiceAccount:
    """A new account without keys. Raises ServiceAccountExists, KeysRefused."""
    now_ns = time.time_ns()
    account = ServiceAccount(str(ULID()), _checked(name), False, tuple(grants), now_ns, now_ns)
    try:
        with database.write() as connection:
            if connection.execute(select(func.count()).select_from(service_accounts)).scalar_one() >= MOST_ACCOUNTS:
                raise QuotaReached(f"there are {MOST_ACCOUNTS} service accounts, the maximum; delete some first")
            connection.execute(service_accounts.insert().values(_columns(account)))
    except IntegrityError as error:
        raise ServiceAccountExists(f"name: there is a service account {account.name} already") from error
    return account


def accounts(database: Database, account_id: str | None = None) -> list[ServiceAccount]:
    """All of them by name, or the one with that id, with their keys."""
    wanted = select(service_accounts).order_by(service_accounts.c.name_key)
    of_keys = select(service_keys).order_by(service_keys.c.created_ns, service_keys.c.id)
    if account_id is not None:
        wanted = wanted.where(service_accounts.c.id == account_id)
        of_keys = of_keys.where(service_keys.c.account_id == account_id)
    keys: dict[str, list[KeyRecord]] = {}
    with database.read() as connection:
        found = [_account(row) for row in connection.execute(wanted)]
        for row in connection.execute(of_keys):
            keys.setdefault(row.account_id, []).append(_key(row))
    return [replace(one, keys=tuple(keys.get(one.id, ()))) for one in found]


def account(database: Database, account_id: str) -> ServiceAccount:
    """One of them. Raises ServiceAccountUnknown."""
    found = accounts(database, account_id)
    if not found:
        raise ServiceAccountUnknown(f"there is no service account {account_id}")
    return found[0]


def account_named(database: Database, name: str) -> ServiceAccount:
    """As `account`, by name; case does not matter."""
    for one in accounts(database):
        if one.name.casefold() == name.casefold():
            return one
    raise ServiceAccountUnknown(f"there is no service account {name}")


def change_account(
    database: Database,
    account_id: str,
    *,
    name: str | None = None,
    grants: Sequence[Grant] | None = None,
    disabled: bool | None = None,
    check: GrantsCheck | None = None,
) -> ServiceAccount:
    """Change what is given. Raises ServiceAccountUnknown, ServiceAccountExists, KeysRefused, and as `check`."""
    changes: dict[str, Any] = {"changed_ns": time.time_ns()}
    if name is not None:
        changes |= {"name": _checked(name), "name_key": name.casefold()}
    if grants is not None:
        changes["grants"] = stored(grants)
    if disabled is not None:
        changes["disabled"] = disabled
    try:
        with database.write() as connection:
            _lock(connection, account_id, check)
            connection.execute(update(service_accounts).where(service_accounts.c.id == account_id).values(changes))
    except IntegrityError as error:
        raise ServiceAccountExists(f"name: there is a service account {name} already") from error
    return account(database, account_id)


def remove_account(database: Database, account_id: str, check: GrantsCheck | None = None) -> None:
    """Delete it and its keys. Raises ServiceAccountUnknown, and as `check`."""
    with database.write() as connection:
        _lock(connection, account_id, check)
        connection.execute(delete(service_keys).where(service_keys.c.account_id == account_id))
        connection.execute(delete(service_accounts).where(service_accounts.c.id == account_id))


def add_key(
    database: Database, account_id: str, name: str, ends_ns: int | None, check: GrantsCheck | None = None
) -> tuple[NewKey, KeyRecord]:
    """A new key, whose text is never to be had again. Raises ServiceAccountUnknown, KeysRefused, and as `check`."""
    made, now_ns = new_key(), time.time_ns()
    record = KeyRecord(made.id, _checked(name), f"ls_{made.id}", now_ns, ends_ns, None, None)
    with database.write() as connection:
        _lock(connection, account_id, check)
        of_account = select(service_keys).where(service_keys.c.account_id == account_id)
        good = [one for one in map(_key, connection.execute(of_account)) if is_good(one, now_ns)]
        if len(good) >= MOST_KEYS:
            raise QuotaReached(f"the account has {MOST_KEYS} keys in use, the maximum; revoke one first")
        if any(one.name == name for one in good):
            raise KeysRefused(f"name: the account has a key {name} already; revoke it first, or take another name")
        connection.execute(
            service_keys.insert().values(
                id=record.id,
                account_id=account_id,
                name=record.name,
                prefix=record.prefix,
                hash=_digest(made.hash),
                created_ns=now_ns,
                ends_ns=ends_ns,
            )
        )
    return made, record


def revoke_key(
    database: Database, key_id: str, account_id: str | None = None, check: GrantsCheck | None = None
) -> None:
    """No request may use it any more. Revoking it again changes nothing.

    Raises ServiceAccountUnknown, and as `check`.
    """
    which = service_keys.c.id == key_id
    if account_id is not None:
        which &= service_keys.c.account_id == account_id
    with database.write() as connection:
        owner_id = connection.scalar(select(service_keys.c.account_id).where(which))
        if owner_id is None:
            raise ServiceAccountUnknown(f"there is no key {key_id}")
        _lock(connection, owner_id, check)
        unrevoked = which & service_keys.c.revoked_ns.is_(None)
        connection.execute(update(service_keys).where(unrevoked).values(revoked_ns=time.time_ns()))


def stored_key(database: Database, key_id: str) -> StoredKey | None:
    """For checking a key that was presented: as it is now; a revoked one is None."""
    return stored_keys(database, [key_id]).get(key_id)


def stored_keys(database: Database, key_ids: Sequence[str]) -> dict[str, StoredKey]:
    """As `stored_key` of many."""
    unrevoked = _joined().where(service_keys.c.revoked_ns.is_(None))
    with database.read() as connection:
        rows = list(rows_with(connection, unrevoked, service_keys.c.id, key_ids))
    return {row["id"]: _stored(row) for row in rows}


def note_use(database: Database, key_id: str, at_ns: int) -> None:
    """It was used then."""
    with database.write() as connection:
        connection.execute(update(service_keys).where(service_keys.c.id == key_id).values(used_ns=at_ns))


def is_good(key: KeyRecord, now_ns: int) -> bool:
    """Whether it is neither revoked nor expired."""
    return key.revoked_ns is None and (key.ends_ns is None or now_ns < key.ends_ns)


def state_of(key: KeyRecord) -> KeyState:
    """Of now."""
    if key.revoked_ns is not None:
        return "revoked"
    return "active" if is_good(key, time.time_ns()) else "expired"


def _lock(connection: Connection, account_id: str, check: GrantsCheck | None) -> None:
    """The account stays as it is until the transaction is over. Raises ServiceAccountUnknown, and as `check`."""
    there = select(service_accounts.c.grants).where(service_accounts.c.id == account_id)
    grants = connection.scalar(there.with_for_update())
    if grants is None:
        raise ServiceAccountUnknown(f"there is no service account {account_id}")
    if check is not None:
        check(restored(grants))


def _checked(name: str) -> str:
    if not is_name(name):
        raise KeysRefused("name: must be 1 to 64 letters, digits, spaces or ._@-, beginning with a letter or digit")
    return name


def _joined() -> Select[Any]:
    columns = (service_accounts.c.name.label("account_name"), service_accounts.c.grants, service_accounts.c.disabled)
    return select(service_keys, *columns).join(service_accounts, service_accounts.c.id == service_keys.c.account_id)


def _columns(one: ServiceAccount) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "name_key": one.name.casefold(),
        "disabled": one.disabled,
        "grants": stored(one.grants),
        "created_ns": one.created_ns,
        "changed_ns": one.changed_ns,
    }


def _account(row: Row[Any]) -> ServiceAccount:
    return ServiceAccount(row.id, row.name, row.disabled, restored(row.grants), row.created_ns, row.changed_ns)


def _stored(row: RowMapping) -> StoredKey:
    return StoredKey(
        id=row["id"],
        hash=HASH_PREFIX + bytes(row["hash"]).hex(),
        owner_id=row["account_id"],
        owner_name=row["account_name"],
        grants=restored(row["grants"]),
        expires_at_s=None if row["ends_ns"] is None else row["ends_ns"] / _NS,
        disabled=row["disabled"],
    )


def _key(row: Row[Any]) -> KeyRecord:
    return KeyRecord(row.id, row.name, row.prefix, row.created_ns, row.ends_ns, row.used_ns, row.revoked_ns)


def _digest(hashed: str) -> bytes:
    return bytes.fromhex(hashed.removeprefix(HASH_PREFIX))
