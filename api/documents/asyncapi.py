"""The AsyncAPI document: WebSockets, topics and their messages. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from api.documents.message_schemas import MESSAGES, MessageKind
from stream.config import MaxFps, SaysWho
from workers.bus.message_bus import AUDIT, DETECTIONS, DRIFT, EVENTS, MODELS, PEOPLE, SNAPSHOTS, STATUS, STREAMS

_REF = "#/components/schemas/{model}"
_ID = {"description": "A stream's id.", "examples": ["entrance"]}
_ABOUT = {
    DETECTIONS: "Results of every stream, keyed by stream id, in order per stream, at least once.",
    EVENTS: "Events, keyed by stream id; an event's id follows from its cause, so duplicates have the same id.",
    SNAPSHOTS: "JPEGs of tracks, keyed by stream id; the headers identify the track.",
    STREAMS: "Compacted: the streams that should run, keyed by stream id.",
    AUDIT: "Who saw or changed what, keyed by principal; each process numbers and chains its own entries.",
    DRIFT: "Drift reports, keyed by model: of a camera when its state changes, and now and then.",
    MODELS: "Compacted: which version of a model is in service, keyed by model.",
    PEOPLE: "Compacted: who is enrolled, encrypted and without names, keyed by person; a tombstone erases them.",
    STATUS: "Compacted: which node runs which stream, keyed by stream id.",
}

_VIDEO_CONFIGURATION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "schema": {"const": "livesight.video/1"},
        "session": {"type": "string", "description": "The session that pts_us refers to, as in results."},
        "codec": {"type": "string", "description": "As WebCodecs names it; jpeg where the frames are JPEGs."},
        "coded_wh": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
        "description": {
            "type": ["string", "null"],
            "contentEncoding": "base64",
            "description": "avcC or hvcC; null: the key frames carry the parameter sets (Annex B).",
        },
    },
    "required": ["schema", "session", "codec", "coded_wh", "description"],
}

_PUSH_QUERY: dict[str, Any] = {
    "models": {"type": "string", "description": "Model names, separated by commas."},
    "blur": {"type": "boolean", "description": "Blur what the models find, before any image leaves the server."},
    "max_fps": TypeAdapter(MaxFps).json_schema(),
    "identity": TypeAdapter(SaysWho).json_schema(),
}


def asyncapi_document(version: str) -> dict[str, Any]:
    """AsyncAPI 3.0 of the WebSockets and topics."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Livesight",
            "version": version,
            "description": "Frame results over WebSockets and Kafka. WebSocket addresses are HTTP paths.",
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
                "Push images; each is answered exactly once. The n-th image, from 0, has ordinal n.",
                ["picture", "frameResult", "dropped", "refused"],
                query=_PUSH_QUERY,
            ),
            "video": _channel(
                "/v1/streams/{streamId}/video",
                "Encoded video for WebCodecs: a configuration, then packets in decode order from a key frame on.",
                ["videoConfiguration", "videoPacket", "videoSkipped"],
            ),
            **_topics(),
        },
        "operations": _operations(),
        "components": {"schemas": _schemas(), "messages": {**_messages(), **_published()}},
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
        "sendVideo": operation("send", "video", ["videoConfiguration", "videoPacket", "videoSkipped"]),
        **{
            f"publish{channel[0].upper()}{channel[1:-5]}": operation("send", channel, list(found["messages"]))
            for channel, found in _topics().items()
        },
    }


def _messages() -> dict[str, Any]:
    ordinal = {"type": "integer", "minimum": 0}
    return {
        "picture": {
            "summary": "One JPEG, PNG or WebP as a binary message.",
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        },
        "dropped": {
            "summary": "Ordinals of images that will not be analysed.",
            "payload": {
                "type": "object",
                "properties": {"dropped": {"type": "array", "items": ordinal, "minItems": 1}},
                "required": ["dropped"],
            },
        },
        "refused": {
            "summary": "An image that cannot be used, with an RFC 9457 problem.",
            "payload": {
                "type": "object",
                "properties": {"error": {"type": "object"}, "frame": ordinal},
                "required": ["error", "frame"],
            },
        },
        "videoConfiguration": {
            "summary": "How the packets that follow are decoded, as a text message; again at each change.",
            "payload": _VIDEO_CONFIGURATION,
        },
        "videoPacket": {
            "summary": "1 byte kind (0 delta, 1 key, 2 JPEG), 8 bytes pts_us big-endian, then the packet.",
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        },
        "videoSkipped": {
            "summary": "The viewer lagged and missed this many frames before the key frame that follows.",
            "payload": {
                "type": "object",
                "properties": {"skipped": {"type": "integer", "minimum": 1}},
                "required": ["skipped"],
            },
        },
    }


def _message_name(name: str) -> str:
    return "frameResult" if name == "frame" else name


def _topics() -> dict[str, Any]:
    """A channel for each topic that something is published to."""
    channels: dict[str, Any] = {}
    for topic, what in _ABOUT.items():
        names = [_message_name(name) for name, kind in MESSAGES.items() if kind.topic == topic]
        channels[f"{topic.partition('.')[2]}Topic"] = {
            "address": topic,
            "description": what,
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            "bindings": {"kafka": {"topic": topic, "key": {"type": "string"}, "bindingVersion": "0.5.0"}},
        }
    return channels


def _published() -> dict[str, Any]:
    """The messages that topics carry; headers are there on Kafka only."""
    return {
        _message_name(name): {
            "summary": f"{kind.summary} ({kind.schema_id})",
            **_form(kind),
        }
        for name, kind in MESSAGES.items()
    }


def _form(kind: MessageKind) -> dict[str, Any]:
    """Headers and value. Of what is not JSON the headers are what the schema is of, each as text."""
    reference = {"$ref": f"#/components/schemas/{kind.model.__name__}"}
    if kind.content_type != "application/json":
        value = {"type": "string", "format": "binary"}
        return {"contentType": kind.content_type, "headers": reference, "payload": value}
    headers = {
        "type": "object",
        "description": "On Kafka only.",
        "properties": {"schema": {"const": kind.schema_id}, "content-type": {"const": kind.content_type}},
    }
    return {"headers": headers, "payload": reference}


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in MESSAGES.values():
        schema = kind.model.model_json_schema(by_alias=True, mode="serialization", ref_template=_REF)
        found |= {**schema.pop("$defs", {}), kind.model.__name__: schema}
    return found
