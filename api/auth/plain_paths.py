"""Refuses paths that another reader would take for others. ASGI middleware, before all that looks at paths; pure.

By its path a request is allowed, counted, recorded and sent to another process. HTTP clients and proxies take
`/v1/streams/door/./mjpeg` for `/v1/streams/door/mjpeg`, patterns do not; so only the plain spelling is answered.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.error_responses import response_of
from api.http.errors import Problem

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # a route's pattern ends before a line break, too
_ENCODED = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)


class PlainPaths:
    """The middleware: 400 for HTTP and for a WebSocket's handshake."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] in ("http", "websocket"):
            fault = path_fault(scope["path"], scope.get("raw_path") or b"")
            if fault is not None:
                problem = Problem("bad-request", f"path: {fault}; send the address without it")
                return await response_of(problem)(scope, receive, send)
        await self._app(scope, receive, send)


def path_fault(path: str, raw_path: bytes = b"") -> str | None:
    """What makes a path ambiguous; None: it is plain. path: decoded; raw_path: as it came."""
    if _CONTROL.search(path):
        return "has a control character"
    if "\\" in path or _ENCODED.search(raw_path):
        return "has a backslash, or an encoded slash"
    if "//" in path:
        return "has an empty segment (//)"
    if not {".", ".."}.isdisjoint(path.split("/")):
        return "has a segment . or .."
    if not raw_path.isascii() or b"#" in raw_path:
        return "has a character that must be percent-encoded"
    return None
