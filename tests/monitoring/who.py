"""Who asks, in tests of monitoring's routes: everybody as a local admin, or principals by the key they send."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from api.auth.authentication import Authentication
from workers.access.principal import LOCAL_ADMIN, Principal
from workers.errors import Unauthenticated


class Keys:
    """A CredentialReader: the principal whose name is sent as X-API-Key."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self._principals = principals

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """See CredentialReader."""
        key = connection.headers.get("x-api-key")
        if key is None:
            return None
        if key not in self._principals:
            raise Unauthenticated("this key is unknown")
        return self._principals[key]


def admit(app: FastAPI, principals: Mapping[str, Principal] | None = None) -> FastAPI:
    """Find out who asks, as the service does. principals: by key; None: everybody is a local admin."""
    if principals is None:
        app.add_middleware(Authentication, readers=[], otherwise=LOCAL_ADMIN)
    else:
        app.add_middleware(Authentication, readers=[Keys(principals)])
    return app
