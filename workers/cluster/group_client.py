"""What kafka-python's (3.0.12) member of a consumer group does wrong, put right from outside.

- `leave_amid_join`. Brokers answer the requests of a connection one after the other. The one to leave is sent behind
  the one to join, which is answered when the round is over: `close` gives up first, and the broker keeps a member that
  is gone. Apache Kafka waits for it until its session ends; Tansu, where it led the group, for ever.
- `keep_joins`. What the group gave while nobody was in `poll` is thrown away at the next: it asks to join once more,
  and the whole group has another round.
"""

from __future__ import annotations

from typing import Any

import structlog
from kafka.coordinator.base import MemberState
from kafka.errors import KafkaError
from kafka.protocol.consumer import LeaveGroupRequest

log = structlog.get_logger(__name__)

_COORDINATOR = "coordinator-"  # kafka-python's prefix for the second connection to the broker that coordinates


def keep_joins(consumer: Any) -> None:
    """Have `consumer` take what it was given between two polls. Call it before the first."""
    coordinator = consumer._coordinator
    original = coordinator._do_join_and_sync_async
    kept: list[tuple[Any, Any]] = []  # the generation and what it brought, once it is there

    async def joined() -> Any:
        waiting, kept[:] = kept[:], []
        # once it is taken the state is another, and after a failure the generation
        if waiting and coordinator.state is MemberState.REBALANCING and coordinator._generation is waiting[0][0]:
            return waiting[0][1]
        given = await original()
        kept.append((coordinator._generation, given))
        return given

    coordinator._do_join_and_sync_async = joined


def leave_amid_join(consumer: Any, timeout_ms: int) -> None:
    """Leave by the connection for everything else, if `consumer` waits to join; does nothing otherwise.

    Any thread but the client's; blocks.
    """
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
