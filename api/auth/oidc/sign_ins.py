"""Signing in and out at the provider. Runs on the event loop; database in threads.

The code flow with PKCE, state and nonce. What a sign-in began with is sealed in a cookie of the browser that began it:
nobody can finish it elsewhere, nothing is kept for those who never come back, and any process can finish it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Connection

from api.auth.accounts_database import AccountsDatabase
from api.auth.oidc.claims import claim_at, grants_of, groups_at
from api.auth.oidc.errors import (
    AccountDisabled,
    GrantRefused,
    NoGroup,
    ProviderError,
    SignInCancelled,
    SignInExpired,
    TokenRefused,
)
from api.auth.oidc.provider import CodeGrant, Provider, Tokens
from api.auth.oidc.seal import OnceOnly, Seal
from api.auth.oidc.session_store import Account, ProviderSessions
from api.auth.people.people import AccountEvent, People
from api.auth.people.session_store import Client, Session

log = structlog.get_logger(__name__)

SIGN_IN_S = 600
CALLBACK = "/v1/oidc/callback"
_LOGOUT_TOKEN_S = 3600.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way: where the browser goes, and what it keeps."""

    url: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A new session's token, and where the browser wanted to go."""

    token: str
    session: Session
    to: str


@dataclass(frozen=True, slots=True)
class CallbackParameters:
    """What the provider sent along, none of it believed."""

    code: str | None
    state: str | None
    issuer: str | None
    error: str | None


