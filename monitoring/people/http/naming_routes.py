"""Merging, splitting, contesting and undoing over HTTP. Runs on the event loop; the work in its executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from monitoring.core.errors import BadQuery
from monitoring.people.contesting import contest
from monitoring.people.edits import PersonChanges
from monitoring.people.http.routes import TAKEN, UNKNOWN, MayNamePeople, PersonInPath, detail
from monitoring.people.http.views import MergeBody, NotThisBody, PersonDetail, SplitBody, Undone
from monitoring.people.looks import Vector
from monitoring.people.pictures import Subject, subject_of_event, subject_of_track
from monitoring.people.store import PeopleStore
from monitoring.tracks.query import track_body
from monitoring.tracks.record import TrackRecord, read_record
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import StreamScope

_NOTHING: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "Nothing is left to be undone, or somebody else has the name by now."}
}

LookAt = Callable[[Subject], tuple[str, Vector] | None]
"""Who is in a subject's picture: embedder and vector; None where no face in it is good enough. Blocks."""

TellChanged = Callable[[Sequence[TrackRecord]], object]
"""Shows these tracks anew to pages that look on. Any thread."""


def naming_routes(store: PeopleStore, look_at: LookAt, tell: TellChanged) -> APIRouter:
    """The routes that say who is who."""
    router = APIRouter(tags=["people"], route_class=GuardedRoute)
    _add_merging(router, store)
    _add_contesting(router, store, look_at, tell)
    return router


def _add_merging(router: APIRouter, store: PeopleStore) -> None:
    @router.post("/v1/people/{person}/merge", response_model=PersonDetail, responses=UNKNOWN)
    async def merge_people(principal: MayNamePeople, person: PersonInPath, body: MergeBody) -> JSONResponse:
        """Two are the same person: the looks and sightings of `other` become this person's, whose name stays."""
        await asyncio.to_thread(store.merge, person, body.other, principal.id)
        return JSONResponse(await detail(store, person, principal))

    @router.post("/v1/people/{person}/split", response_model=PersonDetail, responses={**UNKNOWN, **TAKEN})
    async def split_person(principal: MayNamePeople, person: PersonInPath, body: SplitBody) -> JSONResponse:
        """Some looks are of somebody else: they become those of a new person, who is answered.

        What was seen so far stays as it is called; contest what is wrong.
        """
        given = PersonChanges(body.name)
        new = await asyncio.to_thread(store.split, person, sorted(set(body.looks)), given, principal.id)
        return JSONResponse(await detail(store, new.id, principal))

    @router.post("/v1/people/undo", responses=_NOTHING)
    async def undo_people(principal: MayNamePeople) -> Undone:
        """Undo the newest change of anybody: a rename, merge, split or contested name; once more, the one before."""
        return Undone(undone=await asyncio.to_thread(store.undo))


def _add_contesting(router: APIRouter, store: PeopleStore, look_at: LookAt, tell: TellChanged) -> None:
    @router.post("/v1/people/not-this", status_code=204, responses=UNKNOWN)
    async def contest_person(principal: MayNamePeople, body: NotThisBody) -> None:
        """A track is not that person, though it is called so: its events lose the name, and it stays lost.

        Who is in the track's picture is kept as a counter-example: whoever looks like that is not called so any more.
        """
        if (body.event_id is None) == (body.track is None):
            raise BadQuery("body: name either an event (event_id) or a track (track)")
        await asyncio.to_thread(_contest, store, body, (look_at, tell), (principal.scope("events"), principal.id))


def _contest(
    store: PeopleStore, body: NotThisBody, given: tuple[LookAt, TellChanged], asked: tuple[StreamScope, str]
) -> None:
    (look_at, tell), (scope, by) = given, asked
    with store.database.read() as connection:
        subject = (
            subject_of_track(connection, body.track, scope)
            if body.track is not None
            else subject_of_event(connection, body.event_id, scope)  # type: ignore[arg-type]
        )
    look = look_at(subject)
    store.write(lambda connection: contest(connection, subject.track, body.person, look, by))
    with store.database.read() as connection:
        changed = read_record(track_body(connection, subject.track.id, scope))
    tell([changed])
