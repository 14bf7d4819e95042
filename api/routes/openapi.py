"""The OpenAPI document: FastAPI's, with who may do what, and with the problems that each operation answers. Pure.

Everything is added here, at one place, from what the routes declare: `complete` goes over all operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from api.http.errors import MEDIA_TYPE, TYPE_PREFIX
from api.routes.route_table import DeclaredRoute, declared_routes
from workers.access.declaration import Needs, Open
from workers.access.roles import ROLE_OF

SCHEMES: dict[str, dict[str, str]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-livesight",
        "description": "The session of a person who signed in.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of a service account."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, as WHIP clients send it."},
}
"""The ways to prove who one is; each of them suffices."""

_NO_CREDENTIAL: dict[str, list[str]] = {}
_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error, as RFC 9457 defines it. Some kinds have further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": f"Stable: `{TYPE_PREFIX}` and the kind.",
            "examples": [f"{TYPE_PREFIX}stream-unknown"],
        },
        "title": {"type": "string", "description": "The kind in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the answer."},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "errors": {
            "type": "array",
            "description": "Of invalid requests: each field and why it was refused.",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
_WHY = {
    401: "No credential came with the request, or one that is wrong, expired or revoked.",
    403: "The principal may not do that; or the page that asks is of an origin that is not allowed.",
    404: "There is no such thing, or the principal may not know of it.",
    422: "The request is invalid; `errors` names the fields.",
}


class DescribedApp(FastAPI):
    """Livesight's application, whose `openapi` is complete."""

    accounts: bool = False
    """Whether requests need a credential."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once, when all routes are there."""
        if self.openapi_schema is None:
            document = super().openapi()
            complete(document, declared_routes(self), accounts=self.accounts)
        assert self.openapi_schema is not None
        return self.openapi_schema


def complete(document: dict[str, Any], routes: Iterable[DeclaredRoute], *, accounts: bool) -> None:
    """Add to each operation what it needs, and its problems. Without accounts everybody may do it."""
    components = document.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    schemas = components.setdefault("schemas", {})
    for name in _FASTAPI_ERRORS:  # no route answers in that form
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for route in routes:
        operation = document["paths"].get(route.path, {}).get(route.method.lower())
        if operation is not None:
            _say_who(operation, route, accounts)
            _say_what_goes_wrong(operation, route)


def problem_response(status: int, description: str | None = None) -> dict[str, Any]:
    """A response in the form of a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description or _WHY.get(status) or HTTPStatus(status).phrase, "content": content}


def problems_of(route: DeclaredRoute) -> set[int]:
    """The statuses of problems that the route may answer for what it declares."""
    found = {401}
    if not isinstance(route.declaration, Open):
        found.add(403)
    if "{" in route.path:
        found.add(404)
    return found


def _say_who(operation: dict[str, Any], route: DeclaredRoute, accounts: bool) -> None:
    if isinstance(route.declaration, Open):
        operation["x-livesight-open"] = route.declaration.why
        operation["security"] = []
        return
    if isinstance(route.declaration, Needs):
        action = route.declaration.action
        operation["x-livesight-action"], operation["x-livesight-role"] = action, ROLE_OF[action]
    ways: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]
    operation["security"] = ways if accounts else [*ways, _NO_CREDENTIAL]


def _say_what_goes_wrong(operation: dict[str, Any], route: DeclaredRoute) -> None:
    """Responses that the route describes itself keep their words; those without a model of their own are problems."""
    responses = operation["responses"]
    for status in problems_of(route):
        responses.setdefault(str(status), problem_response(status))
    for name, response in list(responses.items()):
        status = int(name)
        if status < 400:
            continue
        own = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        if not response.get("content") or own.endswith(_FASTAPI_ERRORS):
            responses[name] = problem_response(status, None if own else response.get("description"))
    operation["responses"] = dict(sorted(responses.items()))
