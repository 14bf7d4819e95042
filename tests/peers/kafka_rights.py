"""Gives users of an Apache Kafka broker rights and quotas, by its listener on which anybody may do anything."""

from __future__ import annotations

import time

import kafka.errors as kafka_errors
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from tests.peers.kafka import Broker, apache_kafka
from tests.peers.kafka_jars import run

IN_FORCE_S = 30.0


def grant(broker: Broker, user: str, operation: str, *topics: str, group: str | None = None) -> None:
    """`operation`: READ, WRITE …, on topics or on a group. Returns once it is in force, which the answer is not."""
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
        until_s = time.monotonic() + IN_FORCE_S
        while not all(_in_force(admin, acl) for acl in acls):
            assert time.monotonic() < until_s, f"{user} was granted {operation}, and may not do it"


def _in_force(admin: KafkaAdminClient, acl: ACL) -> bool:
    """Whether the broker itself knows of it, by whose knowledge it decides."""
    found, error = admin.describe_acls(
        ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern)
    )
    assert error is kafka_errors.NoError, error
    return bool(found)


def limit_producing(broker: Broker, client_id: str, bytes_per_s: int | None) -> None:
    """A quota for what a client id may write, or none any more; by Kafka's own tool."""
    change = ["--delete-config", "producer_byte_rate"]
    if bytes_per_s is not None:
        change = ["--add-config", f"producer_byte_rate={bytes_per_s}"]
    target = ["--bootstrap-server", broker.address, "--alter", "--entity-type", "clients", "--entity-name", client_id]
    run(apache_kafka().command("kafka.admin.ConfigCommand", *target, *change))
