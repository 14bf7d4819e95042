"""The errors of api/: problems as RFC 9457 defines them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from stream.url_redaction import redact

TYPE_PREFIX = "urn:livesight:problem:"
MEDIA_TYPE = "application/problem+json"

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request is malformed"),
    "origin-refused": (403, "This origin is not allowed"),
    "not-found": (404, "Not found"),
    "stream-unknown": (404, "The stream does not exist"),
    "clip-unavailable": (404, "No clip is available"),
    "session-unknown": (404, "The session does not exist"),
    "method-not-allowed": (405, "Method not allowed"),
    "request-late": (408, "The request did not arrive in time"),
    "stream-exists": (409, "The stream already exists"),
    "stream-busy": (409, "Another client feeds this stream"),
    "offer-unsupported": (406, "The WebRTC offer is not supported"),
    "conflict": (409, "The request conflicts with the current state"),
    "session-changed": (412, "The session has changed"),
    "body-too-large": (413, "The request body is too large"),
    "image-too-large": (413, "The image is too large"),
    "media-type-unsupported": (415, "The media type is not supported"),
    "range-unavailable": (416, "That time is not stored"),
    "host-refused": (421, "This host name is not allowed"),
    "invalid-request": (422, "The request is invalid"),
    "address-refused": (403, "No connection is made to this address"),
    "source-refused": (422, "The source cannot be used"),
    "model-unknown": (404, "The model or version does not exist"),
    "promotion-refused": (409, "The version cannot be promoted"),
    "model-damaged": (422, "A model file does not match its card"),
    "model-unavailable": (422, "The model cannot be used"),
    "nothing-to-explain": (422, "The image has nothing to explain"),
    "bad-image": (422, "The image cannot be used"),
    "restart-unsupported": (422, "ICE restarts are not supported"),
    "precondition-required": (428, "The request needs a precondition"),
    "rate-limited": (429, "Too many requests"),
    "internal": (500, "Internal error"),
    "no-picture": (503, "No frame is available yet"),
    "overloaded": (503, "The service is overloaded"),
    "engine-unavailable": (503, "No engine is available"),
    "bus-unavailable": (503, "The bus is unavailable"),
    "monitor-away": (503, "The monitor is unreachable"),
    "node-away": (503, "The node is unreachable"),
}
"""Problem kinds: the stable end of `type` → HTTP status and title."""


class ApiError(Exception):
    """Base of all errors of this package."""


class Problem(ApiError, HTTPException):
    """An error with a stable `type` for the client. `detail` is shown to users; its credentials are redacted here.

    `extra` has further members of the problem JSON; `meaning` is status and title of a kind that is not in KINDS.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        meaning: tuple[int, str] | None = None,
    ) -> None:
        status, self.title = meaning or KINDS[kind]
        HTTPException.__init__(self, status, redact(detail), dict(headers) if headers else None)
        self.kind = kind
        self.extra = dict(extra or {})

    def document(self) -> dict[str, Any]:
        """The problem as JSON-ready members."""
        return {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            **self.extra,
        }
