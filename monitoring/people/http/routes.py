"""Known people over HTTP: who there is, what they are called, where they were seen. Runs on the event loop.

The gallery is the whole installation's: whoever may see some cameras only sees no names, but ids. Everything that
touches the database runs in the loop's executor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse

from monitoring.core.known_people import all_names
from monitoring.core.telling import Telling
from monitoring.people.changes import last_change
from monitoring.people.erasure import erase_person
from monitoring.people.http.views import (
    NewPerson,
    PeopleList,
    PeopleQuery,
    PersonDetail,
    PersonId,
    PersonPatch,
    SightingsPage,
    SightingsQuery,
    person_detail,
    person_views,
)
from monitoring.people.rows import all_groups, family, page_of, person_of
from monitoring.people.store import PeopleStore
from monitoring.tracks.filters import TrackPageQuery
from monitoring.tracks.query import tracks_page
from monitoring.tracks.record import read_record
from monitoring.tracks.views import track_views
from workers.access.declaration import Needs, check
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import ALL_STREAMS, Principal, StreamScope

MayNamePeople = Annotated[Principal, Depends(Needs("people"))]
PersonInPath = Annotated[PersonId, Path(description="The person's id.")]

UNKNOWN: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such person, or they were erased."}
}
TAKEN: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "Somebody else has that name, or as much is stored as may be."}
}


def people_routes(store: PeopleStore, scrub: Callable[[], object], telling: Telling) -> APIRouter:
    """The routes of people themselves. scrub: empties the database's log of what was erased."""
    router = APIRouter(tags=["people"], route_class=GuardedRoute)
    _add_list(router, store)
    _add_person(router, store, scrub)
    _add_sightings(router, store, telling)
    return router


def _add_list(router: APIRouter, store: PeopleStore) -> None:
    @router.get("/v1/people", response_model=PeopleList)
    async def list_people(principal: MayNamePeople, query: Annotated[PeopleQuery, Query()]) -> JSONResponse:
        """Who is enrolled, by name, a page at a time."""
        return JSONResponse(await asyncio.to_thread(_list, store, query, principal.scope("events")))

    @router.post("/v1/people", response_model=PersonDetail, status_code=201, responses=TAKEN)
    async def add_person(principal: MayNamePeople, body: NewPerson) -> JSONResponse:
        """Add somebody by name, without looks: nobody is recognised as them yet."""
        person = await asyncio.to_thread(store.create, body.changes(), principal.id)
        return JSONResponse(await detail(store, person.id, principal), 201)


def _add_person(router: APIRouter, store: PeopleStore, scrub: Callable[[], object]) -> None:
    @router.get("/v1/people/{person}", response_model=PersonDetail, responses=UNKNOWN)
    async def get_person(principal: MayNamePeople, person: PersonInPath) -> JSONResponse:
        """Somebody, with their looks. The id of somebody who was merged gives whom they were merged into."""
        return JSONResponse(await detail(store, person, principal))

    @router.patch("/v1/people/{person}", response_model=PersonDetail, responses={**UNKNOWN, **TAKEN})
    async def change_person(principal: MayNamePeople, person: PersonInPath, body: PersonPatch) -> JSONResponse:
        """Rename somebody, or change their groups, note or strictness. Can be undone."""
        await asyncio.to_thread(store.change, person, body.changes(), principal.id)
        return JSONResponse(await detail(store, person, principal))

    @router.delete("/v1/people/{person}", status_code=204, responses=UNKNOWN)
    async def delete_person(principal: MayNamePeople, person: PersonInPath) -> None:
        """Erase somebody for good: name, looks with their pictures, and the identity in all events, tracks and alerts.

        Nodes forget them, and what is on its way is stored without them. The images of the tracks stay until they are
        deleted by themselves. Cannot be undone. Needs the action `erase`, but for somebody who was just added: without
        looks, and never seen.
        """

        def erase() -> None:
            if not _is_blank(store, person):
                check(principal, "erase")
            erase_person(store, person, scrub)

        await asyncio.to_thread(erase)


def _add_sightings(router: APIRouter, store: PeopleStore, telling: Telling) -> None:
    @router.get("/v1/people/{person}/sightings", response_model=SightingsPage, responses=UNKNOWN)
    async def list_sightings(
        principal: MayNamePeople, person: PersonInPath, query: Annotated[SightingsQuery, Query()]
    ) -> JSONResponse:
        """When and where somebody was seen: their tracks on the cameras that you may see, the newest first."""
        scope, told = principal.scope("events"), telling.to(principal)
        return JSONResponse(await asyncio.to_thread(sightings, (store, scope, told), person, query))


async def detail(store: PeopleStore, person_id: str, principal: Principal) -> dict[str, Any]:
    """A PersonDetail, JSON-ready. Raises PersonUnknown."""

    def read() -> dict[str, Any]:
        threshold_of = store.roster.thresholds()
        with store.database.read() as connection:
            person = person_of(connection, person_id)
            return person_detail(connection, person, principal.scope("events"), threshold_of)

    return await asyncio.to_thread(read)


def _is_blank(store: PeopleStore, person_id: str) -> bool:
    """Whether there is nothing of somebody but the name. Raises PersonUnknown."""
    with store.database.read() as connection:
        found = person_detail(connection, person_of(connection, person_id), ALL_STREAMS, lambda one: None)
    return not (found["looks"] or found["counter_examples"] or found["last_seen"])


def _list(store: PeopleStore, query: PeopleQuery, scope: StreamScope) -> dict[str, Any]:
    threshold_of = store.roster.thresholds()
    with store.database.read() as connection:
        page = page_of(connection, query.q, query.group, query.cursor, query.limit)
        return {
            "people": person_views(connection, page.people, scope, threshold_of),
            "next": page.next,
            "groups": all_groups(connection),
            "undo": last_change(connection),
        }


def sightings(shown: tuple[PeopleStore, StreamScope, Telling], person_id: str, query: SightingsQuery) -> dict[str, Any]:
    """A SightingsPage, JSON-ready. shown: from where, of which streams, how told. Raises PersonUnknown, BadQuery."""
    store, scope, telling = shown
    with store.database.read() as connection:
        ids = family(connection, person_id)
        wanted = TrackPageQuery(**query.model_dump()).model_copy(update={"person": ids})
        page = tracks_page(connection, wanted, scope)
        records = [read_record(row["body"]) for row in page.rows]
        views = track_views(connection, records, telling)
        return {"tracks": views, "next": page.next, "names": all_names(views)}
