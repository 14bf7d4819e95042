"""Events over HTTP: pages, counts, CSV, live; and the files that belong to them. Runs on the event loop.

Queries run in the loop's executor.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from sqlalchemy import Connection, RowMapping, select

from monitoring.core.errors import MediaUnknown, TooManyFollowers
from monitoring.store.aggregates import CountQuery, EventTotal, counts_of
from monitoring.store.export import heading, lines
from monitoring.store.live_events import LiveEvents
from monitoring.store.media import MediaStore, of_events, of_tracks
from monitoring.store.query import EventFilters, PageQuery, event_of, page_of, wanted_by
from monitoring.store.tables import media as media_table
from workers.access.declaration import MaySeeEvents, MaySeePictures
from workers.access.guarded_route import GuardedRoute
from workers.bus.event import Event
from workers.database.database import Database

Number = Annotated[int, Path(ge=1, le=2**62)]

_CSV_PAGE = 500
_IMMUTABLE = "private, max-age=31536000, immutable"  # another image has another number


class StoredEvent(Event):
    """An event and where its files are; null where there are none."""

    snapshot_url: str | None = None
    picture_url: str | None = None
    clip_url: str | None = None


class EventPage(BaseModel):
    """A page of events. `next`: the cursor of the page that follows, null at the end."""

    events: list[StoredEvent]
    next: str | None


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


RunQuery = Callable[[Callable[[Connection], Any]], Awaitable[Any]]
"""Runs a query on a connection of the database, in the loop's executor."""


def event_routes(database: Database, media: MediaStore, live: LiveEvents) -> APIRouter:
    """The routes of events and of their files."""
    router = APIRouter(tags=["events"], route_class=GuardedRoute)

    async def run_query(query: Callable[[Connection], Any]) -> Any:
        def run() -> Any:
            with database.read() as connection:
                return query(connection)

        return await asyncio.to_thread(run)

    _counts(router, run_query)
    _streams(router, run_query, live)
    _events(router, run_query)
    _files(router, run_query, media)
    return router


def _events(router: APIRouter, run_query: RunQuery) -> None:
    @router.get("/v1/events", response_model=EventPage)
    async def list_events(principal: MaySeeEvents, query: Annotated[PageQuery, Query()]) -> JSONResponse:
        """Events, the newest first, a page at a time."""
        return JSONResponse(await run_query(partial(_page, query=query)))

    @router.get("/v1/events/{event_id}", response_model=StoredEvent)
    async def get_event(principal: MaySeeEvents, event_id: uuid.UUID) -> JSONResponse:
        """One event."""
        shown = await run_query(lambda connection: _shown(connection, [event_of(connection, event_id)]))
        return JSONResponse(shown[0])


def _counts(router: APIRouter, run_query: RunQuery) -> None:
    @router.get("/v1/events/counts")
    async def count_events(principal: MaySeeEvents, query: Annotated[CountQuery, Query()]) -> EventCounts:
        """How many events there were in each minute, hour, day, week or month."""
        found: list[EventTotal] = await run_query(partial(counts_of, query=query))
        counts = [EventCount(start=one.start.isoformat(), count=one.count, value=one.value) for one in found]
        total = sum(one.count for one in found)
        return EventCounts(bucket=query.bucket, by=query.by, tz=query.tz, total=total, counts=counts)


def _streams(router: APIRouter, run_query: RunQuery, live: LiveEvents) -> None:
    def has_room() -> None:
        if live.full:
            raise TooManyFollowers("too many clients follow the events already; try again later")

    @router.get("/v1/events/live", response_class=EventSourceResponse)
    async def follow_events(
        principal: MaySeeEvents, query: Annotated[EventFilters, Query()], room: None = Depends(has_room)
    ) -> AsyncIterator[ServerSentEvent]:
        """Events as they happen, as server-sent events; `data` is an event. Times do not filter here."""
        async with aclosing(live.follow(lambda event: wanted_by(query, event))) as following:
            async for one in following:
                yield one

    @router.get("/v1/events.csv", response_class=StreamingResponse)
    async def export_events(principal: MaySeeEvents, query: Annotated[EventFilters, Query()]) -> StreamingResponse:
        """All events that pass the filters, the oldest first, as CSV."""
        pages = _csv(run_query, query)
        first = await anext(pages)  # refuse a wrong query before the answer begins
        headers = {"content-disposition": 'attachment; filename="events.csv"'}
        return StreamingResponse(_chained(first, pages), media_type="text/csv; charset=utf-8", headers=headers)


