"""The OpenAPI document: FastAPI's, with who may do what, and with the problems that each operation answers. Pure.

Everything is added here, at one place, from what the routes declare: `complete` goes over all operations.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from api.auth.machines.rate_limits import UNLIMITED
from api.documents.document_schemas import mend_schemas
from api.documents.route_table import DeclaredRoute, declared_routes
from api.http.errors import MEDIA_TYPE, TYPE_PREFIX
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

_SERVERS = [{"url": "/", "description": "Whoever serves this document."}]

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
    400: "The request is malformed: its path, its JSON, its percent-encoding, or the form around its files.",
    401: "No credential came with the request, or one that is wrong, expired or revoked.",
    403: "The principal may not do that; or the page that asks is of an origin that is not allowed.",
    404: "There is no such thing, or the principal may not know of it.",
    408: "The request did not arrive in time.",
    413: "The body, or the image in it, is too large.",
    415: "The body is of a media type that is not taken here.",
    421: "The service is not known under the name in the header Host.",
    422: "The request is invalid: the detail, or `errors`, names the fields, unknown query parameters too.",
    429: "Too many requests; the next one may follow after `Retry-After` seconds.",
    503: "The service is overloaded, starts or stops, or what it needs for this is unreachable.",
}
_TEXT: dict[str, Any] = {"type": "string"}
_SECONDS: dict[str, Any] = {"type": "integer", "minimum": 0}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to prove who one is (RFC 9110).", "schema": _TEXT}},
    429: {"Retry-After": {"description": "Seconds.", "schema": _SECONDS}},
    503: {"Retry-After": {"description": "Seconds, where the service knows.", "schema": _SECONDS}},
}
_ANY = frozenset({400, 401, 403, 421, 422, 503})
"""Problems that every operation may answer: of the request as it is written, of who asks, of the service as a whole."""
_OF_BODIES = frozenset({408, 413, 415})


def operation_id(route: APIRoute) -> str:
    """The id of the operation: the name of its function, which says what it does to what, as in `list_streams`.

    Clients that are generated from the document have methods of these names; tests/api/test_openapi.py holds them.
    """
    return route.name


class DescribedApp(FastAPI):
    """Livesight's application, whose `openapi` is complete."""

    accounts: bool = False
    """Whether requests need a credential."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, servers=_SERVERS, generate_unique_id_function=operation_id)

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
            _say_what_goes_wrong(operation, problems_of(route, "requestBody" in operation, accounts))
    _say_what_answers_too(document["paths"])
    mend_schemas(document)


def problem_response(status: int, description: str | None = None) -> dict[str, Any]:
    """A response in the form of a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    response = {"description": description or _WHY.get(status) or HTTPStatus(status).phrase, "content": content}
    return {**response, "headers": _HEADERS[status]} if status in _HEADERS else response


def problems_of(route: DeclaredRoute, has_body: bool, accounts: bool) -> set[int]:
    """The statuses of problems that the route may answer without describing them itself."""
    found = set(_ANY)
    if "{" in route.path:
        found.add(404)
    if has_body:
        found |= _OF_BODIES
    if accounts and route.path not in UNLIMITED:
        found.add(429)
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


def _say_what_goes_wrong(operation: dict[str, Any], statuses: set[int]) -> None:
    """Responses that the route describes itself keep their words; those without a model of their own are problems."""
    responses = operation["responses"]
    for status in statuses:
        problem = problem_response(status)
        own = responses.setdefault(str(status), problem)
        if "content" in own and not _is_of_fastapi(own):  # readiness, which has a form of its own
            own["content"] |= problem["content"]
    for name, response in list(responses.items()):
        if int(name) < 400:
            continue
        if not response.get("content") or _is_of_fastapi(response):
            own_words = None if _is_of_fastapi(response) else response.get("description")
            responses[name] = problem_response(int(name), own_words)
    operation["responses"] = dict(sorted(responses.items()))


def _say_what_answers_too(paths: dict[str, Any]) -> None:
    """Operations of `/v1/streams/{stream_id}` at `/v1/streams/test`, as there may be a stream of that name.

    In OpenAPI a path that is written out hides those with parameters; here it hides only what it has itself.
    """
    patterns = {path: compile_path(path)[0] for path in paths if "{" in path}
    for path, item in paths.items():
        for template, pattern in patterns.items():
            if path in patterns or not pattern.match(path):
                continue
            for method in paths[template].keys() - item.keys():
                item[method] = _at(paths[template][method], path, template)


def _at(operation: dict[str, Any], path: str, template: str) -> dict[str, Any]:
    """An operation with its parameters in the path filled in; `x-livesight-path`: whose it is."""
    found = copy.deepcopy(operation)
    found["parameters"] = [one for one in found.get("parameters", ()) if one["in"] != "path"]
    found["operationId"] = f"{found['operationId']}_at_{path.rpartition('/')[2].replace('-', '_')}"
    found["x-livesight-path"] = template
    return found


def _is_of_fastapi(response: dict[str, Any]) -> bool:
    own: str = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    return own.endswith(_FASTAPI_ERRORS)
