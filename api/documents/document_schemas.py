"""The schemas of the OpenAPI document: what FastAPI leaves out, said of all of them at one place. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.predict.uploads import FILE

NO_NUL = r"^[^\u0000]*$"
"""Of text that is sent and has no pattern of its own: NUL is refused in all of them (api/http/strict_requests.py)."""

_OTHER = r"/\\\u0000-\u001f\u007f"
SEGMENT = rf"^([^.{_OTHER}]|\.[^.{_OTHER}]|\.\.[^{_OTHER}])[^{_OTHER}]*$"
"""Of a segment of a path, where it has no pattern of its own: only plain ones are read (api/auth/plain_paths.py), which
are all but `.` and `..`; without looking ahead, as some tools cannot."""

_TEXT = {"type": "string"}
_OF_TEXT = ("text/", "application/jsonl")
_EVENTS = {"description": "Server-sent events without end; the operation says what `data` of each is."}
"""Without a type: some tools hold one event against it, as OpenAPI 3.1 leaves that open, others the whole."""

_SAYS_ALREADY = ("pattern", "enum", "const", "format", "contentMediaType", "contentEncoding")


def mend_schemas(document: dict[str, Any]) -> None:
    """Pairs and boxes as lists of one kind of item, which every tool understands; no NUL in text that is sent."""
    for schema in _within(document):
        items = schema.get("prefixItems")
        if isinstance(items, list) and items and all(item == items[0] for item in items):
            schema["items"] = items[0]
            del schema["prefixItems"]
        if schema.pop("itemSchema", None) is not None:  # of OpenAPI 3.2; ours is 3.1
            schema["schema"] = dict(_EVENTS)
        _name_kinds(schema, document)
    for content in _contents(document):
        for media_type, body in content.items():
            body.setdefault("schema", dict(_TEXT if media_type.startswith(_OF_TEXT) else FILE))
    for schema in _segments(document):
        if not any(word in schema for word in _SAYS_ALREADY):
            schema["pattern"] = SEGMENT
    for schema in _sent(document):
        if isinstance(schema.get("uniqueItems"), bool):
            del schema["uniqueItems"]  # what is said twice counts once
        if schema.get("type") == "string" and not any(word in schema for word in _SAYS_ALREADY):
            schema["pattern"] = NO_NUL


def _segments(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas of texts in paths."""
    for path in document["paths"].values():
        for operation in path.values():
            for one in operation.get("parameters", ()):
                if one["in"] == "path" and one["schema"].get("type") == "string":
                    yield one["schema"]


def _contents(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """By media type what is sent and answered."""
    for path in document["paths"].values():
        for operation in path.values():
            for one in [operation.get("requestBody", {}), *operation["responses"].values()]:
                yield one.get("content", {})


def _name_kinds(schema: dict[str, Any], document: dict[str, Any]) -> None:
    """What is told apart by a property has it always, though in Python it has a default."""
    discriminator = schema.get("discriminator")
    if not isinstance(discriminator, dict) or "mapping" not in discriminator:
        return
    for reference in discriminator["mapping"].values():
        required = document["components"]["schemas"][reference.rpartition("/")[2]].setdefault("required", [])
        if discriminator["propertyName"] not in required:
            required.append(discriminator["propertyName"])


def _within(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
        for member in list(value.values()):
            yield from _within(member)
    elif isinstance(value, list):
        for item in value:
            yield from _within(item)


def _sent(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema of parameters and of JSON bodies, and what they refer to."""
    waiting: list[Any] = []
    for path in document["paths"].values():
        for operation in path.values():
            waiting += [one["schema"] for one in operation.get("parameters", ()) if one["in"] in ("path", "query")]
            for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
                if media_type == "application/json":
                    waiting.append(body.get("schema", {}))
    followed: set[str] = set()
    while waiting:
        for schema in _within(waiting.pop()):
            yield schema
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference not in followed:
                followed.add(reference)
                waiting.append(document["components"]["schemas"][reference.rpartition("/")[2]])
