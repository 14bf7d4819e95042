"""What pydantic finds wrong, in the words that users read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

_PLAIN: dict[str, str] = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "none_required": "must be null",
    "finite_number": "must be a finite number",
    "json_invalid": "not valid JSON: {error}",
    "json_type": "must be JSON text",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must be at least {min_length} characters long",
    "string_too_long": "must be at most {max_length} characters long",
    "string_unicode": "must be valid UTF-8",
    "bytes_too_long": "must be at most {max_length} bytes long",
    "bytes_too_short": "must be at least {min_length} bytes long",
    "too_short": "must have at least {min_length} items, but has {actual_length}",
    "too_long": "must have at most {max_length} items",
    "union_tag_not_found": "needs {discriminator}, which names its kind",
    "union_tag_invalid": "unknown kind {tag!r}; there are: {expected_tags}",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
_TYPES: dict[str, str] = {
    "int": "an integer",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "bytes": "bytes",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "an object of keys and values",
    "mapping": "an object of keys and values",
    "model": "an object of keys and values",
    "dataclass": "an object of keys and values",
    "date": "a date, such as 2026-11-30",
    "datetime": "a date and time with its zone, such as 2026-11-30T08:00:00Z",
    "time": "a time, such as 08:00",
    "timezone": "a date and time with its zone, such as 2026-11-30T08:00:00Z",
    "time_delta": "a duration",
    "uuid": "a UUID",
    "url": "a URL",
    "path": "a path",
    "ip": "an IP address",
}


def reason(error: Mapping[str, Any]) -> str:
    """What is wrong with one value, as a phrase that follows the name of its field: "must be at least 1".

    error: an entry of `ValidationError.errors()`.
    """
    kind = str(error["type"])
    context = {"error": error["msg"], **{name: _figure(value) for name, value in error.get("ctx", {}).items()}}
    if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
        return "must not be empty"
    if kind in _PLAIN:
        return _PLAIN[kind].format_map(context)
    for prefix in sorted(_TYPES, key=len, reverse=True):
        if kind.startswith(f"{prefix}_"):
            return f"must be {_TYPES[prefix]}"
    message = str(error["msg"])
    return message[:1].lower() + message[1:]


def _figure(value: Any) -> Any:
    """0.0 as 0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def first_reason(error: ValidationError, root: str) -> str:
    """The first error as `field: reason`; `root` names the value as a whole."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or root}: {reason(first)}"
