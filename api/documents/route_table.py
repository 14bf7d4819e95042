"""Which role each route and socket needs, read from an application: the table docs/authorization.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from workers.access.declaration import Declaration, Needs, Open, SignedIn
from workers.access.guarded_route import UndeclaredRoute, declaration_of
from workers.access.roles import INSTALLATION, ROLE_OF, ROLES, Role, includes

SOCKET = "WS"
_STREAM = "{stream_id}"
_HEAD = """# Who may use what

Made by `python deployment/authorization.py` from what the routes declare (`workers/access/`); do not edit. A test
compares it with the code, and fails on a route that declares nothing.

A grant gives a role on the streams that its patterns match. In the table:

- **yes**: with a grant for any streams. Lists, counts, sockets and metrics show what lies in the granted streams only.
- **its streams**: when a grant matches the stream that the path names.
- **all streams**: with a grant for all streams (`*`), for the action concerns the whole installation.
- **–**: never.

Who may not is answered 401 `unauthenticated` without a credential, 404 `stream-unknown` where the principal may see
nothing of the stream that the path names, as if it did not exist, and else 403 `forbidden`. What operators do to a
stream (push, zones, rules, drift) is 403 in both cases, for such a stream need not exist. All this is decided before
the request's body is read. With `auth.mode: none`, whoever reaches the service has the role admin.
"""


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """One method of one path, and what it declares. `method`: of HTTP, or SOCKET."""

    path: str
    method: str
    declaration: Declaration

    @property
    def names_stream(self) -> bool:
        """Whether the path names a stream."""
        return _STREAM in self.path

    @property
    def order(self) -> tuple[str, str]:
        """By path, then method."""
        return self.path, self.method

    def word(self, role: Role) -> str:
        """What the table says of a role."""
        if not isinstance(self.declaration, Needs):
            return "yes"
        action = self.declaration.action
        if not includes(role, ROLE_OF[action]):
            return "–"
        if action in INSTALLATION:
            return "all streams"
        return "its streams" if self.names_stream else "yes"


def declared_routes(app: FastAPI) -> list[DeclaredRoute]:
    """Every route and socket, those of extensions too, by path. Raises UndeclaredRoute."""
    return sorted(_routes(app), key=lambda route: route.order)


def _routes(app: FastAPI) -> Iterator[DeclaredRoute]:
    for route in iter_route_contexts(app.routes):
        if not hasattr(route, "dependant") or route.path is None:
            raise UndeclaredRoute(f"{route.path or route.original_route!r} is not a route of FastAPI's")
        declaration = declaration_of(route)
        for method in route.methods or (SOCKET,):
            yield DeclaredRoute(route.path, method, declaration)


def markdown(app: FastAPI) -> str:
    """The page docs/authorization.md."""
    routes = declared_routes(app)
    lines = [_HEAD, "## Routes", "", _row("route", "method", "action", "least role", *ROLES), _row(*["---"] * 10)]
    for route in routes:
        if isinstance(route.declaration, Needs):
            action = route.declaration.action
            words = (route.word(role) for role in ROLES)
            lines.append(_row(f"`{route.path}`", route.method, action, ROLE_OF[action], *words))
    lines += ["", "## For everybody who is signed in", "", _row("route", "method"), _row(*["---"] * 2)]
    lines += [_row(f"`{one.path}`", one.method) for one in routes if isinstance(one.declaration, SignedIn)]
    lines += ["", "## Open to anybody", "", _row("route", "method", "why"), _row(*["---"] * 3)]
    for route in routes:
        if isinstance(route.declaration, Open):
            lines.append(_row(f"`{route.path}`", route.method, route.declaration.why))
    return "\n".join([*lines, ""])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
