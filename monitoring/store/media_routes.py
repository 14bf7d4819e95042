"""Snapshots and clips by number over HTTP. Runs on the event loop; queries and files are read in its executor.

Browsers keep a copy and ask each time whether they may still show it (`no-cache` and an ETag), which costs a look at
the row: who may see a file changes, and so does what a number means. Whoever lost the right gets 404, as for a number
that does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import FileResponse, Response
from sqlalchemy import RowMapping, select

from monitoring.core.errors import MediaUnknown, ResultsUnknown
from monitoring.store.media import MediaStore
from monitoring.store.tables import media as media_table
from monitoring.store.visible import visible
from workers.access.declaration import MaySeePictures
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import StreamScope
from workers.bus.media import FROM_HEADER, RESULT_LINES, SESSION_HEADER
from workers.database.database import Database

Number = Annotated[int, Path(ge=1, le=2**62, description="Its number, as events, tracks and alerts name it.")]
Overlay = Annotated[
    bool, Query(description="1: with the boxes of that frame, the track's own strong. What is stored stays bare.")
]
IfNoneMatch = Annotated[str | None, Header(max_length=4000, description="ETags of what the client has.")]

Find = Callable[[str, int, StreamScope], RowMapping]
"""What (snapshot or clip), its number, which streams may be seen: its row. Raises MediaUnknown."""

_KINDS = {"snapshot": ("crop", "picture"), "clip": ("clip",)}
_CALLED = {"clip": "clip", "results": "results"}
"""What a file is called, by its row's kind; the others are snapshots."""
_RANGE: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that `Range` asks for", "content": {"video/mp4": {}, "video/webm": {}}},
    416: {"description": "The clip has no such part"},
}
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has the file"}}


def media_routes(database: Database, media: MediaStore) -> APIRouter:
    """The routes of the files of events and alerts."""
    router = APIRouter(tags=["events"], route_class=GuardedRoute)
    _add_snapshots(router, partial(_find, database), media)
    _add_clips(router, partial(_find, database), media)
    _add_results(router, partial(_find_results, database), media)
    return router


def _add_snapshots(router: APIRouter, find: Find, media: MediaStore) -> None:
    @router.get(
        "/v1/snapshots/{number}",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **_UNCHANGED},
    )
    async def get_snapshot(
        principal: MaySeePictures, number: Number, overlay: Overlay = False, if_none_match: IfNoneMatch = None
    ) -> Response:
        """A track's best crop, or the whole image it was cut from: JPEG."""
        row = await asyncio.to_thread(find, "snapshot", number, principal.scope("pictures"))
        headers = _headers(row, overlay)
        if _has(if_none_match, headers["etag"]):
            return Response(status_code=304, headers=headers)
        try:
            data = await asyncio.to_thread(media.image, row, overlay)
        except FileNotFoundError:
            raise _missing(row) from None
        return Response(data, media_type=row["media_type"], headers=headers)


def _add_clips(router: APIRouter, find: Find, media: MediaStore) -> None:
    @router.get(
        "/v1/clips/{number}",
        response_class=FileResponse,
        responses={200: {"content": {"video/mp4": {}, "video/webm": {}}}, **_RANGE, **_UNCHANGED},
    )
    async def get_clip(principal: MaySeePictures, number: Number, if_none_match: IfNoneMatch = None) -> Response:
        """The clip of an alert: MP4 or WebM."""
        row = await asyncio.to_thread(find, "clip", number, principal.scope("pictures"))
        headers = _headers(row)
        if _has(if_none_match, headers["etag"]):
            return Response(status_code=304, headers=headers)
        path = media.path(row)
        try:
            size = await asyncio.to_thread(path.stat)
        except FileNotFoundError:
            raise _missing(row) from None
        return FileResponse(path, media_type=row["media_type"], headers=headers, stat_result=size)


def _add_results(router: APIRouter, find: Callable[[int, StreamScope], RowMapping], media: MediaStore) -> None:
    @router.get(
        "/v1/clips/{number}/results",
        response_class=Response,
        responses={
            200: {"content": {RESULT_LINES: {}}, "description": "A frame result (livesight.frame/1) a line, in order."},
            **_UNCHANGED,
        },
    )
    async def list_clip_results(
        principal: MaySeePictures, number: Number, if_none_match: IfNoneMatch = None
    ) -> Response:
        """The results of a clip's frames, as they were known when it was cut.

        X-Livesight-From-Us is the `pts_us` of the clip's first frame: the frame of a result is shown at its own
        `pts_us` less that. A frame that was not analysed has no line.
        """
        row = await asyncio.to_thread(find, number, principal.scope("pictures"))
        headers = {**_headers(row), SESSION_HEADER: row["session"], FROM_HEADER: str(row["pts_us"])}
        if _has(if_none_match, headers["etag"]):
            return Response(status_code=304, headers=headers)
        try:
            data = await asyncio.to_thread(media.results, row)
        except FileNotFoundError:
            raise _missing(row) from None
        return Response(data, media_type=row["media_type"], headers=headers)


def _find_results(database: Database, number: int, scope: StreamScope) -> RowMapping:
    """The row of a clip's results. Raises MediaUnknown, ResultsUnknown."""
    clip = _find(database, "clip", number, scope)
    found = select(media_table).where(media_table.c.event_id == clip["event_id"], media_table.c.kind == "results")
    with database.read() as connection:
        row = connection.execute(found).mappings().first()
    if row is None:
        raise ResultsUnknown(f"clip {number} has no results: they were not stored when it was cut; the video is there")
    return row


def _find(database: Database, what: str, number: int, scope: StreamScope) -> RowMapping:
    seen = visible(media_table.c.stream_id, scope)
    found = select(media_table).where(media_table.c.id == number, media_table.c.kind.in_(_KINDS[what]), *seen)
    with database.read() as connection:
        row = connection.execute(found).mappings().first()
    if row is None:
        raise MediaUnknown(f"there is no {what} {number}, or it was deleted")
    return row


def _etag(row: RowMapping, overlay: bool) -> str:
    """SQLite gives the highest number again once it is free, and numbers begin anew in a new database."""
    return f'"{row["id"]}-{row["kind"]}-{row["captured_at_ns"]:x}-{row["bytes"]}{"-overlay" if overlay else ""}"'


def _headers(row: RowMapping, overlay: bool = False) -> dict[str, str]:
    return {"cache-control": "private, no-cache", "etag": _etag(row, overlay)}


def _has(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has the file already (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def _missing(row: RowMapping) -> MediaUnknown:
    what = _CALLED.get(row["kind"], "snapshot")
    return MediaUnknown(f"{what} {row['id']}: its file is not on this machine")
