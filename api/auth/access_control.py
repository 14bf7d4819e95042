"""Accounts as a whole: the database, the ways to prove who one is, the routes. Owned by the process.

Made and closed by any one thread; `readers` run on the event loop. In `auth.mode` none there is no AccessControl.
A process without the role api has no database of accounts: it learns from the other processes who asks.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from fastapi import APIRouter

from api.auth.accounts_database import AccountsDatabase
from api.auth.authentication import CredentialReader
from api.auth.live_connections import LiveConnections, Revalidator
from api.auth.machines.machines import Machines
from api.auth.oidc.provider_access import ProviderAccess
from api.auth.people.people import People
from api.auth.people.session_routes import own_session_routes, sign_in_routes
from api.auth.people.user_routes import user_routes
from api.auth.settings import AuthSettings
from workers.access.cluster_keys import ClusterKeys


class AccessControl:
    """`start` it before the first request, `close` it last: what ends still asks who may see it.

    accounts, people, provider: None in a process without the role api.
    """

    def __init__(
        self,
        settings: AuthSettings,
        state_dir: Path,
        roles: Collection[str] = ("api",),
        cluster: ClusterKeys | None = None,
    ) -> None:
        """Connects to nothing yet. cluster: the keys that its processes share, for links.

        Raises DatabaseRefused, KeysRefused, SettingsError.
        """
        self.settings = settings
        self.state_dir = state_dir
        self.accounts = AccountsDatabase(settings, state_dir) if "api" in roles else None
        self.people = None if self.accounts is None else People(self.accounts, settings)
        issuers = [] if self.people is None else [self.people.issuers]
        self.machines = Machines(settings, state_dir, self.accounts, issuers, cluster)
        self.provider: ProviderAccess | None = None
        self._readers: list[CredentialReader] = [*self.machines.readers]
        self._routers: list[APIRouter] = [*self.machines.routers]
        if self.people is not None:
            self._add_people(self.people)
        revalidators = [reader for reader in self._readers if isinstance(reader, Revalidator)]
        self.live = LiveConnections(revalidators, settings.recheck_s)
        self.machines.on_change.append(self.live.check_soon)
        if self.people is not None:
            self.people.live = self.live

    def _add_people(self, people: People) -> None:
        self._readers.append(people.reader)
        if self.settings.oidc is not None and self.accounts is not None:
            secret = self.machines.secret
            self.provider = ProviderAccess(self.settings.oidc, people, self.accounts, secret)
            self._routers.append(self.provider.router)
        sign_out = None if self.provider is None else self.provider.sign_ins
        self._routers += [sign_in_routes(people), own_session_routes(people, sign_out), user_routes(people)]

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Around all requests, on the event loop: what goes on beside them."""
        return nullcontext() if self.provider is None else self.provider.serving()

    @property
    def readers(self) -> list[CredentialReader]:
        """In the order in which they are asked."""
        return self._readers

    @property
    def routers(self) -> list[APIRouter]:
        """What it serves: signing in and out, accounts, keys."""
        return self._routers

    @property
    def setup_token(self) -> str | None:
        """Of the link for the first admin, when there is no account yet."""
        return None if self.people is None else self.people.setup_token

    def start(self) -> None:
        """Open the database and bring its tables up to date. Raises DatabaseRefused."""
        if self.accounts is not None:
            self.accounts.start()

    def problems(self) -> list[str]:
        """What is wrong now, in sentences for readiness. Never blocks."""
        problem = None if self.accounts is None else self.accounts.problem()
        provider = None if self.provider is None else self.provider.problem()
        return [*filter(None, (problem, provider)), *self.machines.problems()]

    def close(self, timeout_s: float) -> None:
        """End its threads and close the database. Idempotent."""
        if self.accounts is not None:
            self.accounts.close(timeout_s)
