"""The provider, asked over HTTP: discovery, keys, tokens. Runs on the event loop; made by any thread.

Discovery and keys are kept; keys are fetched anew for one that is not known, which is how providers exchange them. No
redirect is followed, and each address that discovery names must be one that nobody between can read.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx2
import structlog
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client.oauth2_client import AsyncOAuth2Client
from joserfc.jwk import Key

from api.auth.oidc.claims import Expected, id_token_claims, key_id, logout_token_claims, public_keys
from api.auth.oidc.errors import GrantRefused, ProviderAway, TokenRefused
from api.auth.oidc.settings import OidcSettings, is_secure_url
from workers.errors import SettingsError

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_KEEP_S = 3600.0
_KEYS_AGAIN_S = 5.0
_PROBLEM_S = 600.0
_DISCOVERY = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_USED = (*_NEEDED, "userinfo_endpoint", "end_session_endpoint")
_USED_UP = frozenset({"invalid_grant", "access_denied"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gave, its ID token checked already. `claims`: of that; None: a refresh brought none."""

    access_token: str
    refresh_token: str | None
    id_token: str | None
    claims: dict[str, Any] | None
    ends_s: float | None


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What a code is redeemed with: what the sign-in began with, and what came back."""

    code: str
    verifier: str
    nonce: str
    redirect_uri: str


class Provider:
    """`close` it when nobody signs in any more. Every call raises ProviderAway."""

    def __init__(self, settings: OidcSettings) -> None:
        """Raises SettingsError for a secret or an authority that cannot be read."""
        self.settings = settings
        secret = settings.secret()
        self._expected = Expected(settings.issuer, settings.client_id)
        self._client = AsyncOAuth2Client(
            client_id=settings.client_id,
            client_secret=secret,
            token_endpoint_auth_method="none" if secret is None else "client_secret_basic",
            scope=" ".join(settings.scopes),
            code_challenge_method="S256",
            timeout=settings.timeout_s,
            verify=_trust(settings),
        )
        self._metadata: tuple[dict[str, Any], float] | None = None
        self._keys: tuple[list[Key], float] | None = None
        self._lock: asyncio.Lock | None = None
        self._problem: tuple[str, float] | None = None

    async def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str, again: bool) -> str:
        """Where the browser goes to sign in. `again`: the provider asks who it is, even if it knows."""
        metadata = await self.metadata()
        more = {"prompt": "login"} if again else {}
        url, _ = self._client.create_authorization_url(
            metadata["authorization_endpoint"],
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            redirect_uri=redirect_uri,
            **more,
        )
        return str(url)

    async def redeem(self, grant: CodeGrant) -> Tokens:
        """Tokens for a code. Raises GrantRefused, TokenRefused."""
        metadata = await self.metadata()
        call = self._client.fetch_token(
            metadata["token_endpoint"],
            grant_type="authorization_code",
            code=grant.code,
            code_verifier=grant.verifier,
            redirect_uri=grant.redirect_uri,
        )
        tokens = await self._tokens(await self._asked(call), grant.nonce)
        if tokens.claims is None:
            raise TokenRefused("the provider gave no ID token; is openid among the client's scopes?")
        return tokens

    async def refresh(self, refresh_token: str) -> Tokens:
        """New tokens for a session that lasts. Raises GrantRefused when it has ended, TokenRefused."""
        metadata = await self.metadata()
        call = self._client.refresh_token(metadata["token_endpoint"], refresh_token=refresh_token)
        return await self._tokens(await self._asked(call), None)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """What the provider says of whom the token is for; empty where it has no such place. Raises GrantRefused."""
        url = (await self.metadata()).get("userinfo_endpoint")
        if url is None:
            return {}
        headers = {"authorization": f"Bearer {access_token}"}
        answer = await self._asked(self._client.request("GET", url, headers=headers, withhold_token=True))
        if answer.status_code in (401, 403):
            raise GrantRefused("the access token is not taken any more")
        return _object(answer)

    async def logout_claims(self, token: str) -> dict[str, Any]:
        """Of a logout token. Raises TokenRefused."""
        return logout_token_claims(token, await self._keys_for(token), self._expected)

    async def end_session_url(self, id_token: str | None, back_to: str) -> str | None:
        """Where the browser goes to sign out at the provider too; None where it has no such place."""
        url = (await self.metadata()).get("end_session_endpoint")
        if url is None:
            return None
        query = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back_to}
        if id_token is not None:
            query["id_token_hint"] = id_token
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"

    async def metadata(self) -> dict[str, Any]:
        """The discovery document, an hour old at the most; older while the provider is away."""
        async with self._locked():
            known = self._metadata
            if known is not None and time.monotonic() - known[1] < _KEEP_S:
                return known[0]
            try:
                found = self._checked(await self._get(f"{self.settings.issuer.rstrip('/')}{_DISCOVERY}"))
            except ProviderAway:
                if known is None:
                    raise
                return known[0]
            self._metadata = found, time.monotonic()
            return found

    def problem(self) -> str | None:
        """What was wrong when it was last asked, some minutes ago at the most. Never blocks."""
        known = self._problem
        return None if known is None or time.monotonic() - known[1] > _PROBLEM_S else known[0]

    async def close(self) -> None:
        """Idempotent."""
        await self._client.aclose()

    async def _tokens(self, answer: Mapping[str, Any], nonce: str | None) -> Tokens:
        access_token, id_token = answer.get("access_token"), answer.get("id_token")
        if not isinstance(access_token, str):
            raise ProviderAway("the provider's answer has no access token")
        claims = None
        if isinstance(id_token, str):
            keys = await self._keys_for(id_token)
            claims = id_token_claims(id_token, keys, self._expected, nonce=nonce, access_token=access_token)
        lasts = answer.get("expires_in")
        ends_s = time.time() + lasts if isinstance(lasts, int | float) else None
        return Tokens(access_token, answer.get("refresh_token"), id_token, claims, ends_s)

    async def _keys_for(self, token: str) -> list[Key]:
        wanted = key_id(token)
        url = (await self.metadata())["jwks_uri"]
        async with self._locked():
            known = self._keys
            age_s = float("inf") if known is None else time.monotonic() - known[1]
            has = known is not None and (wanted is None or any(key.kid == wanted for key in known[0]))
            if known is not None and (age_s < _KEYS_AGAIN_S if not has else age_s < _KEEP_S):
                return known[0]
            try:
                keys = public_keys(await self._get(url))
            except ProviderAway:
                if known is None or not has:
                    raise
                return known[0]
            self._keys = keys, time.monotonic()
            return keys

    async def _get(self, url: str) -> dict[str, Any]:
        return _object(await self._asked(self._client.request("GET", url, withhold_token=True)))

    async def _asked(self, call: Awaitable[Result]) -> Result:
        """Raises ProviderAway, GrantRefused."""
        try:
            async with asyncio.timeout(2 * self.settings.timeout_s):
                result = await call
        except OAuthError as error:
            if error.error in _USED_UP:
                raise GrantRefused(f"the provider says {error.error}: {error.description}"[:300]) from error
            raise self._away(f"it says {error.error}: {error.description}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError, ValueError) as error:
            raise self._away(str(error) or type(error).__name__) from error
        self._problem = None
        return result

    def _away(self, reason: str) -> ProviderAway:
        self._problem = f"auth.oidc: the provider {self.settings.issuer}: {reason[:200]}", time.monotonic()
        return ProviderAway(f"the provider {self.settings.issuer} cannot be used now: {reason[:200]}")

    def _checked(self, metadata: dict[str, Any]) -> dict[str, Any]:
        name = metadata.get("issuer")
        if name != self.settings.issuer:
            raise self._away(f"it calls itself {name!r}: auth.oidc.issuer must be the same, to the letter")
        for place in _USED:
            url = metadata.get(place)
            if url is None and place not in _NEEDED:
                continue
            if not isinstance(url, str) or not is_secure_url(url):
                raise self._away(f"its {place} is missing or no https:// address")
        return metadata

    def _locked(self) -> asyncio.Lock:
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock


def _object(answer: httpx2.Response) -> dict[str, Any]:
    """Raises ProviderAway."""
    if answer.status_code != 200:
        raise ProviderAway(f"the provider answered {answer.status_code} at {answer.url.path}")
    try:
        value = answer.json()
    except ValueError as error:
        raise ProviderAway(f"the provider's answer at {answer.url.path} is no JSON") from error
    if not isinstance(value, dict):
        raise ProviderAway(f"the provider's answer at {answer.url.path} is no object")
    return value


def _trust(settings: OidcSettings) -> ssl.SSLContext:
    """Reads certificates: hence made before the loop runs."""
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"auth.oidc.ca_file: {settings.ca_file}: {error}") from error
    return context
