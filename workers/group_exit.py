"""Leaves a consumer group though the request to join is still unanswered. Any thread but the client's; blocks.

Brokers answer the requests of a connection one after the other. kafka-python (3.0.12) sends the one to leave behind the
one to join, which is answered when the round is over: `close` gives up first, and the broker keeps a member that is
gone. Apache Kafka waits for it until its session ends; Tansu, where it led the group, for ever.
"""

from __future__ import annotations

from typing import Any

import structlog
from kafka.coordinator.base import MemberState
from kafka.errors import KafkaError
from kafka.protocol.consumer import LeaveGroupRequest

log = structlog.get_logger(__name__)

_COORDINATOR = "coordinator-"  # kafka-python's prefix for the second connection to the broker that coordinates


def leave_amid_join(consumer: Any, timeout_ms: int) -> None:
    """Leave by the connection for everything else, if `consumer` waits to join; does nothing otherwise."""
    member, coordinator = consumer.group_metadata(), consumer._coordinator
    broker = str(coordinator.coordinator_id).removeprefix(_COORDINATOR)
    if member.state is not MemberState.REBALANCING or not member.member_id or not broker.isdecimal():
        return
    identity = LeaveGroupRequest.MemberIdentity(member_id=member.member_id, group_instance_id=None, reason=None)
    request = LeaveGroupRequest(group_id=member.group_id, member_id=member.member_id, members=[identity])
    try:
        answer = consumer._manager.send(request, node_id=int(broker))
        consumer._net.run(consumer._manager.wait_for, answer, timeout_ms)
    except (KafkaError, RuntimeError) as error:
        log.info("group_not_left", group=member.group_id, reason=str(error) or type(error).__name__)
        return
    coordinator.reset_generation()  # `close` has nothing to leave
