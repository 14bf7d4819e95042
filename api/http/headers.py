"""Headers that every response carries. Runs on the event loop."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.access.declaration import PRINCIPAL
from workers.access.principal import Principal

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self' ws: wss:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)

_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "x-frame-options": "SAMEORIGIN",  # as frame-ancestors, for browsers that do not know it
    "x-permitted-cross-domain-policies": "none",
}
_PAGE = {"cross-origin-opener-policy": "same-origin"}
_EMBEDDABLE = re.compile(r"/v1/streams/[^/]+/(snapshot\.jpg|mjpeg)|/static/livesight-view\.js|/static/view/.+")


class SecurityHeaders:
    """ASGI middleware; adds headers to the start of each response; streamed bodies stay streams.

    Pages of other origins may embed the pictures of cameras and `<livesight-view>` where `embeds`, which is when some
    origins are allowed: the browser does not say which page embeds an image. What a signed link is for is always
    embeddable. Everything else is for our own pages.
    """

    def __init__(self, app: ASGIApp, embeds: bool = False) -> None:
        self._app = app
        self._embeds = embeds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cross-origin-resource-policy", self._shared_with(scope))
                if headers.get("content-type", "").startswith("text/html"):
                    for name, value in _PAGE.items():
                        headers.setdefault(name, value)
            await send(message)

        return await self._app(scope, receive, send_with_headers)

    def _shared_with(self, scope: Scope) -> str:
        principal = scope.get(PRINCIPAL)
        by_link = isinstance(principal, Principal) and principal.kind == "link"
        embeddable = by_link or (self._embeds and _EMBEDDABLE.fullmatch(scope["path"]) is not None)
        return "cross-origin" if embeddable else "same-origin"
