"""Reads the assertion of another process of the cluster. Runs on the event loop.

A request that has one was forwarded, and is answered here whatever this process thinks about who should: so two that
disagree do not forward it for ever. Nothing else marks a request so, where processes have a secret.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

from workers.access.assertion import HEADER, Assertions
from workers.access.declaration import FORWARDED_BY
from workers.access.principal import Principal
from workers.errors import Unauthenticated


class AssertionReader:
    """A CredentialReader. `assertions` None: this process has no secret, so whatever comes is refused."""

    def __init__(self, assertions: Assertions | None) -> None:
        self._assertions = assertions

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """See CredentialReader."""
        tokens = connection.headers.getlist(HEADER)
        if not tokens:
            return None
        if self._assertions is None:
            raise Unauthenticated(f"{HEADER}: this process has no cluster.secret to check it with")
        if len(tokens) > 1:
            raise Unauthenticated(f"{HEADER} was sent more than once")
        asserted = self._assertions.read(tokens[0], connection.scope.get("method", "GET"), resource(connection.scope))
        connection.scope[FORWARDED_BY] = asserted.process
        return asserted.principal


def resource(scope: Scope) -> str:
    """Path and query of a request as they came, not decoded."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (raw.split(b"?", 1)[0] + (b"?" + query if query else b"")).decode("latin-1")
