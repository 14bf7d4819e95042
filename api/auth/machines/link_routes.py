"""POST /v1/links: an address that works without a header, for a short time. Runs on the event loop."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.auth.machines.link_reader import issuer_of
from api.auth.machines.signed_links import LinkRefused, LinkSigner, link_target
from api.auth.settings import AuthSettings
from workers.access.declaration import SignedIn, check
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal
from workers.errors import Forbidden


class LinkWish(BaseModel):
    """What the link is for, and how long it works."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    path: str = Field(
        min_length=1,
        max_length=2048,
        description="Path and query: /v1/streams/{id}/snapshot.jpg, …/mjpeg, …/video, …/detections, "
        "/v1/snapshots/{n}, /v1/clips/{n}, or the picture or clip of an alert.",
    )
    expires_s: int | None = Field(
        default=None, ge=10, le=30 * 86400, description="Seconds; at most auth.link_max_s. Null: auth.link_s."
    )


class SignedLink(BaseModel):
    """A link. `url` is relative to the server; nothing may be added to it but `&t=` and a number, against caches."""

    url: str
    expires_at: datetime


def link_routes(signer: LinkSigner, settings: AuthSettings) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute)

    @router.post("/v1/links", status_code=201)
    async def sign_link(
        principal: Annotated[Principal, Depends(SignedIn())], wish: Annotated[LinkWish, Body()]
    ) -> SignedLink:
        """Sign an address, so that it works for a short time without a key or a session.

        It ends earlier when whoever made it may not see this any more, or its key is revoked.
        """
        if principal.kind not in ("user", "service"):
            raise Forbidden("links are signed for people and for service accounts")
        target = link_target(wish.path)
        expires_s = settings.link_s if wish.expires_s is None else wish.expires_s
        if expires_s > settings.link_max_s:
            raise LinkRefused(f"expires_s: must be at most {settings.link_max_s} (auth.link_max_s)")
        for action in target.kind.actions:
            check(principal, action, target.stream_id)
        ends_s = int(time.time()) + expires_s
        if principal.kind == "service" and principal.expires_at_s is not None:
            ends_s = min(ends_s, int(principal.expires_at_s))
        url = signer.sign(target, ends_s, issuer_of(principal))
        return SignedLink(url=url, expires_at=datetime.fromtimestamp(ends_s, UTC))

    return router
