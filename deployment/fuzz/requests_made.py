"""What schemathesis is told of our interface beyond OpenAPI. Loaded by it (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

from typing import Any

import schemathesis

from tests.api.with_accounts import MINE


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: Any, value: Any) -> bytes:
    """Offers and candidates are text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of the valid ids become the stream that exists: of random ones none would be found."""
    if path_parameters and isinstance(found := path_parameters.get("stream_id"), str) and len(found) % 2:
        return {**path_parameters, "stream_id": MINE}
    return path_parameters
