"""Finds out who makes a request. ASGI middleware outside the cluster's proxy; runs on the event loop.

Each way to prove who one is, a cookie, a key, a signed link, another process's assertion, is a `CredentialReader`. The
first that finds something of its kind in the request decides: one that is wrong is refused with 401, whatever else came
with it. Without any the principal is ANONYMOUS, which may use the open routes only, or LOCAL_ADMIN in `auth.mode` none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.auth.machines.rate_limits import RateLimits, telling
from api.http.error_responses import problem_of, response_of
from api.http.errors import Problem
from workers.access.declaration import PRINCIPAL
from workers.access.principal import ANONYMOUS, Principal
from workers.errors import Unauthenticated, WorkerError


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        spent = None
        try:
            scope[PRINCIPAL] = principal = await self._counted(scope)
            if self._limits is not None:
                spent = self._limits.count(scope, principal)
        except (Problem, WorkerError) as error:
            response = response_of(problem_of(error))
            if scope["type"] == "websocket":
                return await WebSocket(scope, receive, send).send_denial_response(response)
            return await response(scope, receive, send)
        await self._app(scope, receive, telling(send, spent))

    async def _counted(self, scope: Scope) -> Principal:
        """A credential that is wrong counts as a request of nobody. Raises Unauthenticated, Problem."""
        try:
            return await self._principal(scope)
        except Unauthenticated:
            if self._limits is not None:
                self._limits.count(scope, ANONYMOUS)
            raise

    async def _principal(self, scope: Scope) -> Principal:
        connection = HTTPConnection(scope)
        for reader in self._readers:
            if (found := await reader.read(connection)) is not None:
                return found
        return self._otherwise
