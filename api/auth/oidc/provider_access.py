"""Everything about the provider, put together. Owned by AccessControl."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter

from api.auth.accounts_database import AccountsDatabase
from api.auth.oidc.oidc_routes import oidc_routes
from api.auth.oidc.provider import Provider
from api.auth.oidc.rechecks import Rechecks
from api.auth.oidc.settings import OidcSettings
from api.auth.oidc.sign_ins import ProviderSignIns
from api.auth.people.people import People


class ProviderAccess:
    """Made by any thread before the first request; the rest runs on the event loop."""

    def __init__(self, settings: OidcSettings, people: People, accounts: AccountsDatabase, secret: bytes) -> None:
        """secret: the same in all api processes. Raises SettingsError."""
        self.provider = Provider(settings)
        self.sign_ins = ProviderSignIns(people, accounts, self.provider, secret)
        self.rechecks = Rechecks(self.sign_ins, people, accounts)
        self.router: APIRouter = oidc_routes(self.sign_ins, people)

    def problem(self) -> str | None:
        """Why nobody can sign in there, in a sentence for readiness. Never blocks."""
        return self.provider.problem()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Ask the provider again and again about the signed-in, as long as it lasts."""
        task = asyncio.create_task(self.rechecks.run(), name="provider-rechecks")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.provider.close()
