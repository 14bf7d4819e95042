"""A service with a provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.auth.settings import AuthSettings
from tests.api.auth.running_accounts import Accounts, running_accounts
from tests.peers.oidc_provider import CLIENT, SECRET, OidcProvider, ProviderUser


@dataclass
class Signing:
    """A service, and the provider that people sign in at."""

    service: Accounts
    provider: OidcProvider

    def to_provider(self, client: httpx.Client, to: str = "/") -> str:
        """Where the provider sends the browser back to, which `client` has not followed yet."""
        there = client.get("/v1/oidc/login", params={"to": to})
        assert there.status_code == 303, there.text
        return httpx.get(there.headers["location"]).headers["location"]

    def signed_in(self, user: str, to: str = "/") -> httpx.Client:
        """A browser that came back from the provider."""
        client = self.service.client()
        back = self.come_back(client, user, to)
        assert back.headers["location"] == to, back.headers
        return client

    def come_back(self, client: httpx.Client, user: str, to: str = "/") -> httpx.Response:
        """The answer to the browser that the provider sends back."""
        self.provider.user = user
        return client.get(self.to_provider(client, to))


def who(client: httpx.Client) -> dict[str, Any]:
    """Who the client is, as the pages are told."""
    found: dict[str, Any] = client.get("/v1/session").json()
    return found


def oidc_settings(provider: OidcProvider, **changes: Any) -> AuthSettings:
    """Of the service."""
    groups = {"watchers": [{"role": "viewer", "streams": ["yard"]}], "bosses": [{"role": "admin"}]}
    oidc = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET, "groups": groups, "recheck_s": 1}
    session = {"cache_s": 0}
    return AuthSettings.model_validate(
        {"mode": "accounts", "session": session, "recheck_s": 0.2, "oidc": oidc | changes}
    )


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        running.users["ada"] = ProviderUser("subject-ada", ["bosses", "others"])
        running.users["bo"] = ProviderUser("subject-bo", ["watchers"])
        running.users["eve"] = ProviderUser("subject-eve", ["others"])
        yield running


@pytest.fixture
def signing(provider: OidcProvider, tmp_path: Path) -> Iterator[Signing]:
    with running_accounts(tmp_path / "state", oidc_settings(provider, recheck_s=600)) as service:
        yield Signing(service, provider)


@pytest.fixture
def watched(provider: OidcProvider, tmp_path: Path) -> Iterator[Signing]:
    """The provider is asked again every second."""
    with running_accounts(tmp_path / "state", oidc_settings(provider)) as service:
        yield Signing(service, provider)
