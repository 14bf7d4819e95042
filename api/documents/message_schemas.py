"""The JSON Schema of every message that is published, by name, and the topics they go to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from api.audit.entry import AuditEntry
from workers.bus.drift_report import DriftReport
from workers.bus.event import Event
from workers.bus.media import Snapshot
from workers.bus.message_bus import AUDIT, DETECTIONS, DRIFT, EVENTS, MODELS, PEOPLE, SNAPSHOTS, STATUS, STREAMS
from workers.bus.result import FrameResult
from workers.cluster.status import MonitorStatus, NodeStatus, StreamStatus
from workers.cluster.stream_spec import SpecRecord, TopicEpoch
from workers.identity.person_record import PersonRecord
from workers.registry.active_versions import ActiveVersion


@dataclass(frozen=True, slots=True)
class MessageKind:
    """One kind of message: what it is, what it looks like, where it goes.

    content_type: of the value; when that is not JSON, `model` says what is in the headers.
    """

    summary: str
    model: type[BaseModel]
    topic: str
    content_type: str = "application/json"

    @property
    def schema_id(self) -> str:
        """What its `schema` field and header say, such as livesight.frame/1."""
        return str(self.model.model_fields["schema_"].default)


MESSAGES = {
    "frame": MessageKind("What was seen in one frame.", FrameResult, DETECTIONS),
    "event": MessageKind("What happened: from the monitor, or from a node (stream up, down).", Event, EVENTS),
    "snapshot": MessageKind(
        "A track's best crop, or the frame it was cut from, as JPEG.", Snapshot, SNAPSHOTS, "image/jpeg"
    ),
    "stream": MessageKind("That a stream shall run, and how; a tombstone ends it.", SpecRecord, STREAMS),
    "epoch": MessageKind(
        "Identifies this topic as it was made, keyed _epoch: a broker that lost its data has none.", TopicEpoch, STREAMS
    ),
    "drift": MessageKind("Whether a camera still shows a model what it was made for.", DriftReport, DRIFT),
    "model": MessageKind("Which version of a model is in service, keyed by the model.", ActiveVersion, MODELS),
    "status": MessageKind("Which node runs a stream, and how that goes.", StreamStatus, STATUS),
    "monitor": MessageKind("Which process's monitor works, keyed _monitor.NAME.", MonitorStatus, STATUS),
    "audit": MessageKind("Who saw or changed what, or was refused, in the chain of a process.", AuditEntry, AUDIT),
    "person": MessageKind("Somebody who is to be recognised, encrypted; a tombstone erases.", PersonRecord, PEOPLE),
    "node": MessageKind("That a node lives, keyed _node.NAME.", NodeStatus, STATUS),
}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a kind of message. Raises KeyError."""
    kind = MESSAGES[name]
    schema = kind.model.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": kind.schema_id, **schema}
