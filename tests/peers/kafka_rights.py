"""Gives users of an Apache Kafka broker rights and quotas, by its listener on which anybody may do anything."""

from __future__ import annotations

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from tests.peers.kafka import Broker, apache_kafka
from tests.peers.kafka_jars import run


def grant(broker: Broker, user: str, operation: str, *topics: str, group: str | None = None) -> None:
    """`operation`: READ, WRITE …, on topics or on a group."""
    names = [(ResourceType.TOPIC, topic) for topic in topics]
    names += [(ResourceType.GROUP, group)] if group is not None else []
    acls = [
        ACL(
            principal=f"User:{user}",
            host="*",
            operation=ACLOperation[operation],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(kind, name, ACLResourcePatternType.LITERAL),
        )
        for kind, name in names
    ]
    with broker.admin() as admin:
        assert not admin.create_acls(acls)["failed"]


def limit_producing(broker: Broker, client_id: str, bytes_per_s: int | None) -> None:
    """A quota for what a client id may write, or none any more; by Kafka's own tool."""
    change = ["--delete-config", "producer_byte_rate"]
    if bytes_per_s is not None:
        change = ["--add-config", f"producer_byte_rate={bytes_per_s}"]
    target = ["--bootstrap-server", broker.address, "--alter", "--entity-type", "clients", "--entity-name", client_id]
    run(apache_kafka().command("kafka.admin.ConfigCommand", *target, *change))
