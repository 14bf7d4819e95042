"""The pages and their files. Runs on the event loop; the files are small and cached in memory."""

from __future__ import annotations

import mimetypes
from importlib.metadata import distribution
from pathlib import Path
from stat import S_ISREG

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from workers.access.declaration import CurrentPrincipal, Open
from workers.access.guarded_route import GuardedRoute

_OPEN = Depends(Open("the pages are the same for everybody and hold no data; they show the page to sign in at"))
router = APIRouter(include_in_schema=False, route_class=GuardedRoute, dependencies=[_OPEN])

WEB = Path(__file__).resolve().parents[1] / "web"
_FILES = StaticFiles(directory=WEB, check_dir=False)
_SWAGGER_UI = StaticFiles(
    directory=Path(str(distribution("fastapi-offline").locate_file("fastapi_offline/static"))), check_dir=False
)
_OF_DOCS = ("swagger-ui-bundle.js", "swagger-ui.css")  # ReDoc is in that package too
_CACHE: dict[str, tuple[bytes, str | None]] = {}
_STREAMS = b'    <link rel="preload" as="fetch" href="/v1/streams" crossorigin />\n'
"""Has the browser ask for the list of cameras at once; whoever is not signed in would be refused it."""
_CACHE_CONTROL = "no-cache"  # always revalidated: after an update no browser mixes old files with new ones


@router.api_route("/", methods=["GET", "HEAD"])
async def live_page(request: Request, principal: CurrentPrincipal) -> Response:
    """The live page."""
    body, etag = _load("index.html")
    if not principal.may("results"):
        body, etag = body.replace(_STREAMS, b""), f'{etag[:-1]}-signed-out"'
    return _answer(body, etag, "text/html", request)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def static_file(request: Request, path: str) -> Response:
    """A file of the pages. Anything outside their folder is not found."""
    body, etag = _load(
        path
    )  # without a thread: a page is some thirty small files, and a thread for each would cost more
    return _answer(body, etag, mimetypes.guess_type(path)[0], request)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs_page(request: Request) -> Response:
    """`/openapi.json` to read and to try: Swagger UI."""
    return _answer(*_load("docs/index.html"), "text/html", request)


@router.api_route("/docs/{file}", methods=["GET", "HEAD"])
async def docs_file(request: Request, file: str) -> Response:
    """A file of Swagger UI, from the package that carries them: no other host is asked."""
    if file not in _OF_DOCS:
        raise HTTPException(404)
    return _answer(*_load(file, _SWAGGER_UI), mimetypes.guess_type(file)[0], request)


def _answer(body: bytes, etag: str, media_type: str | None, request: Request) -> Response:
    headers = {"etag": etag, "cache-control": _CACHE_CONTROL}
    response = Response(body, headers=headers, media_type=media_type)
    if _FILES.is_not_modified(response.headers, request.headers):
        return NotModifiedResponse(response.headers)
    return response


def _load(path: str, files: StaticFiles = _FILES) -> tuple[bytes, str]:
    """A file and its ETag, read again when it changed. Raises HTTPException when it does not exist."""
    try:
        found, stat = files.lookup_path(path)
        if stat is None or not S_ISREG(stat.st_mode):
            raise HTTPException(404)
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
        body, known = _CACHE.get(found, (b"", None))
        if known != etag:
            body = Path(found).read_bytes()
            _CACHE[found] = body, etag
    except (OSError, ValueError):  # a name that is too long or has invalid characters
        raise HTTPException(404) from None
    return body, etag
