"""What this service speaks: OpenAPI, AsyncAPI, and the JSON Schema of a result. Runs on the event loop."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from workers.bus import DETECTIONS
from workers.result import FRAME_SCHEMA, FrameResult, frame_json_schema

router = APIRouter(include_in_schema=False)

_REF = "#/components/schemas/{model}"
_ID = {"description": "A stream's id.", "examples": ["entrance"]}


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The HTTP side."""
    return JSONResponse(request.app.openapi())


@router.get("/asyncapi.json")
async def asyncapi(request: Request) -> JSONResponse:
    """The sockets and the topic."""
    return JSONResponse(asyncapi_document(request.app.version))


@router.get("/v1/schemas/frame")
async def frame_schema() -> JSONResponse:
    """The JSON Schema of a frame result."""
    return JSONResponse(frame_json_schema(), media_type="application/schema+json")


def asyncapi_document(version: str) -> dict[str, Any]:
    """AsyncAPI 3.0 of the sockets and of the topic that results go to. Of what is served, not of what is planned."""
    frame = FrameResult.model_json_schema(by_alias=True, mode="serialization", ref_template=_REF)
    schemas = {**frame.pop("$defs", {}), "FrameResult": frame}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Livesight",
            "version": version,
            "description": "Frame results over WebSockets and Kafka. Sockets' addresses are paths of the HTTP service.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "streamDetections": _channel("/v1/streams/{streamId}/detections", "Results of a stream.", ["frameResult"]),
            "detections": _channel(
                "/v1/detections",
                "Results of all streams, or of those named by the query.",
                ["frameResult"],
                query={"stream": {"type": "array", "items": {"type": "string"}, "description": "Repeatable."}},
            ),
            "frames": _channel(
                "/v1/streams/{streamId}/frames",
                "Push pictures; each is answered exactly once. The n-th picture, from 0, is ordinal n.",
                ["picture", "frameResult", "dropped", "refused"],
                query={"models": {"type": "string", "description": "Names, separated by commas."}},
            ),
            "detectionsTopic": {
                "address": DETECTIONS,
                "description": "Results of every stream, keyed by stream id, in order per stream, at least once.",
                "messages": {"frameResult": {"$ref": "#/components/messages/frameResult"}},
                "bindings": {"kafka": {"topic": DETECTIONS, "bindingVersion": "0.5.0"}},
            },
        },
        "operations": _operations(),
        "components": {"schemas": schemas, "messages": _messages()},
    }


def _channel(
    address: str, description: str, messages: list[str], query: dict[str, Any] | None = None
) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    if "{streamId}" in address:
        channel["parameters"] = {"streamId": _ID}
    ws: dict[str, Any] = {"method": "GET", "bindingVersion": "0.1.0"}
    if query:
        ws["query"] = {"type": "object", "properties": query}
    return {**channel, "bindings": {"ws": ws}}


def _operations() -> dict[str, Any]:
    def operation(action: str, channel: str, messages: list[str]) -> dict[str, Any]:
        return {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
        }

    return {
        "sendStreamDetections": operation("send", "streamDetections", ["frameResult"]),
        "sendDetections": operation("send", "detections", ["frameResult"]),
        "receivePictures": operation("receive", "frames", ["picture"]),
        "answerPictures": operation("send", "frames", ["frameResult", "dropped", "refused"]),
        "publishDetections": operation("send", "detectionsTopic", ["frameResult"]),
    }


def _messages() -> dict[str, Any]:
    ordinal = {"type": "integer", "minimum": 0}
    return {
        "frameResult": {
            "summary": f"What was seen in one picture ({FRAME_SCHEMA}).",
            "headers": {
                "type": "object",
                "description": "On Kafka only.",
                "properties": {"schema": {"const": FRAME_SCHEMA}, "content-type": {"const": "application/json"}},
            },
            "payload": {"$ref": "#/components/schemas/FrameResult"},
        },
        "picture": {
            "summary": "One JPEG, PNG or WebP as a binary message.",
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        },
        "dropped": {
            "summary": "Ordinals of pictures that will not be analysed.",
            "payload": {
                "type": "object",
                "properties": {"dropped": {"type": "array", "items": ordinal, "minItems": 1}},
                "required": ["dropped"],
            },
        },
        "refused": {
            "summary": "A picture that is no good, with an RFC 9457 problem.",
            "payload": {
                "type": "object",
                "properties": {"error": {"type": "object"}, "frame": ordinal},
                "required": ["error", "frame"],
            },
        },
    }
