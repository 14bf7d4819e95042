"""What api/ raises: problems as RFC 9457 has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from stream.redaction import redact

TYPE_PREFIX = "urn:livesight:problem:"
MEDIA_TYPE = "application/problem+json"

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "origin-refused": (403, "That page may not use this service"),
    "not-found": (404, "There is nothing at this address"),
    "stream-unknown": (404, "There is no such stream"),
    "clip-unavailable": (404, "There is nothing to cut a clip from"),
    "session-unknown": (404, "There is no such session"),
    "method-not-allowed": (405, "This address does not take that method"),
    "stream-exists": (409, "There is such a stream already"),
    "stream-busy": (409, "Somebody else feeds this stream"),
    "offer-unsupported": (406, "The WebRTC offer cannot be served"),
    "conflict": (409, "That does not fit what is there now"),
    "session-changed": (412, "The session is not the one the request means"),
    "body-too-large": (413, "The request has too many bytes"),
    "image-too-large": (413, "The picture is too large"),
    "media-type-unsupported": (415, "This media type is not taken here"),
    "range-unavailable": (416, "That time is not kept"),
    "host-refused": (421, "This service does not answer to that name"),
    "invalid-request": (422, "The request is not valid"),
    "source-refused": (422, "The source cannot be used"),
    "model-unknown": (404, "There is no such model, or no such version of it"),
    "promotion-refused": (409, "That version cannot be put in service"),
    "model-damaged": (422, "A file of the model is not as its card says"),
    "model-unavailable": (422, "The model cannot be used"),
    "nothing-to-explain": (422, "There is nothing like that to explain in the picture"),
    "bad-image": (422, "The picture cannot be used"),
    "restart-unsupported": (422, "ICE restarts are not supported"),
    "precondition-required": (428, "The request must say which state it means"),
    "internal": (500, "Something went wrong here"),
    "no-picture": (503, "There is no picture yet"),
    "overloaded": (503, "Too much at a time"),
    "engine-unavailable": (503, "No engine can run this now"),
    "bus-unavailable": (503, "The bus cannot be used"),
    "monitor-away": (503, "The monitor that could answer is away"),
    "node-away": (503, "The node that could answer is away"),
}
"""Problem kinds: the stable end of `type` → HTTP status and title."""


class ApiError(Exception):
    """Base of all errors of this package."""


class Problem(ApiError, HTTPException):
    """An error with a stable `type`, told to the client. `detail` is fit for users; credentials are redacted here.

    `extra` are further members of the problem JSON; `meaning` is status and title of a kind that is not in KINDS.
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
