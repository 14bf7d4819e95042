"""What a route needs: `Depends(Needs("events"))`, `Depends(SignedIn())`, or `Depends(Open("why"))`. On the event loop.

Every route has exactly one of the three, which tests/api/test_authorization.py checks. The principal of a request is
put into its scope by the middleware of api/auth/authentication.py; without that nobody may do anything.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import HTTPConnection

from workers.access.principal import ANONYMOUS, Principal
from workers.access.roles import ROLE_OF, Action
from workers.errors import Forbidden, StreamUnknown, Unauthenticated

PRINCIPAL = "livesight.principal"
"""Where the scope of a request has its principal."""

FORWARDED_BY: Final = "livesight.forwarded_by"
"""Where the scope of a forwarded request has the name of the process that forwarded it, and proved that it did."""

HOW_TO_SIGN_IN = "sign in, or send a key as X-API-Key or Authorization: Bearer"


def principal_of(connection: HTTPConnection) -> Principal:
    """Who makes the request."""
    found = connection.scope.get(PRINCIPAL, ANONYMOUS)
    assert isinstance(found, Principal)
    return found


async def current_principal(connection: HTTPConnection) -> Principal:
    """As `principal_of`, as a dependency."""
    return principal_of(connection)


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


def check(principal: Principal, action: Action, stream_id: str | None = None) -> None:
    """Raises Unauthenticated, Forbidden, or StreamUnknown where the principal may not know that the stream exists."""
    if principal.may(action, stream_id):
        return
    if principal.kind == "anonymous":
        raise Unauthenticated(HOW_TO_SIGN_IN)
    if stream_id is not None and ROLE_OF[action] != "operator" and not principal.knows(stream_id):
        raise StreamUnknown(f"stream {stream_id} does not exist")
    where = "" if stream_id is None else f" on stream {stream_id}"
    raise Forbidden(f"this needs the role {ROLE_OF[action]}{where} (action {action})")


class Needs:
    """A dependency that lets only those in who may do `action`, on the stream that the path names if it names one.

    Where the path names none, the principal may do it on some stream at least; the route shows what lies in
    `principal.scope(action)` and no more. Returns the principal.
    """

    def __init__(self, action: Action) -> None:
        self.action: Action = action

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """See the class. Raises as `check`."""
        principal = principal_of(connection)
        check(principal, self.action, connection.path_params.get("stream_id"))
        return principal


class SignedIn:
    """A dependency that lets in whoever proved who they are, whatever they may do: for what is one's own."""

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """The principal. Raises Unauthenticated."""
        principal = principal_of(connection)
        if principal.kind == "anonymous":
            raise Unauthenticated(HOW_TO_SIGN_IN)
        return principal


class Open:
    """A dependency for routes that anybody may use, such as the page to sign in at; `why` stands in the table."""

    def __init__(self, why: str) -> None:
        self.why = why

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """The principal, perhaps an anonymous one."""
        return principal_of(connection)


Declaration = Needs | SignedIn | Open

MaySeePictures = Annotated[Principal, Depends(Needs("pictures"))]
MaySeeResults = Annotated[Principal, Depends(Needs("results"))]
MaySeeEvents = Annotated[Principal, Depends(Needs("events"))]
"""For routes that show only what the principal may see: `async def list_events(principal: MaySeeEvents, …)`."""
