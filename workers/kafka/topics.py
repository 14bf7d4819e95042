"""The topics: their names on the broker, their configuration, creating the missing ones.

Code names topics by their constants (`livesight.detections`); `topics.prefix` replaces the `livesight` on the broker.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import structlog
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError, for_code

from workers.bus.message_bus import AUDIT, DETECTIONS, DRIFT, EVENTS, MODELS, PEOPLE, SNAPSHOTS, STATUS, STREAMS
from workers.kafka.client import describe, open_admin
from workers.kafka.permissions import SEE, Operation, topic_hidden
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic_settings import TopicsSettings

PREFIX = "livesight"
ALL_TOPICS = (DETECTIONS, SNAPSHOTS, EVENTS, STREAMS, STATUS, DRIFT, MODELS, AUDIT, PEOPLE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it is created. `name` is the broker's, `logical` the constant."""

    logical: str
    name: str
    partitions: int
    replication_factor: int
    configs: dict[str, str]


def kafka_name(logical: str, settings: TopicsSettings) -> str:
    """The name on the broker of a topic of ours; any other name is left as it is."""
    head, dot, rest = logical.partition(".")
    return f"{settings.prefix}{dot}{rest}" if head == PREFIX and dot else logical


def definitions(settings: KafkaSettings) -> dict[str, Topic]:
    """Every topic, by its constant."""
    topics = settings.topics
    found = {}
    for logical in ALL_TOPICS:
        one = getattr(topics, logical.partition(".")[2])
        configs = {"cleanup.policy": one.cleanup}
        if one.retention_s is not None:
            configs["retention.ms"] = str(int(one.retention_s * 1000))
        found[logical] = Topic(
            logical=logical,
            name=kafka_name(logical, topics),
            partitions=one.partitions or topics.partitions,
            replication_factor=topics.replication_factor or -1,
            configs=configs,
        )
    return found


def check_topics(settings: KafkaSettings, logical: Collection[str], operation: Operation) -> dict[str, str]:
    """`ensure_topics` with an admin client of its own. Blocks. Raises BusError or KafkaError."""
    admin = open_admin(settings)
    try:
        return ensure_topics(admin, settings, logical, operation)
    finally:
        admin.close()


def ensure_topics(
    admin: Any, settings: KafkaSettings, logical: Collection[str] = ALL_TOPICS, operation: Operation = "WRITE"
) -> dict[str, str]:
    """Create what is missing, if topics are to be created; returns why others are unavailable, by constant. Blocks.

    A topic that exists is left as it is. operation: what the caller is about to do with them; a topic that this
    principal may not even see is like one that is missing. Raises KafkaError when the broker does not answer.
    """
    wanted = {topic.name: topic for name, topic in definitions(settings).items() if name in logical}
    present = set(admin.list_topics())
    missing = [topic for name, topic in wanted.items() if name not in present]
    if not settings.topics.create:
        reason = "it does not exist or is hidden from this principal, and kafka.topics.create is false"
        return {topic.logical: f"{reason}: needs {operation} on topic {topic.name} ({SEE})" for topic in missing}
    refused: dict[str, str] = {}
    if missing:
        asked = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication_factor,
                "configs": topic.configs,
            }
            for topic in missing
        }
        answer = admin.create_topics(asked, raise_errors=False)
        refused = {wanted[name].logical: reason for name, reason in _refusals(answer, operation).items()}
        created = [topic.name for topic in missing if topic.logical not in refused]
        if created:
            log.info("kafka_topics_created", topics=created)
    return refused


def _refusals(answer: dict[str, Any], operation: Operation) -> dict[str, str]:
    found = {}
    for one in answer["topics"]:
        kind: type[KafkaError] = for_code(one["error_code"])
        if issubclass(kind, AuthorizationError):
            found[one["name"]] = topic_hidden(one["name"], operation)
        elif one["error_code"] and kind is not TopicAlreadyExistsError:  # somebody else was quicker
            found[one["name"]] = describe(kind(one.get("error_message") or ""))
    return found
