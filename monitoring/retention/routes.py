"""The HTTP route of retention. Runs on the event loop; what blocks runs in its executor."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from monitoring.retention.forecast import DiskForecast
from monitoring.retention.rates import Forecaster
from monitoring.store.settings import RetentionRule
from workers.access.declaration import MaySeeEvents
from workers.access.guarded_route import GuardedRoute
from workers.wall_clock import WallClock


class LimitView(BaseModel):
    """How far back the store will reach under one limit, at the rate of the last week."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    limit: Literal["events", "media_bytes"]
    most: int = Field(description="How many events, or bytes, are kept at most.")
    per_day: float = Field(description="How many come a day.")
    kept_s: float = Field(description="For how long they will be kept.")
    set_s: float = Field(description="For how long they are to be kept, the longest of them.")


class DiskView(BaseModel):
    """The disk of the images, and of the database where it is SQLite."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    free_bytes: int
    more_bytes: int = Field(description="What is to come before as much is deleted as is stored.")
    full_in_s: float | None = Field(description="When it will be full at this rate; null: never.")


class RetentionView(BaseModel):
    """What is kept for how long, and how long that will be at this rate."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    days: float
    events: int = Field(description="Most events kept.")
    media_bytes: int = Field(description="Most bytes of images and clips kept.")
    rules: list[RetentionRule] = Field(description="By camera and kind, the first that matches decides.")
    limits: list[LimitView] = Field(description="Empty while there is too little to go by.")
    disk: DiskView | None
    notes: list[str] = Field(description="What goes earlier than it is set to, in sentences.")


def retention_routes(forecaster: Forecaster, clock: WallClock) -> APIRouter:
    """`GET /v1/retention`."""
    router = APIRouter(tags=["events"], route_class=GuardedRoute)

    @router.get("/v1/retention")
    async def get_retention(principal: MaySeeEvents) -> RetentionView:
        """How long events, images and clips are kept, as set and as it will be at the rate of the last week.

        Rules, rates and sizes are those of all cameras: they are told to who may see the events of all.
        """
        forecast = await asyncio.to_thread(forecaster.forecast, clock.now_ns())
        settings, all_of_it = forecaster.settings, principal.scope("events").everything
        limits = [
            LimitView(
                limit="events" if one.setting == "events" else "media_bytes",
                most=one.most,
                per_day=round(one.per_s * 86_400, 1),
                kept_s=round(one.kept_s),
                set_s=round(one.set_s),
            )
            for one in forecast.limits
        ]
        return RetentionView(
            days=settings.days,
            events=settings.events,
            media_bytes=settings.media_bytes,
            rules=list(settings.rules) if all_of_it else [],
            limits=limits if all_of_it else [],
            disk=_disk_view(forecast.disk) if all_of_it else None,
            notes=forecast.notes() if all_of_it else [],
        )

    return router


def _disk_view(disk: DiskForecast | None) -> DiskView | None:
    if disk is None:
        return None
    return DiskView(free_bytes=disk.free_bytes, more_bytes=disk.more_bytes, full_in_s=disk.full_s)
