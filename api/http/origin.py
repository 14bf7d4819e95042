"""Checks Host and Origin, and answers CORS for allowed origins. Runs on the event loop.

Browsers let any page open a WebSocket to any host and send simple requests to it, and a name that resolves to
127.0.0.1 makes a foreign page look like ours. So a socket, and a request that changes something, must come from a page
of this host or of `allowed_origins`; a client that sends no Origin is not a browser and is allowed. A service on a
loopback address answers to loopback names only (DNS rebinding).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.error_responses import response_of
from api.http.errors import Problem
from api.settings import LOOPBACK_HOSTS, ApiSettings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORT = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
_EXPOSED = "Location, ETag, Link, Accept-Patch, Retry-After"


class OriginGuard:
    """ASGI middleware; refuses with 403 or 421 before anything else runs."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)
        hosts = {host.lower() for host in settings.allowed_hosts}
        if not hosts and not settings.on_loopback:
            hosts = {"*"}
        elif not hosts:
            hosts = {settings.host.lower(), *(urlsplit(origin).hostname or "" for origin in self._origins)} - {""}
        self._hosts = hosts | LOOPBACK_HOSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        refusal = self._refusal(scope, headers, origin)
        if refusal is not None:
            return await response_of(refusal)(scope, receive, send)
        if origin is None or not self._allowed(origin) or scope["type"] == "websocket":
            return await self._app(scope, receive, send)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await self._preflight(scope, headers, origin)(scope, receive, send)

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["access-control-allow-origin"] = origin
                answer["access-control-expose-headers"] = _EXPOSED
                answer.add_vary_header("Origin")
            await send(message)

        return await self._app(scope, receive, send_with_cors)

    def _refusal(self, scope: Scope, headers: Headers, origin: str | None) -> Problem | None:
        host = headers.get("host", "")
        name = _name(host)
        if "*" not in self._hosts and host and name not in self._hosts:
            return Problem(
                "host-refused",
                f"host {name} is not allowed; add it to api.allowed_hosts",
            )
        if origin is None or _same_host(origin, host) or self._allowed(origin):
            return None
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        return Problem("origin-refused", f"origin {origin} is not allowed; add it to api.allowed_origins")

    def _allowed(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in self._origins

    def _preflight(self, scope: Scope, headers: Headers, origin: str) -> Response:
        answer = {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": headers.get("access-control-request-headers", "content-type, if-match"),
            "access-control-max-age": "600",
            "vary": "Origin",
        }
        if scope["path"].endswith("/whip"):
            answer["accept-post"] = "application/sdp"
        return Response(status_code=200, headers=answer)


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty for an invalid one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same_host(origin: str, host: str) -> bool:
    """Whether a page of `origin` was served under `host` (a Host header); a proxy may have terminated TLS."""
    try:
        page = urlsplit(origin.lower())
        if page.scheme not in ("http", "https") or not page.hostname:
            return False
        own = urlsplit(f"{page.scheme}://{host.lower()}")
        default = _DEFAULT_PORT[page.scheme]
        return page.hostname == own.hostname and (page.port or default) == (own.port or default)
    except ValueError:
        return False