class ProviderSignIns:
    """What the routes call. `provider`'s owner is whoever made this."""

    def __init__(self, people: People, accounts: AccountsDatabase, provider: Provider, secret: bytes) -> None:
        self.provider = provider
        self.settings = provider.settings
        self.sessions = ProviderSessions(accounts.database, provider.settings.issuer)
        self.tokens = Seal(secret, "tokens of a provider")
        self._begun = Seal(secret, "sign-in at a provider")
        self._used = OnceOnly()
        self._people = people
        self._accounts = accounts

    async def begin(self, to: str, base_url: str, *, again: bool) -> Begun:
        """Raises ProviderAway. `to`: a path of this service. `base_url`: where the browser says that it is."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        redirect_uri = f"{self.settings.public_url or base_url}{CALLBACK}"
        url = await self.provider.authorization_url(redirect_uri, state, nonce, verifier, again)
        begun = {"state": state, "nonce": nonce, "verifier": verifier, "redirect_uri": redirect_uri, "to": to}
        return Begun(url, self._begun.seal(begun))

    async def finish(self, came: CallbackParameters, sealed: str | None, client: Client) -> Finished:
        """Sign whoever came back in. Raises ProviderError, DatabaseUnavailable."""
        try:
            return await self._finish(came, sealed, client)
        except ProviderError as error:
            self._people.on_event(AccountEvent("sign-in-failed", "", "", client.address))
            log.info("provider_sign_in_failed", address=client.address, kind=error.page_code, reason=str(error)[:300])
            raise

    async def _finish(self, came: CallbackParameters, sealed: str | None, client: Client) -> Finished:
        begun = None if sealed is None else self._begun.open(sealed, SIGN_IN_S)
        if begun is None or came.state is None or not hmac.compare_digest(came.state.encode(), begun["state"].encode()):
            raise SignInExpired("the browser's cookie is missing, too old, or of another sign-in")
        if not self._used.use(begun["state"], SIGN_IN_S):
            raise SignInExpired("this sign-in has come to its end already")
        await self._check_issuer(came)
        if came.error is not None or not came.code:
            kind = SignInCancelled if came.error == "access_denied" else GrantRefused
            raise kind(f"the provider says {came.error!r}")
        tokens = await self.provider.redeem(
            CodeGrant(came.code, begun["verifier"], begun["nonce"], begun["redirect_uri"])
        )
        token, session = await self._open(tokens, client)
        return Finished(token, session, begun["to"])

    async def _check_issuer(self, came: CallbackParameters) -> None:
        """RFC 9207: against a provider's answer that comes from another one. Raises TokenRefused."""
        metadata = await self.provider.metadata()
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if came.issuer != self.settings.issuer and (promised or came.issuer is not None):
            raise TokenRefused("the answer is of another issuer")

    async def _open(self, tokens: Tokens, client: Client) -> tuple[str, Session]:
        claims = tokens.claims or {}
        said, groups = await self.groups_of(tokens, claims["sub"])
        grants = grants_of(groups, self.settings.groups)
        subject = claims["sub"]
        if not grants:
            await self._lost(subject)
            raise NoGroup(f"subject {subject}: none of the groups in {self.settings.groups_claim} may use this service")
        account = Account(
            self.settings.issuer, subject, self._name(said), urlsplit(self.settings.issuer).hostname or ""
        )
        user, new = await self._accounts.run(lambda database: self.sessions.account(account, grants))
        if user.disabled:
            raise AccountDisabled(f"the account {user.id} is disabled here")
        if new:
            self._people.on_event(AccountEvent("user-added", f"user:{user.id}", user.id, client.address))
        else:
            self._people.changed(user.id)
        sid = claims.get("sid")
        sealed = self.sealed(tokens)

        def also(connection: Connection, session: Session) -> None:
            self.sessions.add(connection, session, subject, sid if isinstance(sid, str) else None, sealed)

        return await self._people.open_session(user, client, also)

    async def groups_of(self, tokens: Tokens, subject: str) -> tuple[dict[str, Any], list[str]]:
        """What the provider says now, and the groups in it: of the ID token, or else of userinfo.

        Raises ProviderAway, GrantRefused, TokenRefused.
        """
        said = tokens.claims or {}
        groups = groups_at(said, self.settings.groups_claim)
        if groups is None:
            more = await self.provider.userinfo(tokens.access_token)
            if more and more.get("sub") != subject:
                raise TokenRefused("userinfo is of somebody else")
            said = {**more, **said}
            groups = groups_at(more, self.settings.groups_claim)
        return said, groups or []

    def sealed(self, tokens: Tokens, before: dict[str, Any] | None = None) -> str:
        """What is kept of tokens: what asks again, and the ID token, which signing out names. `before`: what was."""
        kept = before or {}
        refresh_token = tokens.refresh_token or kept.get("refresh_token")
        id_token = tokens.id_token or kept.get("id_token")
        if refresh_token is not None:
            return self.tokens.seal({"refresh_token": refresh_token, "id_token": id_token})
        access = {"access_token": tokens.access_token, "ends_s": tokens.ends_s}
        return self.tokens.seal({**access, "id_token": id_token})

    async def end_session_url(self, session_id: str, base_url: str) -> str | None:
        """Where whoever signs out of that session goes to sign out at the provider. None: it did not begin there, or
        the provider is away or has no such place."""
        found = await self._accounts.run(lambda database: self.sessions.get(session_id))
        if found is None:
            return None
        kept = self.tokens.open(found.sealed) or {}
        try:
            return await self.provider.end_session_url(kept.get("id_token"), f"{self.settings.public_url or base_url}/")
        except ProviderError as error:
            log.info("not_signed_out_at_provider", reason=str(error))
            return None

    async def signed_out_there(self, logout_token: str) -> None:
        """Back-channel log-out: end what the provider ended. Raises TokenRefused, ProviderAway."""
        claims = await self.provider.logout_claims(logout_token)
        used = f"logout {claims['jti']}"
        if not self._used.use(used, max(_LOGOUT_TOKEN_S, claims["exp"] - time.time())):
            raise TokenRefused("the logout token was used already")
        try:
            ended = await self._accounts.run(partial(self._signed_out, claims))
        except BaseException:  # the provider may send it again
            self._used.forget(used)
            raise
        log.info("signed_out_at_provider", accounts=len(ended))
        for user_id in ended:
            self._people.changed(user_id)
            self._people.on_event(AccountEvent("signed-out", "", user_id))

    def _signed_out(self, claims: dict[str, Any], database: object) -> list[str]:
        return self.sessions.signed_out(claims.get("sub"), claims.get("sid"))

    async def _lost(self, subject: str) -> None:
        """Whoever is in no group any more may do nothing, in sessions that last too."""
        user_id = await self._accounts.run(lambda database: self.sessions.without_grants(subject))
        if user_id is not None:
            self._people.changed(user_id)

    def _name(self, claims: dict[str, Any]) -> str:
        names = (claim_at(claims, name) for name in (self.settings.name_claim, "name", "email", "sub"))
        return next(name for name in names if isinstance(name, str) and name.strip())
