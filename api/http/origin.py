"""Checks Host and Origin, and answers CORS for allowed origins. Runs on the event loop.

Browsers let any page open a WebSocket to any host and send simple requests to it, and a name that resolves to
127.0.0.1 makes a foreign page look like ours. So a socket, and a request that changes something, must come from a page
of this host or of `allowed_origins`; a client that sends no Origin is not a browser and is allowed.

Against names that are rebound to this machine's address only known ones are answered: localhost, this machine's own,
those of `allowed_origins` and `allowed_hosts`. Any address is fine, since no DNS answer stands behind an address: that
is how a service is reached behind a published port.

Credentials never cross origins by themselves: `Access-Control-Allow-Credentials` is not sent, so that cookies stay
here, and pages of other origins send a key in a header.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.error_responses import response_of
from api.http.errors import Problem
from api.http.listening import ask_full_name, own_names
from api.settings import LOOPBACK_HOSTS, ApiSettings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORT = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    "Accept, Authorization, Cache-Control, Content-Type, If-Match, If-None-Match, Last-Event-ID, Range, "
    "Traceparent, X-API-Key"
)
_EXPOSED = "Location, ETag, Link, Accept-Patch, Retry-After, Content-Range, Content-Disposition"


class OriginGuard:
    """ASGI middleware; refuses with 403 or 421 before anything else runs."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, names: Sequence[str] = ()) -> None:
        """`names`: further ones by which this process is reached."""
        self._app = app
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)
        of_origins = (urlsplit(origin).hostname or "" for origin in self._origins)
        named = {*settings.allowed_hosts, *names, *of_origins, *own_names(), settings.host}
        self._hosts = {name.lower().rstrip(".") for name in named} - {""} | LOOPBACK_HOSTS
        if not settings.on_loopback:
            ask_full_name(lambda name: self._hosts.add(name.lower()))

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
            return await self._preflight(scope, origin)(scope, receive, send)

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
        if "*" not in self._hosts and host and name not in self._hosts and not _is_address(name):
            return Problem("host-refused", f"host {name or 'in this form'} is not allowed; add it to api.allowed_hosts")
        if origin is None or _same_host(origin, host) or self._allowed(origin):
            return None
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        return Problem("origin-refused", f"origin {origin} is not allowed; add it to api.allowed_origins")

    def _allowed(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in self._origins

    def _preflight(self, scope: Scope, origin: str) -> Response:
        answer = {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": _REQUEST_HEADERS,
            "access-control-max-age": "600",
            "vary": "Origin",
        }
        if scope["path"].endswith("/whip"):
            answer["accept-post"] = "application/sdp"
        return Response(status_code=200, headers=answer)


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty for an invalid one."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


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
