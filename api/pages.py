"""The live page and its files. Runs on the event loop; files are read in threads."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).resolve().parent / "web"
_FILES = StaticFiles(directory=WEB, check_dir=False)
_PLOTLY = "plotly.min.js"


def _plotly_files() -> StaticFiles:
    """Those of the installed plotly package, which is not imported for it."""
    spec = find_spec("plotly")
    assert spec is not None and spec.submodule_search_locations, "plotly is a dependency"
    return StaticFiles(directory=Path(spec.submodule_search_locations[0]) / "package_data", check_dir=False)


_VENDOR = _plotly_files()


@router.api_route("/", methods=["GET", "HEAD"])
async def live_page(request: Request) -> Response:
    """The live page."""
    return await _file("index.html", request)


@router.api_route(f"/static/{_PLOTLY}", methods=["GET", "HEAD"])
async def plotly(request: Request) -> Response:
    """plotly.js out of the installed plotly package: nothing comes from other hosts."""
    return await _file(_PLOTLY, request, _VENDOR)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def static_file(request: Request, path: str) -> Response:
    """A file of the live page. Anything outside of its folder is not found."""
    return await _file(path, request)


async def _file(path: str, request: Request, files: StaticFiles = _FILES) -> Response:
    """With ETag, and always asked for again: after an update no browser mixes old files with new ones."""
    response = await files.get_response(path, request.scope)
    response.headers["cache-control"] = "no-cache"
    return response
