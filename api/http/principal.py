"""Who makes a request. Runs on the event loop.

Every route and every socket depends on `current_principal`; authentication will plug in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, for which tenant, with which roles."""

    tenant: str
    roles: frozenset[str]


LOCAL_ADMIN = Principal(tenant="local", roles=frozenset({"admin"}))


async def current_principal(connection: HTTPConnection) -> Principal:
    """The principal of a request or a socket: a local admin for now."""
    return LOCAL_ADMIN


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
