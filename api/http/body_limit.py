"""Limits the size of request bodies. Runs on the event loop."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.error_responses import response_of
from api.http.errors import Problem


class BodyLimit:
    """ASGI middleware: refuses a body by its declared length, or at the first byte beyond the limit.

    Starlette's own limit answers in plain text; all our errors are problems.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, by_path: Mapping[str, int], by_pattern: Mapping[str, int] | None = None
    ) -> None:
        """`by_path` has the paths whose limit differs from `max_bytes`; `by_pattern` such by regular expressions."""
        self._app = app
        self._max_bytes = max_bytes
        self._by_path = dict(by_path)
        self._by_pattern = [(re.compile(pattern), limit) for pattern, limit in (by_pattern or {}).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self.limit(scope["path"])
        problem = Problem("body-too-large", f"body: too large; at most {limit} bytes are allowed here")
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared) > limit:
            return await response_of(problem)(scope, receive, send)
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise problem
            return message

        return await self._app(scope, receive_counted, send)

    def limit(self, path: str) -> int:
        """The most bytes of a body for a path."""
        found = self._by_path.get(path)
        if found is not None:
            return found
        return next((limit for pattern, limit in self._by_pattern if pattern.fullmatch(path)), self._max_bytes)
