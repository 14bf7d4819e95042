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

from api.http.error_responses import problem_of, response_of
from workers.access.declaration import PRINCIPAL
from workers.access.principal import ANONYMOUS, Principal
from workers.errors import WorkerError


class CredentialReader(Protocol):
    """One way to prove who one is."""

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """The principal; None when the request has no credential of this kind.

        Raises Unauthenticated for one that is wrong, expired or revoked. Never blocks the loop.
        """
        ...


class Authentication:
    """Puts the principal into the scope. `otherwise`: who makes a request that proves nothing."""

    def __init__(self, app: ASGIApp, readers: Sequence[CredentialReader], otherwise: Principal = ANONYMOUS) -> None:
        self._app = app
        self._readers = readers
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        try:
            scope[PRINCIPAL] = await self._principal(scope)
        except WorkerError as error:
            response = response_of(problem_of(error))
            if scope["type"] == "websocket":
                return await WebSocket(scope, receive, send).send_denial_response(response)
            return await response(scope, receive, send)
        await self._app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal:
        connection = HTTPConnection(scope)
        for reader in self._readers:
            if (found := await reader.read(connection)) is not None:
                return found
        return self._otherwise
