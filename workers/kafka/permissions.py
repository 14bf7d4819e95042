"""What a Kafka principal needs, by role, and what a refused one lacks, in words. Pure.

`livesight topics` prints the first for Kafka's own tools (workers/cli/topics.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

from kafka.errors import (
    AuthorizationError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)

from workers.bus.message_bus import AUDIT, DETECTIONS, DRIFT, EVENTS, MODELS, PEOPLE, SNAPSHOTS, STATUS, STREAMS

Role = Literal["node", "api", "monitor"]
Operation = Literal["READ", "WRITE"]

SEE = "see `livesight topics`"
THROTTLED = "the broker throttles this client (a quota)"
NEEDED: Final[Mapping[Role, Mapping[str, tuple[Operation, ...]]]] = {
    "node": {
        DETECTIONS: ("WRITE",),
        SNAPSHOTS: ("WRITE",),
        EVENTS: ("WRITE",),
        MODELS: ("READ", "WRITE"),
        STREAMS: ("READ", "WRITE"),
        STATUS: ("READ", "WRITE"),
        AUDIT: ("WRITE",),
        PEOPLE: ("READ",),
    },
    "api": {DETECTIONS: ("READ",), STREAMS: ("READ", "WRITE"), STATUS: ("READ",), AUDIT: ("WRITE",)},
    "monitor": {
        DETECTIONS: ("READ",),
        SNAPSHOTS: ("READ",),
        EVENTS: ("READ", "WRITE"),
        DRIFT: ("WRITE",),
        STREAMS: ("READ",),
        STATUS: ("READ", "WRITE"),
        PEOPLE: ("READ", "WRITE"),
    },
}
"""Topic → operations. Each includes DESCRIBE. Nodes need READ on their group as well, `cluster.group`."""


def denied(needs: str) -> str:
    """Why something is refused to this principal, and what it needs."""
    return f"access denied: needs {needs} ({SEE})"


def topic_denied(topic: str, operation: Operation) -> str:
    """`topic`: its name on the broker."""
    return denied(f"{operation} on topic {topic}")


def topic_hidden(topic: str, operation: Operation) -> str:
    """A topic that is not shown to this principal, which may not create it either."""
    return denied(f"{operation} on topic {topic}, or CREATE if there is no such topic")


def group_denied(group: str) -> str:
    """`group`: a consumer group."""
    return denied(f"READ on group {group}")


def explain_denial(error: BaseException, operation: Operation, group: str | None = None) -> str | None:
    """A broker's refusal in words; None for any other error, or when it does not say what it refuses.

    operation: what was done with topics.
    """
    if isinstance(error, TopicAuthorizationFailedError) and (topics := denied_topics(error)):
        return denied(f"{operation} on topic {', '.join(sorted(topics))}")
    if isinstance(error, GroupAuthorizationFailedError) and group is not None:
        return group_denied(group)
    if isinstance(error, ClusterAuthorizationFailedError):
        return denied("CREATE on the cluster")
    return None


def denied_topics(error: AuthorizationError) -> frozenset[str]:
    """The topics that kafka-python names in a refusal; empty when it names none."""
    found = error.args[0] if error.args else ()
    if isinstance(found, str) or not isinstance(found, Collection):
        return frozenset()
    return frozenset(str(topic) for topic in found)
