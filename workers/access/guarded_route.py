"""Routes that ask who may use them before they read anything of the request. Runs on the event loop.

FastAPI reads and parses a body before it runs dependencies: without this an anonymous client could make the service
read bodies, and would learn from 422 what a route takes. Every HTTP route is of this class; a route whose declaration
was forgotten cannot even be made.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from workers.access.declaration import Declaration


class UndeclaredRoute(TypeError):
    """A route does not say who may use it, or says it twice."""


class GuardedRoute(APIRoute):
    """For `APIRouter(route_class=GuardedRoute)`: the declaration is asked before the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See the class. Raises UndeclaredRoute."""
        handler = super().get_route_handler()
        declared = declaration_of(self)

        async def guarded(request: Request) -> Response:
            await declared(request)
            return await handler(request)

        return guarded


def declaration_of(route: Any) -> Declaration:
    """What a route or socket of FastAPI's declares. Raises UndeclaredRoute unless that is exactly one thing."""
    calls = [dependency.call for dependency in route.dependant.dependencies]
    declared = list(dict.fromkeys(call for call in calls if isinstance(call, Declaration)))
    if len(declared) == 1:
        return declared[0]
    found = "nothing" if not declared else "several actions"
    raise UndeclaredRoute(f"{route.path} declares {found}: it needs one Depends of Needs(…), SignedIn(), Open(why)")
