"""What happened, as `livesight.events`, the store and `GET /v1/events` carry it. Pure."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.bus.identifiers import Count, NodeName, Number, SessionId, Versions
from workers.bus.result import Identity

EVENT_SCHEMA = "livesight.event/1"
EVENT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, EVENT_SCHEMA)

Kind = Literal[
    "track_began",
    "label_changed",
    "identified",
    "track_ended",
    "zone_entered",
    "zone_left",
    "zone_stayed",
    "line_crossed",
    "count_changed",
    "stream_up",
    "stream_down",
    "alert",
    "alert_ended",
]
Severity = Literal["info", "warning", "critical"]


class PathPoint(BaseModel):
    """Where a track's box was: its foot (middle of its lower edge), 0 to 1 of the frame."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    pts_us: Number
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)


class Event(BaseModel):
    """One thing that happened on one stream. Times are those of the frame that showed it.

    `id` follows from what happened (see event_id), so that the same cause always has the same id. Fields that say
    nothing about a kind are null: `zone` of zone events and alerts in a zone, `line` and `direction` of crossings,
    `rule`, `severity` and `text` of alerts, `duration_s` of what ended, `before` of a changed label, person or count.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.event/1"] = Field(default="livesight.event/1", alias="schema")
    id: uuid.UUID
    kind: Kind
    stream_id: str
    session: SessionId
    pts_us: Number
    captured_at_ns: Number = Field(description="Wall clock of that frame, or of the moment when no frame showed it.")
    track_id: Number | None = None
    detector: str | None = None
    label: str | None = None
    before: str | None = Field(default=None, description="The label, the person, or the count, until then.")
    confidence: float | None = Field(default=None, ge=0, le=1)
    xyxy: tuple[float, float, float, float] | None = Field(default=None, description="Pixels of the coded frame.")
    size_wh: tuple[int, int] | None = None
    person: str | None = Field(default=None, description="Whose track it is, an opaque id; of identified, from now on.")
    identity: Identity | None = Field(default=None, description="How alike the face was when it was last recognised.")
    zone: str | None = None
    line: str | None = None
    direction: Literal["in", "out"] | None = None
    count: Count | None = None
    duration_s: float | None = Field(default=None, ge=0)
    reason: str | None = Field(
        default=None,
        description="Why a track or stream ended: gone, removed, an error. Of stream_down: docs/events.md. Of alerts: "
        "deleted, where what they were about was deleted.",
    )
    path: tuple[PathPoint, ...] = Field(default=(), description="Of a track that ended; at most 64 points.")
    rule: str | None = None
    severity: Severity | None = None
    text: str | None = Field(
        default=None, description="An alert in words a person can act on. Stored, {person:ID} stands for a name."
    )
    cause: uuid.UUID | None = Field(default=None, description="The event that brought an alert about, if one did.")
    models: Versions = Field(default_factory=dict)
    node: NodeName | None = None

    def to_json(self) -> bytes:
        """The wire form, UTF-8."""
        return self.model_dump_json(by_alias=True).encode()


def event_id(
    kind: str, stream_id: str, session: str, pts_us: int, track_id: int | None = None, rule: str | None = None
) -> uuid.UUID:
    """UUIDv5 of what makes an event that event. `rule`: the rule's, zone's or line's name, where there is one."""
    cause = (stream_id, session, "" if track_id is None else str(track_id), kind, rule or "", str(pts_us))
    return uuid.uuid5(EVENT_NAMESPACE, "\x1f".join(cause))


def event_json_schema() -> dict[str, Any]:
    """The published JSON Schema of an event."""
    schema = Event.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": EVENT_SCHEMA, **schema}
