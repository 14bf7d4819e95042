"""People who make signed links: what they may do now. Runs on the event loop; the database in threads."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select

from api.auth.accounts_database import AccountsDatabase
from api.auth.grants import restored
from api.auth.machines.remembered import Remembered
from api.auth.machines.signed_links import Issuer
from api.auth.tables import users
from workers.access.principal import Principal
from workers.database.database import Database

USER_ID = "user:"


class PeopleIssuers:
    """A person's links outlive the session, and end when the account is disabled or may not see the thing any more."""

    def __init__(self, accounts: AccountsDatabase) -> None:
        self._accounts = accounts
        self._people = Remembered(self._ask)

    async def current(self, issuer: Issuer) -> Principal | None:
        """See Issuers. Raises DatabaseUnavailable, AccessBusy."""
        if not issuer.principal_id.startswith(USER_ID) or issuer.credential:
            return None
        return await self._people.get(issuer.principal_id.removeprefix(USER_ID))

    def forget(self) -> None:
        """Ask anew for everybody: something was changed here."""
        self._people.forget()

    async def _ask(self, user_id: str) -> Principal | None:
        return await self._accounts.run(partial(_person, user_id=user_id))


def _person(database: Database, user_id: str) -> Principal | None:
    with database.read() as connection:
        row = connection.execute(select(users).where(users.c.id == user_id)).first()
    if row is None or row.disabled:
        return None
    return Principal(f"{USER_ID}{row.id}", "user", restored(row.grants), display_name=row.name)
