"""Serves OpenAPI, AsyncAPI, and the JSON Schema of every message. Runs on the event loop."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.documents.asyncapi import asyncapi_document
from api.documents.message_schemas import MESSAGES, json_schema
from api.http.errors import Problem
from workers.access.declaration import Open
from workers.access.guarded_route import GuardedRoute

_OPEN = Depends(Open("it describes the interface and holds no data; tools read it before they have a key"))
router = APIRouter(include_in_schema=False, route_class=GuardedRoute, dependencies=[_OPEN])


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI document of the HTTP routes."""
    return JSONResponse(request.app.openapi())


@router.get("/asyncapi.json")
async def asyncapi(request: Request) -> JSONResponse:
    """The AsyncAPI document of the WebSockets and topics."""
    return JSONResponse(asyncapi_document(request.app.version))


@router.get("/v1/schemas")
async def schemas() -> JSONResponse:
    """All kinds of message by name: their schema's id and URL, and their topic."""
    return JSONResponse(
        {
            name: {"id": kind.schema_id, "url": f"/v1/schemas/{name}", "topic": kind.topic, "summary": kind.summary}
            for name, kind in MESSAGES.items()
        }
    )


@router.get("/v1/schemas/{name}")
async def schema(name: str) -> JSONResponse:
    """The JSON Schema of one kind of message."""
    if name not in MESSAGES:
        raise Problem("not-found", f"unknown schema {name}; there are: {', '.join(MESSAGES)}")
    return JSONResponse(json_schema(name), media_type="application/schema+json")
