"""People who make signed links. Runs on the event loop.

A link outlives the session in which it was made, since it goes into mails and players; it ends by itself soon, and at
once when the account that made it is disabled or removed, or its provider has refused it: then nobody would notice
that the person is gone. It never allows more than the account may do now.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from api.auth.accounts_database import AccountsDatabase
from api.auth.machines.signed_links import Issuer
from api.auth.people.errors import UserUnknown
from api.auth.people.user_store import User, UserStore
from workers.access.principal import Principal

_PREFIX = "user:"


class UserIssuers:
    """See Issuers (api/auth/machines/link_reader.py)."""

    def __init__(self, accounts: AccountsDatabase, users: UserStore) -> None:
        self._accounts = accounts
        self._users = users

    async def current(self, issuer: Issuer) -> Principal | None:
        """The account as it is now. Raises DatabaseUnavailable."""
        if not issuer.principal_id.startswith(_PREFIX):
            return None
        user_id = issuer.principal_id.removeprefix(_PREFIX)
        try:
            user: User = await self._accounts.run(partial(self._get, user_id))
        except UserUnknown:
            return None
        return _principal(user)

    async def all_current(self, issuers: Sequence[Issuer]) -> dict[Issuer, Principal]:
        """See Issuers. Raises DatabaseUnavailable."""
        ids = {one.principal_id.removeprefix(_PREFIX): one for one in issuers if one.principal_id.startswith(_PREFIX)}
        if not ids:
            return {}
        found = await self._accounts.recheck(lambda database: self._users.get_all(list(ids)))
        principals = {ids[user.id]: _principal(user) for user in found}
        return {one: principal for one, principal in principals.items() if principal is not None}

    def _get(self, user_id: str, database: object) -> User:
        return self._users.get(user_id)


def _principal(user: User) -> Principal | None:
    ended = user.disabled or user.refused
    return None if ended else Principal(f"{_PREFIX}{user.id}", "user", user.grants)
