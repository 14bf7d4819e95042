"""Keys that are known, wherever they are stored, and the errors about them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Protocol

from workers.access.principal import Grant, Principal
from workers.errors import AccessError

KEY_CREDENTIAL = "key:"
SERVICE_ID = "service:"
NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$"
"""What service accounts and keys may be called."""


class KeysRefused(AccessError):
    """A keys file, API_KEYS, or a wish about keys that cannot be used; the message says what to do."""

    problem: ClassVar[tuple[str, int, str] | None] = ("invalid-request", 422, "The request is invalid")


class ServiceAccountUnknown(AccessError):
    """There is no such service account, or no such key of it."""

    problem: ClassVar[tuple[str, int, str] | None] = ("account-unknown", 404, "The account does not exist")


class ServiceAccountExists(AccessError):
    """Another service account has that name."""

    problem: ClassVar[tuple[str, int, str] | None] = ("account-exists", 409, "The account already exists")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is stored of a key: never the key itself.

    id: what revokes it. owner_id: the service account, the same for all its keys.
    expires_at_s: as time.time(); None: it does not expire.
    """

    id: str
    hash: str
    owner_id: str
    owner_name: str
    grants: tuple[Grant, ...]
    expires_at_s: float | None = None
    disabled: bool = False

    def principal(self) -> Principal:
        """Who presents this key."""
        return Principal(
            f"{SERVICE_ID}{self.owner_id}",
            "service",
            self.grants,
            credential=f"{KEY_CREDENTIAL}{self.id}",
            expires_at_s=self.expires_at_s,
            display_name=self.owner_name,
        )

    def usable(self, now_s: float) -> bool:
        """Whether it is neither expired nor disabled."""
        return not self.disabled and (self.expires_at_s is None or now_s < self.expires_at_s)


class KeySource(Protocol):
    """Where keys are stored: the database, a file, the environment."""

    async def find(self, presented: str, presented_hash: str) -> StoredKey | None:
        """The key with that text; None when it is none of this source's. Never blocks the loop."""
        ...

    async def by_id(self, key_id: str) -> StoredKey | None:
        """The key with that id, as it is stored now; None when it was removed. Never blocks the loop."""
        ...

    async def by_ids(self, key_ids: Collection[str]) -> dict[str, StoredKey]:
        """As `by_id` of many, asked in one question and not remembered."""
        ...

    async def used(self, key: StoredKey) -> None:
        """A request came with this key. Never blocks the loop."""
        ...


def is_name(text: str) -> bool:
    """Whether a service account or a key may be called so."""
    return re.fullmatch(NAME, text) is not None
