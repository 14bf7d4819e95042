"""Captions of scenes over HTTP. Runs on the event loop; queries run in its executor.

Those of streams in the principal's scope are shown, with the names of people where the principal may see them.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from monitoring.captions.stored_captions import CaptionPageQuery, SceneCaption, captions_page
from monitoring.core.telling import Telling
from workers.access.declaration import MaySeeEvents
from workers.access.guarded_route import GuardedRoute
from workers.captions.caption import Caption
from workers.database.database import Database


class SceneCaptionView(BaseModel):
    """What a camera showed at a frame, and what had changed there since the caption before."""

    stream_id: str
    session: str
    pts_us: int
    captured_at_ns: int = Field(description="Wall clock of the frame.")
    caption: Caption


class CaptionPage(BaseModel):
    """A page of captions. `next`: the cursor of the page that follows, null at the end."""

    captions: list[SceneCaptionView]
    next: str | None


def caption_routes(database: Database, telling: Telling) -> APIRouter:
    """The routes of captions."""
    router = APIRouter(tags=["captions"], route_class=GuardedRoute)

    @router.get("/v1/captions")
    async def list_captions(principal: MaySeeEvents, query: Annotated[CaptionPageQuery, Query()]) -> CaptionPage:
        """What cameras showed, in sentences, the newest first, a page at a time.

        A camera is told once a minute, where its scene has changed or something happened; else the last caption stands.
        """
        scope, told = principal.scope("events"), telling.to(principal)

        def read() -> tuple[list[SceneCaption], str | None]:
            with database.read() as connection:
                return captions_page(connection, query, scope)

        found, cursor = await asyncio.to_thread(read)
        return CaptionPage(captions=[_view(one, told) for one in found], next=cursor)

    return router


def _view(one: SceneCaption, telling: Telling) -> SceneCaptionView:
    return SceneCaptionView(
        stream_id=one.stream_id,
        session=one.session,
        pts_us=one.pts_us,
        captured_at_ns=one.captured_at_ns,
        caption=telling.caption(one.caption, one.stream_id),
    )
