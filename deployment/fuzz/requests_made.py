"""What schemathesis is told of our interface beyond OpenAPI. Loaded by it (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import use_after_free

from stream.config import STREAM_ID_PATTERN
from tests.api.with_accounts import MINE


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: Any, value: Any) -> bytes:
    """Offers and candidates are text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of the valid ids become the stream that exists: of random ones none would be found. Wrong ones stay."""
    found = (path_parameters or {}).get("stream_id")
    if path_parameters and isinstance(found, str) and re.fullmatch(STREAM_ID_PATTERN, found) and len(found) % 2:
        return {**path_parameters, "stream_id": MINE}
    return path_parameters


THERE_AFTER_DELETION = {
    "GET /v1/rules/{name}": "a rule of the configuration is in force again when the one of that name is deleted",
    "GET /v1/zones/{stream_id}": "the zones of the configuration are in force again when those set later are deleted",
    "OPTIONS /v1/streams/{stream_id}/whip": "says what WHIP takes, of any stream",
    "OPTIONS /v1/streams/{stream_id}/whip/{session_id}": "says what WHIP takes, of any session",
}
"""Operations that answer with success although what they name was deleted, and why they do."""


@schemathesis.check
def deleted_is_gone(context: Any, response: Any, case: Any) -> bool | None:
    """What was deleted is not found any more, but for `THERE_AFTER_DELETION`."""
    return None if case.operation.label in THERE_AFTER_DELETION else use_after_free(context, response, case)
