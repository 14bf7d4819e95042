"""Refuses what a route does not know, and what JSON leaves open. A dependency of all routes, on the event loop.

FastAPI ignores query parameters that a route does not have: `strem=door` would answer for all streams. Python reads
more as JSON than JSON is: NaN, a key twice, half a surrogate; pydantic takes "5" for 5. OpenAPI says none of that, so
none of it is accepted. NUL is refused wherever text enters: PostgreSQL does not store it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import HTTPConnection, Request

from api.http.errors import Problem
from workers.access.declaration import principal_of

_OF_LINKS = frozenset({"exp", "by", "sig", "t"})
"""What a signed link has besides (api/auth/machines/signed_links.py); `t` is against caches."""

_CONVERTED = ("int_type", "float_type", "bool_type", "string_type")
"""What pydantic reports only when it is strict; all else FastAPI reports."""


async def strict(connection: HTTPConnection) -> None:
    """The dependency. Raises Problem and RequestValidationError."""
    route = connection.scope["route"]
    _check_query(connection, route)
    if isinstance(connection, Request) and getattr(route, "body_field", None) is not None:
        await _check_body(connection, route.body_field)


def _check_query(connection: HTTPConnection, route: Any) -> None:
    raw: bytes = connection.scope.get("query_string", b"")
    if not raw:
        return
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Problem("bad-request", "query: not valid UTF-8 after percent-decoding") from None
    if "\0" in text:
        raise Problem("invalid-request", "query: must not contain the character NUL")
    if not getattr(route, "include_in_schema", True):
        return  # the pages read theirs themselves
    known = list(dict.fromkeys(_query_names(route.dependant)))
    given = set(connection.query_params)
    if principal_of(connection).kind == "link":
        given -= _OF_LINKS
    if unknown := sorted(given.difference(known)):
        there = f"there are: {', '.join(known)}" if known else "this address takes none"
        raise Problem("invalid-request", f"{', '.join(unknown)}: unknown query parameter; {there}")


def _query_names(dependant: Dependant) -> Iterator[str]:
    """Of a route and its dependencies."""
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (one.alias or name for name, one in model.model_fields.items())
        else:
            yield field.alias
    for other in dependant.dependencies:
        yield from _query_names(other)


async def _check_body(request: Request, field: Any) -> None:
    body = await request.body()
    if not body:
        return  # FastAPI says what is missing
    sent = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if sent != "application/json" and not (sent.startswith("application/") and sent.endswith("+json")):
        raise Problem("media-type-unsupported", f"content-type: {sent or 'missing'}; send application/json")
    check_json(body)
    try:
        _adapter(field.field_info.annotation).validate_json(body, strict=True)
    except ValidationError as error:
        converted = [{**one, "loc": ("body", *one["loc"])} for one in error.errors() if _is_converted(one)]
        if converted:
            raise RequestValidationError(converted) from None


def _is_converted(error: ErrorDetails) -> bool:
    """5.0 is an integer to JSON Schema, and to JavaScript."""
    value = error["input"]
    whole = error["type"] == "int_type" and isinstance(value, float) and value.is_integer()
    return error["type"] in _CONVERTED and not whole


@lru_cache(maxsize=256)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def check_json(body: bytes) -> None:
    """Raises Problem for what is no JSON (RFC 8259, 8), or has a key twice, half a surrogate pair or NUL."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Problem("bad-request", f"body: not valid JSON: {error}") from None
    if b"\\u" in body or b"\0" in body:
        for text in _texts(value):
            if "\0" in text:
                raise Problem("invalid-request", "body: text must not contain the character NUL")
            if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
                raise Problem("bad-request", "body: not valid JSON: half a surrogate pair is no character")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} occurs twice in one object")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, keys too; without recursion."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict(members):
                waiting += members.keys()
                waiting += members.values()
            case list(items):
                waiting += items
