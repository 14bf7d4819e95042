"""Everything for clients that are no people: keys, signed links, limits. Owned by AccessControl."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fastapi import APIRouter

from api.auth.accounts_database import AccountsDatabase
from api.auth.authentication import CredentialReader
from api.auth.machines.database_keys import DatabaseKeys
from api.auth.machines.key_list import listed_keys
from api.auth.machines.key_reader import KeyReader
from api.auth.machines.link_reader import ALERTS, AlertIssuer, Issuers, KeyIssuers, LinkReader
from api.auth.machines.link_routes import link_routes
from api.auth.machines.link_secret import has_own_secret, link_secrets
from api.auth.machines.rate_limits import RateLimits
from api.auth.machines.service_account_routes import service_account_routes
from api.auth.machines.service_accounts import KeyLifetime
from api.auth.machines.signed_links import LinkSigner, link_target
from api.auth.machines.stored_keys import KeySource
from api.auth.settings import AuthSettings
from workers.access.cluster_keys import ClusterKeys


class Machines:
    """Made by any thread, before the first request; the rest runs on the event loop."""

    def __init__(
        self,
        settings: AuthSettings,
        state_dir: Path,
        accounts: AccountsDatabase | None,
        people: Sequence[Issuers] = (),
        cluster: ClusterKeys | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """accounts None: this process knows the keys of auth.keys_file and API_KEYS only. people: who else makes links.

        Reads the keys file, and reads or makes the secret of links. Raises KeysRefused, SettingsError.
        """
        self._list = listed_keys(settings.keys_file, environ, settings.api_keys_role)
        sources: list[KeySource] = [self._list]
        links = link_secrets(settings, cluster, state_dir)
        self.secret = links[0]
        self.signer = LinkSigner(*links)
        self.routers: list[APIRouter] = [link_routes(self.signer, settings)]
        issuers = [KeyIssuers(sources), *people, AlertIssuer()]
        self.on_change: list[Callable[[], None]] = []
        if accounts is not None:
            keys = DatabaseKeys(accounts)
            sources.append(keys)
            self.on_change.append(keys.forget)
            lifetime = KeyLifetime(settings.key_days, settings.key_days_max)
            self.routers.append(service_account_routes(accounts, self.changed, lifetime))
        self.links, self.keys = LinkReader(self.signer, issuers), KeyReader(sources)
        self.readers: list[CredentialReader] = [self.links, self.keys]
        shared = accounts is not None or cluster is not None or has_own_secret(settings)
        self._signs_alerts, self._link_max_s = settings.alert_links and shared, settings.link_max_s
        self.limits = RateLimits(settings.limits)

    @property
    def alert_link(self) -> Callable[[str, int], str] | None:
        """Signs a path for a message about an alert of that time (ns). None: not wanted, or no shared secret."""
        return self._sign_alert_link if self._signs_alerts else None

    def _sign_alert_link(self, path: str, at_ns: int) -> str:
        return self.signer.sign(link_target(path), at_ns // 1_000_000_000 + self._link_max_s, ALERTS)

    def changed(self) -> None:
        """A service account or a key was changed: what is remembered of keys is out of date. Calls `on_change`."""
        for call in self.on_change:
            call()

    def problems(self) -> list[str]:
        """For readiness. Never blocks."""
        problem = self._list.problem()
        return [] if problem is None else [problem]
