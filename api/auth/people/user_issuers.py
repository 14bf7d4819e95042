"""People who make signed links. Runs on the event loop.

A link outlives the session in which it was made, since it goes into mails and players; it ends by itself soon, and at
once when the account that made it is disabled or removed. It never allows more than the account may do now.
"""

from __future__ import annotations

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
        return None if user.disabled else Principal(issuer.principal_id, "user", user.grants)

    def _get(self, user_id: str, database: object) -> User:
        return self._users.get(user_id)
