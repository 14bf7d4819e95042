"""A link to an alert's picture redirects to the picture: with a signature of its own. ASGI; runs on the event loop."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.machines.link_reader import LINK
from api.auth.machines.signed_links import LinkRefused, LinkSigner, PresentedLink, link_target


class SignedRedirects:
    """ASGI middleware inside the authentication. Only what could be signed anyway is, until the same time."""

    def __init__(self, app: ASGIApp, signer: LinkSigner) -> None:
        self._app = app
        self._signer = signer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        link = scope.get(LINK)
        if not isinstance(link, PresentedLink) or scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_signed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (302, 303, 307):
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                if (signed := self._signed(headers.get("location", ""), link)) is not None:
                    headers["location"] = signed
                    message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_signed)

    def _signed(self, location: str, link: PresentedLink) -> str | None:
        address = urlsplit(location)
        if address.scheme or address.netloc:
            return None
        try:
            return self._signer.sign(link_target(location), link.expires_s, link.issuer)
        except LinkRefused:
            return None
