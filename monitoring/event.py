"""Events live in workers/event.py, as nodes make some too; here is where monitoring's parts find them. Pure."""

from workers.event import (
    EVENT_NAMESPACE,
    EVENT_SCHEMA,
    Event,
    Kind,
    PathPoint,
    Severity,
    event_id,
    event_json_schema,
)

__all__ = [
    "EVENT_NAMESPACE",
    "EVENT_SCHEMA",
    "Event",
    "Kind",
    "PathPoint",
    "Severity",
    "event_id",
    "event_json_schema",
]
