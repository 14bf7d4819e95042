"""Finds out who makes a request. ASGI middleware outside the cluster's proxy; runs on the event loop.

Each way to prove who one is, a cookie, a key, a signed link, another process's assertion, is a `CredentialReader`. The
first that finds something of its kind in the request decides: one that is wrong is refused with 401, whatever else came
with it. Without any the principal is ANONYMOUS, which may use the open routes only, or LOCAL_ADMIN in `auth.mode` none.

Guessing costs the database nothing once an address has used up what nobody in particular may ask for: then only keys
and sessions are looked up there that were right before.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.auth.machines.rate_limits import RateLimits, Spent, telling
from api.auth.people.session_reader import token_of
from api.http.error_responses import problem_of, response_of
from api.http.errors import Problem
from workers.access.assertion import HEADER as ASSERTION
from workers.access.declaration import PRINCIPAL
from workers.access.principal import ANONYMOUS, Principal
from workers.errors import Unauthenticated, WorkerError

_MOST_PROVEN = 10_000


class CredentialReader(Protocol):
    """One way to prove who one is."""

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """The principal; None when the request has no credential of this kind.

        Raises Unauthenticated for one that is wrong, expired or revoked. Never blocks the loop.
        """
        ...


class Authentication:
    """Puts the principal into the scope, and counts what it asks for against its limits.

    `otherwise`: who makes a request that proves nothing. `limits` None: nothing is counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        readers: Sequence[CredentialReader],
        otherwise: Principal = ANONYMOUS,
        limits: RateLimits | None = None,
    ) -> None:
        self._app = app
        self._readers = readers
        self._otherwise = otherwise
        self._limits = limits
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        spent = None
        try:
            if self._limits is None:
                scope[PRINCIPAL] = await self._principal(HTTPConnection(scope))
            else:
                spent = await self._counted(scope, self._limits)
        except (Problem, WorkerError) as error:
            response = response_of(problem_of(error))
            if scope["type"] == "websocket":
                return await WebSocket(scope, receive, send).send_denial_response(response)
            return await response(scope, receive, send)
        await self._app(scope, receive, telling(send, spent))

    async def _counted(self, scope: Scope, limits: RateLimits) -> Spent | None:
        """A credential that is wrong counts as a request of nobody. Raises Unauthenticated, Problem."""
        connection = HTTPConnection(scope)
        presented = _presented(connection)
        if presented is not None and presented not in self._proven:
            limits.check_anonymous(scope)
        try:
            scope[PRINCIPAL] = principal = await self._principal(connection)
        except Unauthenticated:
            self._remember(presented, False)
            limits.count(scope, ANONYMOUS, presented=presented is not None)
            raise
        self._remember(presented, principal.kind in ("user", "service"))
        return limits.count(scope, principal, presented=presented is not None)

    def _remember(self, presented: bytes | None, right: bool) -> None:
        if presented is None:
            return
        self._proven.pop(presented, None)
        if right:
            self._proven[presented] = None
            if len(self._proven) > _MOST_PROVEN:
                self._proven.popitem(last=False)

    async def _principal(self, connection: HTTPConnection) -> Principal:
        for reader in self._readers:
            if (found := await reader.read(connection)) is not None:
                return found
        return self._otherwise


def _presented(connection: HTTPConnection) -> bytes | None:
    """The key or session that a request has, as a hash; None: it has neither, or another process vouches for it."""
    headers = connection.headers
    if ASSERTION in headers:
        return None
    bearers = [text for text in headers.getlist("authorization") if text.strip().lower().startswith("bearer")]
    found = [*headers.getlist("x-api-key"), *bearers, *filter(None, [token_of(connection)])]
    return hashlib.sha256("\n".join(found).encode()).digest() if found else None
