"""Events over HTTP: pages, counts, CSV, live. Runs on the event loop; queries run in its executor.

Each shows the events of streams in the principal's scope, and a stream outside it as one that never had any.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from monitoring.core.errors import TooManyFollowers
from monitoring.core.known_people import ToldNames, all_names, names_of
from monitoring.core.telling import Telling
from monitoring.store.aggregates import CountQuery, EventTotal, counts_of
from monitoring.store.event_views import StoredEvent, shown_events
from monitoring.store.export import heading, lines
from monitoring.store.live_events import Gone, LiveEvents
from monitoring.store.query import EventFilters, Filters, PageQuery, event_of, page_of, wanted_by
from workers.access.declaration import MaySeeEvents
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import StreamScope
from workers.bus.event import Event
from workers.database.database import Database

_CSV_PAGE = 500

EventInPath = Annotated[uuid.UUID, Path(description="The event's id.")]


class EventPage(BaseModel):
    """A page of events. `next`: the cursor of the page that follows, null at the end."""

    events: list[StoredEvent]
    next: str | None
    names: dict[str, str] = Field(description="Id → name of all of them, for who may see names.")


class EventCount(BaseModel):
    """So many in the bucket that begins at `start`; `value`: of what is counted by, null where events have none."""

    start: str
    count: int
    value: str | None = None


class EventCounts(BaseModel):
    """Counts, oldest first; buckets without events are left out."""

    bucket: str
    by: str | None
    tz: str
    total: int
    counts: list[EventCount]
    names: dict[str, str] = Field(description="Counted by person: id → name, for who may see names on all cameras.")


RunQuery = Callable[[Callable[[Connection], Any]], Awaitable[Any]]
"""Runs a query on a connection of the database, in the loop's executor."""


def event_routes(database: Database, live: LiveEvents, telling: Telling | None = None) -> APIRouter:
    """The routes of events. telling: how events are told, and with whose names."""
    router = APIRouter(tags=["events"], route_class=GuardedRoute)

    async def run_query(query: Callable[[Connection], Any]) -> Any:
        def run() -> Any:
            with database.read() as connection:
                return query(connection)

        return await asyncio.to_thread(run)

    telling = telling or Telling()
    _counts(router, run_query, telling)
    _streams(router, live, telling)
    _export(router, run_query, telling)
    _events(router, run_query, telling)
    return router


def _events(router: APIRouter, run_query: RunQuery, telling: Telling) -> None:
    @router.get("/v1/events", response_model=EventPage)
    async def list_events(principal: MaySeeEvents, query: Annotated[PageQuery, Query()]) -> JSONResponse:
        """Events, the newest first, a page at a time."""
        page = partial(_page, query=query, scope=principal.scope("events"), telling=telling.to(principal))
        return JSONResponse(await run_query(page))

    @router.get("/v1/events/{event_id}", response_model=StoredEvent)
    async def get_event(principal: MaySeeEvents, event_id: EventInPath) -> JSONResponse:
        """One event."""
        scope = principal.scope("events")
        told = telling.to(principal)
        shown = await run_query(
            lambda connection: shown_events(connection, [event_of(connection, event_id, scope)], told)
        )
        return JSONResponse(shown[0])


def _counts(router: APIRouter, run_query: RunQuery, telling: Telling) -> None:
    @router.get("/v1/events/counts")
    async def count_events(principal: MaySeeEvents, query: Annotated[CountQuery, Query()]) -> EventCounts:
        """How many events there were in each minute, hour, day, week or month."""
        told = telling.to(principal).names
        query = _asked(query, told)
        found: list[EventTotal] = await run_query(partial(counts_of, query=query, scope=principal.scope("events")))
        counts = [EventCount(start=one.start.isoformat(), count=one.count, value=one.value) for one in found]
        total = sum(one.count for one in found)
        ids = {one.value for one in found} if query.by == "person" and told.scope.everything else ()
        names = names_of(telling.people, ids)
        return EventCounts(bucket=query.bucket, by=query.by, tz=query.tz, total=total, counts=counts, names=names)


def _streams(router: APIRouter, live: LiveEvents, telling: Telling) -> None:
    def has_room() -> None:
        if live.full:
            raise TooManyFollowers("too many clients follow the events already; try again later")

    @router.get("/v1/events/live", response_class=EventSourceResponse)
    async def follow_events(
        principal: MaySeeEvents, query: Annotated[EventFilters, Query()], room: None = Depends(has_room)
    ) -> AsyncIterator[ServerSentEvent]:
        """Events as they happen, as server-sent events; `data` is an event. Times do not filter here.

        `event: deleted` tells the `ids` of events that were deleted.
        """
        scope, told = principal.scope("events"), telling.to(principal).names
        asked = _asked(query, told)

        def wanted(one: Event | Gone) -> bool:
            return one.stream_id in scope if isinstance(one, Gone) else wanted_by(asked, one, scope)

        async with aclosing(live.follow(wanted, told)) as following:
            async for one in following:
                yield one


def _export(router: APIRouter, run_query: RunQuery, telling: Telling) -> None:
    @router.get(
        "/v1/events.csv",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def export_events(principal: MaySeeEvents, query: Annotated[EventFilters, Query()]) -> StreamingResponse:
        """All events that pass the filters, the oldest first, as CSV."""
        pages = _csv(run_query, query, principal.scope("events"), telling.to(principal).names)
        first = await anext(pages)  # refuse a wrong query before the answer begins
        headers = {"content-disposition": 'attachment; filename="events.csv"'}
        return StreamingResponse(_chained(first, pages), media_type="text/csv; charset=utf-8", headers=headers)


def _page(connection: Connection, query: PageQuery, scope: StreamScope, telling: Telling) -> dict[str, Any]:
    page = page_of(connection, _asked(query, telling.names), scope)
    shown = shown_events(connection, page.rows, telling)
    return {"events": shown, "next": page.next, "names": all_names(shown)}


def _asked(query: Filters, told: ToldNames) -> Filters:
    """With the ids of those who are asked for by name."""
    return query.model_copy(update={"person": told.asked(query.person)}) if query.person else query


async def _csv(run_query: RunQuery, query: EventFilters, scope: StreamScope, told: ToldNames) -> AsyncIterator[str]:
    """A page at a time, so that any number of events takes the same memory."""
    filters = _asked(query, told).model_dump()
    cursor: str | None = None
    text = heading()
    while True:
        page = PageQuery(**filters, cursor=cursor, limit=_CSV_PAGE, order="oldest")
        found = await run_query(partial(page_of, query=page, scope=scope))
        yield text + lines((row["body"] for row in found.rows), told)
        text, cursor = "", found.next
        if cursor is None:
            return


async def _chained(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for text in rest:
        yield text
