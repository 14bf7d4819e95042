"""The live page and its files. Runs on the event loop; files are read in threads."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).resolve().parent / "web"
_FILES = StaticFiles(directory=WEB, check_dir=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def live_page(request: Request) -> Response:
    """The live page."""
    return await _file("index.html", request)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def static_file(request: Request, path: str) -> Response:
    """A file of the live page. Anything outside of its folder is not found."""
    return await _file(path, request)


async def _file(path: str, request: Request) -> Response:
    """With ETag, and always asked for again: after an update no browser mixes old files with new ones."""
    response = await _FILES.get_response(path, request.scope)
    response.headers["cache-control"] = "no-cache"
    return response
