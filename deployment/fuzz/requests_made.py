"""What schemathesis is told of our interface beyond OpenAPI. Loaded by it (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

import re
from typing import Any

import schemathesis

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
