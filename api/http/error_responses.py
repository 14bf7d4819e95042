"""Answers every error as RFC 9457 problem JSON. Runs on the event loop."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import compile_path

from api.http.errors import KINDS, MEDIA_TYPE, Problem
from api.http.peer_faults import LEFT
from stream.errors import (
    AddressRefused,
    BadImageError,
    BadOfferError,
    EtagMismatchError,
    EtagMissingError,
    MailboxClosed,
    RestartUnsupportedError,
    SessionUnknownError,
    SourceError,
    StreamError,
    TooLargeError,
    TooManySessionsError,
    TooSlowError,
    UnsupportedOfferError,
)
from workers.errors import (
    BusError,
    EngineError,
    ExplainError,
    ModelDamaged,
    ModelError,
    PromotionError,
    StreamExists,
    StreamUnknown,
    WorkerError,
)
from workers.validation import reason

log = structlog.get_logger(__name__)

_BY_STATUS = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "media-type-unsupported",
    422: "invalid-request",
}

_CHALLENGE = {401: {"www-authenticate": 'Bearer realm="livesight"'}}  # RFC 9110, 15.5.2

_BY_ERROR: tuple[tuple[type[Exception], str], ...] = (
    (StreamUnknown, "stream-unknown"),
    (StreamExists, "stream-exists"),
    (ModelDamaged, "model-damaged"),
    (PromotionError, "promotion-refused"),
    (ModelError, "model-unavailable"),
    (ExplainError, "nothing-to-explain"),
    (EngineError, "engine-unavailable"),
    (BusError, "bus-unavailable"),
    (AddressRefused, "address-refused"),
    (SourceError, "source-refused"),
    (TooLargeError, "image-too-large"),
    (TooSlowError, "overloaded"),
    (BadImageError, "bad-image"),
    (MailboxClosed, "conflict"),
    (BadOfferError, "bad-request"),
    (UnsupportedOfferError, "offer-unsupported"),
    (SessionUnknownError, "session-unknown"),
    (EtagMissingError, "precondition-required"),
    (EtagMismatchError, "session-changed"),
    (RestartUnsupportedError, "restart-unsupported"),
    (TooManySessionsError, "overloaded"),
)


def problem_of(error: Exception) -> Problem:
    """The problem for `error`; an unexpected one is logged, and its details stay out of the answer."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, WorkerError) and error.problem is not None:
        kind, status, title = error.problem
        wait_s = getattr(error, "retry_after_s", None)
        headers = _CHALLENGE.get(status) if wait_s is None else {"retry-after": str(math.ceil(wait_s))}
        extra = getattr(error, "extra", None)
        return Problem(kind, str(error) or title, headers=headers, extra=extra, meaning=(status, title))
    for kind_of_error, kind in _BY_ERROR:
        if isinstance(error, kind_of_error):
            return Problem(kind, str(error) or KINDS[kind][1])
    if isinstance(error, LEFT):
        return Problem("bad-request", "the request ended before it was whole")
    log.error("request_failed", error=repr(error), exc_info=error)
    return Problem("internal", "an unexpected error occurred; see the service's log")


def response_of(problem: Problem) -> JSONResponse:
    """The problem as a response."""
    return JSONResponse(problem.document(), problem.status_code, problem.headers, MEDIA_TYPE)


def raw_answer(problem: Problem) -> bytes:
    """The problem as a whole HTTP/1.1 answer that ends its connection, for where no application answers."""
    body = json.dumps(problem.document()).encode()
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close",
        **(problem.headers or {}),
    }
    status = f"HTTP/1.1 {problem.status_code} {HTTPStatus(problem.status_code).phrase}"
    lines = [status, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _on_invalid)
    for base in (StreamError, WorkerError, ClientDisconnect, Exception):
        app.add_exception_handler(base, _on_error)


async def _on_error(connection: HTTPConnection, error: Exception) -> JSONResponse:
    return response_of(problem_of(error))


async def _on_http(connection: HTTPConnection, error: Exception) -> JSONResponse:
    if isinstance(error, Problem) or not isinstance(error, HTTPException):
        return response_of(problem_of(error))
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        title = HTTPStatus(error.status_code).phrase
        document = {"type": "about:blank", "title": title, "status": error.status_code, "detail": error.detail}
        return JSONResponse(document, error.status_code, error.headers, MEDIA_TYPE)
    detail = f"{connection.url.path}: {error.detail}" if error.status_code in (404, 405) else error.detail
    headers = {"allow": ", ".join(_allowed(connection))} if error.status_code == 405 else error.headers
    return response_of(Problem(kind, detail, headers=headers))


def _allowed(connection: HTTPConnection) -> list[str]:
    """All methods of the path (RFC 9110, 15.5.6); Starlette names those of the first route only."""
    path = connection.scope["path"]
    found: set[str] = set()
    for route in iter_route_contexts(connection.app.routes):
        if route.methods and route.path is not None and _pattern(route.path).match(path):
            found |= set(route.methods)
    return sorted(found)


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    return compile_path(path)[0]


async def _on_invalid(connection: HTTPConnection, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    return response_of(invalid(error.errors()))


def invalid(errors: Sequence[Any]) -> Problem:
    """The problem for pydantic's errors, each named by its field; input values are never repeated.

    A camera's address that can be read in several ways is answered with what was probably meant, to who typed it.
    """
    for error in errors:
        if error["type"] == "camera_address":
            return _address_problem(error["ctx"])
    unreadable = any(error["type"] == "json_invalid" for error in errors)
    named = [{"field": "body" if unreadable else _field(error["loc"]), "reason": reason(error)} for error in errors]
    detail = "; ".join(f"{entry['field']}: {entry['reason']}" for entry in named)
    return Problem("bad-request" if unreadable else "invalid-request", detail, extra={"errors": named})


def _address_problem(context: Mapping[str, Any]) -> Problem:
    suggestion = context["suggestion"]
    extra = {"errors": [{"field": "url", "reason": context["reason"]}]}
    detail = f"url: {context['reason']}"
    return Problem("source-refused", detail, extra=extra | ({"suggestion": suggestion} if suggestion else {}))


def _field(location: Sequence[str | int]) -> str:
    """`url`, not `body.url`: where a field is to be found is plain, its name is what helps."""
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(parts) or "body"