def _files(router: APIRouter, run_query: RunQuery, media: MediaStore) -> None:
    async def find(number: int, kinds: tuple[str, ...]) -> RowMapping:
        found = select(media_table).where(media_table.c.id == number)
        row: RowMapping | None = await run_query(lambda connection: connection.execute(found).mappings().first())
        if row is None or row["kind"] not in kinds:
            what = "clip" if "clip" in kinds else "snapshot"
            raise MediaUnknown(f"there is no {what} {number}, or it was deleted")
        return row

    @router.get("/v1/snapshots/{number}", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
    async def get_snapshot(principal: MaySeePictures, number: Number) -> Response:
        """A track's best crop, or the whole image it was cut from: JPEG."""
        row = await find(number, ("crop", "picture"))
        try:  # in one go: a better one may take its place meanwhile
            data = await asyncio.to_thread(media.path(row).read_bytes)
        except FileNotFoundError:
            raise _missing(row) from None
        return Response(data, media_type=row["media_type"], headers={"cache-control": _IMMUTABLE})

    @router.get("/v1/clips/{number}", response_class=FileResponse)
    async def get_clip(principal: MaySeePictures, number: Number) -> FileResponse:
        """The clip of an alert: MP4 or WebM."""
        row = await find(number, ("clip",))
        path = media.path(row)
        try:
            size = await asyncio.to_thread(path.stat)
        except FileNotFoundError:
            raise _missing(row) from None
        headers = {"cache-control": _IMMUTABLE}
        return FileResponse(path, media_type=row["media_type"], headers=headers, stat_result=size)


def _missing(row: RowMapping) -> MediaUnknown:
    what = "clip" if row["kind"] == "clip" else "snapshot"
    return MediaUnknown(f"{what} {row['id']}: its file is not on this machine")


def _page(connection: Connection, query: PageQuery) -> dict[str, Any]:
    page = page_of(connection, query)
    return {"events": _shown(connection, page.rows), "next": page.next}


def _shown(connection: Connection, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Events with the URLs of their files. An alert has those of the track that caused it."""
    tracks = {(row["session"], row["track_id"]) for row in rows if row["track_id"] is not None}
    files = {(one["session"], one["track_id"], one["kind"]): one["id"] for one in of_tracks(connection, tracks)}
    clips = {one["event_id"]: one["id"] for one in of_events(connection, [row["id"] for row in rows])}
    shown = []
    for row in rows:
        track = (row["session"], row["track_id"])
        crop, picture, clip = files.get((*track, "crop")), files.get((*track, "picture")), clips.get(row["id"])
        shown.append(
            {
                **json.loads(row["body"]),
                "snapshot_url": None if crop is None else f"/v1/snapshots/{crop}",
                "picture_url": None if picture is None else f"/v1/snapshots/{picture}",
                "clip_url": None if clip is None else f"/v1/clips/{clip}",
            }
        )
    return shown


async def _csv(run_query: RunQuery, query: EventFilters) -> AsyncIterator[str]:
    """A page at a time, so that any number of events takes the same memory."""
    filters = query.model_dump()
    cursor: str | None = None
    text = heading()
    while True:
        page = PageQuery(**filters, cursor=cursor, limit=_CSV_PAGE, order="oldest")
        found = await run_query(partial(page_of, query=page))
        yield text + lines(row["body"] for row in found.rows)
        text, cursor = "", found.next
        if cursor is None:
            return


async def _chained(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for text in rest:
        yield text
