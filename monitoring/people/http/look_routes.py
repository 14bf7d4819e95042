"""Faces of known people over HTTP: enrolled, shown, deleted; and who is in a picture. Runs on the event loop.

Pictures are decoded and looked at in the loop's executor, a few at a time.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from monitoring.core.errors import LookUnknown
from monitoring.core.telling import Telling
from monitoring.people.enrolment import Asked, Enrolment, Found
from monitoring.people.http.routes import UNKNOWN, MayNamePeople, PersonInPath, detail, sightings
from monitoring.people.http.views import LookView, PersonDetail, SightingsQuery, first_image, look_view
from monitoring.people.looks import look_of, looks_of
from monitoring.people.uploads import ChosenPicture, picture_body, picture_in
from monitoring.tracks.views import TrackView
from workers.access.declaration import Needs, check
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal

MayEnrol = Annotated[Principal, Depends(Needs("enrol"))]
MayErase = Annotated[Principal, Depends(Needs("erase"))]
NumberInPath = Annotated[int, Path(ge=1, le=2**62, description="The look's number.")]
Confirmed = Annotated[
    bool, Query(description="The picture is meant, though it looks like somebody else who is enrolled.")
]

_AT_ONCE = 2
_MOST_TRACKS = 20
_ENROLLED: Final[dict[int | str, dict[str, Any]]] = {
    **UNKNOWN,
    409: {"description": "It looks like somebody else (`looks-alike`, with `alike`), or there are as many as may be."},
    413: {"description": "The picture is too large."},
    415: {"description": "The media type is not supported."},
    503: {"description": "There is no face model (`livesight people model`), or too much to do."},
}


class EnrolledLook(BaseModel):
    """A look that was enrolled, and whose it is now."""

    look: int = Field(description="Its number.")
    person: PersonDetail


class LookList(BaseModel):
    """All looks of somebody, in the order in which they were enrolled."""

    looks: list[LookView]


class FoundPerson(BaseModel):
    """Somebody whom the picture looks like."""

    model_config = ConfigDict(allow_inf_nan=False)

    person: str
    name: str | None
    similarity: float
    threshold: float = Field(description="From which similarity on a track gets the name.")
    named: bool = Field(description="Whether a track that looked so would get the name.")
    image_url: str | None


class FoundPeople(BaseModel):
    """Who is in a picture, the most similar first; and the newest tracks that have that name."""

    people: list[FoundPerson]
    tracks: list[TrackView]


def look_routes(enrolment: Enrolment, telling: Telling) -> APIRouter:
    """The routes of faces."""
    router = APIRouter(tags=["people"], route_class=GuardedRoute)
    places = asyncio.Semaphore(_AT_ONCE)
    _add_enrolling(router, enrolment, places)
    _add_looks(router, enrolment)
    _add_search(router, enrolment, places, telling)
    return router


def _add_enrolling(router: APIRouter, enrolment: Enrolment, places: asyncio.Semaphore) -> None:
    @router.post(
        "/v1/people/{person}/looks",
        response_model=EnrolledLook,
        status_code=201,
        responses=_ENROLLED,
        openapi_extra=picture_body(chosen=True),
    )
    async def enrol_look(
        principal: MayNamePeople, person: PersonInPath, request: Request, confirmed: Confirmed = False
    ) -> JSONResponse:
        """Enrol a face: of an event (`event_id`), of a track (`track`), or of an uploaded picture, which needs `enrol`.

        Refused, with the reason: no face or several, too small, blurred, turned away, or like somebody else.
        """
        picture = await picture_in(request, chosen=True)
        if not isinstance(picture, ChosenPicture):
            check(principal, "enrol")
        asked = Asked(principal.id, principal.scope("events"), principal.scope("pictures"), confirmed)
        async with places:
            number = await asyncio.to_thread(enrolment.enrol, person, picture, asked)
        shown = await detail(enrolment.store, person, principal)
        return JSONResponse({"look": number, "person": shown}, 201)


def _add_looks(router: APIRouter, enrolment: Enrolment) -> None:
    store = enrolment.store

    @router.get("/v1/people/{person}/looks", response_model=LookList, responses=UNKNOWN)
    async def list_looks(principal: MayNamePeople, person: PersonInPath) -> JSONResponse:
        """The faces that somebody is known by."""

        def read() -> list[dict[str, Any]]:
            with store.database.read() as connection:
                return [look_view(person, row) for row in looks_of(connection, person)]

        return JSONResponse({"looks": await asyncio.to_thread(read)})

    @router.get(
        "/v1/people/{person}/looks/{n}/face.jpg",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **UNKNOWN},
    )
    async def get_look(principal: MayNamePeople, person: PersonInPath, n: NumberInPath) -> Response:
        """The face of a look, cut out."""

        def read() -> bytes:
            with store.database.read() as connection:
                path = look_of(connection, person, n)["path"]
            try:
                return store.files.read(path or "none.jpg")
            except OSError:
                raise LookUnknown(f"look {n} has no picture on this machine") from None

        data = await asyncio.to_thread(read)
        return Response(data, media_type="image/jpeg", headers={"cache-control": "private, no-store"})

    @router.delete("/v1/people/{person}/looks/{n}", status_code=204, responses=UNKNOWN)
    async def delete_look(principal: MayErase, person: PersonInPath, n: NumberInPath) -> None:
        """Delete a look and its picture for good. Somebody without looks is not recognised any more."""
        await asyncio.to_thread(store.remove_look, person, n)


def _add_search(router: APIRouter, enrolment: Enrolment, places: asyncio.Semaphore, telling: Telling) -> None:
    @router.post(
        "/v1/people/search",
        response_model=FoundPeople,
        responses={name: words for name, words in _ENROLLED.items() if name not in (404, 409)},
        openapi_extra=picture_body(chosen=False),
    )
    async def search_people(principal: MayEnrol, request: Request) -> JSONResponse:
        """Who is in a picture. The picture is not kept; that somebody searched is in the audit trail."""
        picture = await picture_in(request, chosen=False)
        assert isinstance(picture, bytes)
        async with places:
            found = await asyncio.to_thread(enrolment.search, picture)
        return JSONResponse(await asyncio.to_thread(_shown, enrolment, found, principal, telling))


def _shown(enrolment: Enrolment, found: list[Found], principal: Principal, telling: Telling) -> dict[str, Any]:
    store = enrolment.store
    with store.database.read() as connection:
        images = {one.person: first_image(connection, one.person) for one in found}
    people = [
        {
            "person": one.person,
            "name": store.names.name_of(one.person),
            "similarity": one.similarity,
            "threshold": one.threshold,
            "named": one.named,
            "image_url": images[one.person],
        }
        for one in found
    ]
    named = [one.person for one in found if one.named]
    wanted = SightingsQuery(limit=_MOST_TRACKS)
    tracks = sightings((store, principal.scope("events"), telling.to(principal)), named[0], wanted) if named else None
    return {"people": people, "tracks": [] if tracks is None else tracks["tracks"]}
