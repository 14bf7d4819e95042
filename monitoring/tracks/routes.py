"""Tracks over HTTP: pages, one, live. Runs on the event loop; queries run in its executor.

Each shows the tracks of streams in the principal's scope, and a stream outside it as one that never had any.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import Connection

from monitoring.core.errors import TooManyFollowers
from monitoring.core.known_people import ToldNames, all_names
from monitoring.core.telling import Telling
from monitoring.store.live_events import Gone, deleted_event, missed_event
from monitoring.tracks.filters import TrackFilters, TrackPageQuery, wanted_track
from monitoring.tracks.query import track_body, tracks_page
from monitoring.tracks.record import TrackRecord, read_record
from monitoring.tracks.views import TrackDetail, TrackPage, track_detail, track_views
from monitoring.tracks.writer import LiveTracks
from workers.access.declaration import MaySeeEvents
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import StreamScope
from workers.database.database import Database

_MOST_IN_VIEW = 500

TrackInPath = Annotated[uuid.UUID, Path(description="The track's id.")]

Answer = TypeVar("Answer")
Filters = TypeVar("Filters", bound=TrackFilters)


def track_routes(database: Database, live: LiveTracks, telling: Telling | None = None) -> APIRouter:
    """The routes of tracks. telling: how tracks are told, and with whose names."""
    router = APIRouter(tags=["tracks"], route_class=GuardedRoute)
    reader = _Reader(database, telling or Telling())
    _add_live(router, reader, live)
    _add_reading(router, reader)
    return router


class _Reader:
    """Queries on connections of its own, in the loop's executor. `telling`: how tracks are told."""

    def __init__(self, database: Database, telling: Telling) -> None:
        self._database = database
        self.telling = telling

    async def run(self, query: Callable[[Connection], Answer]) -> Answer:
        """What `query` returns."""

        def run() -> Answer:
            with self._database.read() as connection:
                return query(connection)

        return await asyncio.to_thread(run)


def _add_reading(router: APIRouter, reader: _Reader) -> None:
    @router.get("/v1/tracks", response_model=TrackPage)
    async def list_tracks(principal: MaySeeEvents, query: Annotated[TrackPageQuery, Query()]) -> JSONResponse:
        """Tracks, those that began last first, a page at a time."""
        scope, told = principal.scope("events"), reader.telling.to(principal)
        return JSONResponse(await reader.run(partial(_page, query=query, scope=scope, telling=told)))

    @router.get("/v1/tracks/{track}", response_model=TrackDetail)
    async def get_track(principal: MaySeeEvents, track: TrackInPath) -> JSONResponse:
        """One track, with its events."""
        scope, told = principal.scope("events"), reader.telling.to(principal)
        return JSONResponse(
            await reader.run(lambda found: track_detail(found, read_record(track_body(found, track, scope)), told))
        )


def _add_live(router: APIRouter, reader: _Reader, live: LiveTracks) -> None:
    def has_room() -> None:
        if live.full:
            raise TooManyFollowers("too many clients follow the tracks already; try again later")

    @router.get("/v1/tracks/live", response_class=EventSourceResponse)
    async def follow_tracks(
        principal: MaySeeEvents, query: Annotated[TrackFilters, Query()], room: None = Depends(has_room)
    ) -> AsyncIterator[ServerSentEvent]:
        """The tracks in view now, then each again whenever something of it changes, its end included.

        Server-sent events; `data` is a track as in a page, whose id is the event's. `event: caught_up` follows the
        tracks in view: what a client knows from before and was not told again has ended. `event: deleted` tells the
        `ids` of tracks that were deleted. Times, and whether a track is over, do not filter here.
        """
        scope, told = principal.scope("events"), reader.telling.to(principal)
        asked = _asked(query, told.names)

        def wanted(one: TrackRecord | Gone) -> bool:
            return one.stream_id in scope if isinstance(one, Gone) else wanted_track(asked, one, scope)

        async with aclosing(live.batches(wanted)) as batches:
            async for changes, missed in batches:
                gone = [one for one in changes if isinstance(one, Gone)]
                if not changes:
                    yield ServerSentEvent(comment="tracks follow as they change")
                    shown = await reader.run(partial(_in_view, query=asked, scope=scope, telling=told))
                else:
                    shown = await reader.run(partial(track_views, records=_newest(changes), telling=told))
                if missed:
                    yield missed_event(missed)
                for one in shown:
                    yield ServerSentEvent(id=one["id"], raw_data=json.dumps(one))
                if not changes:
                    yield ServerSentEvent(event="caught_up", data={"tracks": len(shown)})
                for deleted in gone:
                    yield deleted_event(deleted)


def _page(connection: Connection, query: TrackPageQuery, scope: StreamScope, telling: Telling) -> dict[str, Any]:
    page = tracks_page(connection, _asked(query, telling.names), scope)
    shown = track_views(connection, _records(page.rows), telling)
    return {"tracks": shown, "next": page.next, "names": all_names(shown)}


def _asked(query: Filters, told: ToldNames) -> Filters:
    """With the ids of those who are asked for by name."""
    return query.model_copy(update={"person": told.asked(query.person)}) if query.person else query


def _in_view(connection: Connection, query: TrackFilters, scope: StreamScope, telling: Telling) -> list[dict[str, Any]]:
    """The oldest first; of very many the newest."""
    filters = query.model_dump() | {"since": None, "until": None, "in_view": True}
    rows = tracks_page(connection, TrackPageQuery(**filters, limit=_MOST_IN_VIEW), scope).rows
    return track_views(connection, _records(rows)[::-1], telling)


def _newest(changes: Sequence[TrackRecord | Gone]) -> list[TrackRecord]:
    """Of each track the newest record, but for those that were deleted meanwhile."""
    gone = {one for change in changes if isinstance(change, Gone) for one in change.ids}
    newest = {one.id: one for one in changes if not isinstance(one, Gone)}
    return [record for track_id, record in newest.items() if track_id not in gone]


def _records(rows: Sequence[Any]) -> list[TrackRecord]:
    return [read_record(row["body"]) for row in rows]
