"""Who a session's cookie belongs to. Runs on the event loop.

What was looked up is believed for some seconds, so that a page's many requests ask the database once. A cookie whose
session has ended counts as none: the page to sign in at must open with it, and everything else is refused anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence

from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.auth.accounts_database import AccountsDatabase
from api.auth.people.session_store import SESSION_CREDENTIAL, Session, SessionStore, hash_of
from api.auth.settings import SessionSettings
from workers.access.principal import Principal
from workers.errors import DatabaseUnavailable

SECURE_COOKIE = "__Host-livesight"
"""Browsers keep it only from this very host, over TLS, for all paths (RFC 6265bis, 4.1.3.2)."""

PLAIN_COOKIE = "livesight"
_MOST = 10_000
_MOST_CHARACTERS = 100


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the browser speaks TLS: with us, or with a proxy that we trust (uvicorn's proxy_headers)."""
    return connection.scope.get("scheme") in ("https", "wss")


def token_of(connection: HTTPConnection) -> str | None:
    """What the cookie holds. Over TLS only the cookie that no other host can set counts."""
    token = connection.cookies.get(SECURE_COOKIE if is_secure(connection) else PLAIN_COOKIE)
    return token if token and len(token) <= _MOST_CHARACTERS else None


def set_cookie(response: Response, connection: HTTPConnection, token: str, max_age_s: float) -> None:
    """SameSite is Lax, not Strict: a link to a clip in a chat opens, and what changes something, which is never a GET,
    comes without the cookie from foreign pages, and is refused for its Origin besides (api/http/origin.py)."""
    secure = is_secure(connection)
    name = SECURE_COOKIE if secure else PLAIN_COOKIE
    response.set_cookie(name, token, round(max_age_s), path="/", secure=secure, httponly=True, samesite="lax")


def delete_cookie(response: Response, connection: HTTPConnection) -> None:
    """Have the browser forget it."""
    secure = is_secure(connection)
    name = SECURE_COOKIE if secure else PLAIN_COOKIE
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


class SessionReader:
    """A CredentialReader, and a Revalidator of what it found."""

    def __init__(self, accounts: AccountsDatabase, sessions: SessionStore, settings: SessionSettings) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._settings = settings
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()  # by token's hash; when looked up
        self._asked: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._changes = 0

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """See CredentialReader. Raises DatabaseUnavailable for one that is not known while the database is away."""
        token = token_of(connection)
        if token is None:
            return None
        key = hash_of(token)
        known = self._known.get(key)
        if known is not None and time.monotonic() - known[1] < self._settings.cache_s and _lasts(known[0]):
            return known[0]
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.create_task(self._look_up(key))
            asked.add_done_callback(lambda done: self._answered(key, done))
        try:
            return await asyncio.shield(asked)
        except DatabaseUnavailable:
            if known is None or time.monotonic() - known[1] >= self._settings.away_s or not _lasts(known[0]):
                raise
            return known[0]

    async def revalidate(self, principals: Sequence[Principal]) -> Sequence[Principal | None]:
        """See Revalidator. Raises DatabaseUnavailable."""
        ids = [principal.credential.removeprefix(SESSION_CREDENTIAL) for principal in principals]
        found = await self._accounts.recheck(lambda database: self._sessions.by_ids(ids))
        return [found[session_id].principal() if session_id in found else None for session_id in ids]

    def handles(self, principal: Principal) -> bool:
        """Whether `revalidate` knows its credential."""
        return principal.credential.startswith(SESSION_CREDENTIAL)

    def forget(self, user_id: str) -> None:
        """Look up that account's sessions anew; look-ups that are under way are not believed for longer than once."""
        self._changes += 1
        for key in [key for key, (principal, _) in self._known.items() if principal.id == f"user:{user_id}"]:
            del self._known[key]

    async def _look_up(self, key: bytes) -> Principal | None:
        changes = self._changes
        session: Session | None = await self._accounts.run(lambda database: self._sessions.find(key))
        if session is None:
            self._known.pop(key, None)
            return None
        principal = session.principal()
        if changes != self._changes:
            return principal
        self._known[key] = principal, time.monotonic()
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return principal

    def _answered(self, key: bytes, done: asyncio.Task[Principal | None]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()  # raised where it is awaited; that one may be gone


def _lasts(principal: Principal) -> bool:
    return principal.expires_at_s is None or time.time() < principal.expires_at_s
