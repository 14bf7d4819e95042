"""Deleting over HTTP. Runs on the event loop; deletions run in its executor.

Who may not see a thing gets 404, as for one that does not exist, and so does a second try; who may see it and not
delete it gets 403.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from sqlalchemy import Connection, select

from monitoring.core.errors import MediaUnknown
from monitoring.deletion.deletion import Removed, erase_clip, erase_event, erase_images, erase_track
from monitoring.deletion.service import Deletions
from monitoring.store.query import event_of
from monitoring.store.tables import media
from monitoring.store.visible import visible
from monitoring.tracks.query import track_body
from monitoring.tracks.record import read_record
from workers.access.declaration import Needs, check
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal, StreamScope
from workers.access.roles import Action
from workers.database.database import Database

MayDelete = Annotated[Principal, Depends(Needs("delete"))]
TrackInPath = Annotated[uuid.UUID, Path(description="The track's id.")]
EventInPath = Annotated[uuid.UUID, Path(description="The event's id.")]
Number = Annotated[int, Path(ge=1, le=2**62, description="Its number, as events, tracks and alerts name it.")]

_UNKNOWN: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "It does not exist, or has been deleted."}}


class _Deleting:
    """Looks whether somebody may delete a thing, and does it."""

    def __init__(self, database: Database, deletions: Deletions) -> None:
        self._database = database
        self._deletions = deletions

    async def run(
        self,
        principal: Principal,
        seen_by: Action,
        stream_of: Callable[[Connection, StreamScope], str],
        delete: Callable[[Connection, StreamScope], Removed],
    ) -> None:
        """seen_by: the action that shows such a thing. Raises Forbidden, and what both functions raise."""

        def run() -> None:
            with self._database.read() as connection:
                stream_id = stream_of(connection, principal.scope(seen_by))
            check(principal, "delete", stream_id)
            self._deletions.delete(lambda connection: delete(connection, principal.scope("delete")))

        await asyncio.to_thread(run)


def deletion_routes(database: Database, deletions: Deletions) -> APIRouter:
    """The routes that delete."""
    router = APIRouter(route_class=GuardedRoute)
    deleting = _Deleting(database, deletions)
    _add_happenings(router, deleting)
    _add_files(router, deleting)
    return router


def _add_happenings(router: APIRouter, deleting: _Deleting) -> None:
    @router.delete("/v1/tracks/{track}", status_code=204, responses=_UNKNOWN, tags=["tracks"])
    async def delete_track(principal: MayDelete, track: TrackInPath) -> None:
        """Delete a track for good: its events, images and clips with it.

        Alerts about it stay in the list of alerts with their rule, camera, severity and times; all else of them goes.
        What is still to come of a track in view is not stored. What was sent to alert targets and Kafka stays there.
        """

        def stream_of(connection: Connection, scope: StreamScope) -> str:
            return read_record(track_body(connection, track, scope)).stream_id

        await deleting.run(principal, "events", stream_of, lambda *given: erase_track(given[0], track, given[1]))

    @router.delete("/v1/events/{event_id}", status_code=204, responses=_UNKNOWN, tags=["events"])
    async def delete_event(principal: MayDelete, event_id: EventInPath) -> None:
        """Delete an event for good: of an alert its clip and its end, too. A track's first event takes the track along.

        Its track no longer tells of it, and keeps its images. An alert stays in the list of alerts with its rule,
        camera, severity and times; all else of it goes.
        """

        def stream_of(connection: Connection, scope: StreamScope) -> str:
            return str(event_of(connection, event_id, scope)["stream_id"])

        await deleting.run(principal, "events", stream_of, lambda *given: erase_event(given[0], event_id, given[1]))


def _add_files(router: APIRouter, deleting: _Deleting) -> None:
    @router.delete("/v1/snapshots/{number}", status_code=204, responses=_UNKNOWN, tags=["events"])
    async def delete_snapshot(principal: MayDelete, number: Number) -> None:
        """Delete the images of a track for good: the crop, and the whole image that it was cut from.

        The track gets no others.
        """
        kinds = partial(_stream_of_file, "snapshot", ("crop", "picture"), number)
        await deleting.run(principal, "pictures", kinds, lambda *given: erase_images(given[0], number, given[1]))

    @router.delete("/v1/clips/{number}", status_code=204, responses=_UNKNOWN, tags=["events"])
    async def delete_clip(principal: MayDelete, number: Number) -> None:
        """Delete the clip of an alert for good, and its results. The alert gets no other."""
        kinds = partial(_stream_of_file, "clip", ("clip",), number)
        await deleting.run(principal, "pictures", kinds, lambda *given: erase_clip(given[0], number, given[1]))


def _stream_of_file(what: str, kinds: tuple[str, ...], number: int, connection: Connection, scope: StreamScope) -> str:
    where = (media.c.id == number, media.c.kind.in_(kinds), *visible(media.c.stream_id, scope))
    found = connection.scalar(select(media.c.stream_id).where(*where))
    if found is None:
        raise MediaUnknown(f"there is no {what} {number}, or it was deleted")
    return str(found)
