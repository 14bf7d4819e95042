"""The private parts of kafka-python 3.0 that Livesight uses, checked. No other module knows them.

kafka-python has no public way to end a producer within a deadline, to say why no broker was found, when the group's
coordinator confirmed a heartbeat or for how long the broker throttles a client. `check_client` refuses a kafka-python
that this module was not written for, by version and by attribute; `workers/kafka/client.py` calls it for each client.

Two faults of its group member are corrected from outside: `keep_joins` and `leave_amid_join`. A third one, of every
connection, on import: what a broker sent before it closed was thrown away, such as why it refuses a user.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import kafka
import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from workers.errors import BusError

KAFKA_PYTHON_VERSION = "3.0."

try:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
    from kafka.coordinator.assignors.sticky.sticky_assignor import (
        StickyAssignmentExecutor,
        StickyAssignorMemberMetadataV1,
    )
    from kafka.coordinator.base import MemberState
    from kafka.future import Future
    from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
    from kafka.partitioner.default import murmur2
    from kafka.protocol.consumer import LeaveGroupRequest
    from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription
except ImportError as error:
    raise BusError(
        f"kafka-python {KAFKA_PYTHON_VERSION}x is needed, {kafka.__version__} is installed: {error}"
    ) from error

__all__ = [
    "ConsumerProtocolAssignment",
    "ConsumerProtocolSubscription",
    "CooperativeStickyAssignor",
    "Future",
    "MemberState",
    "StickyAssignmentExecutor",
    "StickyAssignorMemberMetadataV1",
    "murmur2",
]

CLIENT_ATTRIBUTES = (
    "_net.call_soon_threadsafe",
    "_net.run",
    "_net.sleep",
    "_manager._conns",
    "_manager.get_connection",
    "_manager.send",
    "_manager.wait_for",
)
PRODUCER_ATTRIBUTES = ("_sender.join", "_sender.is_alive", "_sender._client._manager._conns")
CONSUMER_ATTRIBUTES = ("_manager._conns", "_manager.send", "_net.run", "_net.sleep")
MEMBER_ATTRIBUTES = (
    "_coordinator.heartbeat.last_receive",
    "_coordinator.heartbeat.last_send",
    "_coordinator._do_join_and_sync_async",
    "_coordinator._generation",
    "_coordinator.state",
    "_coordinator.coordinator_id",
    "_coordinator.reset_generation",
)
CONNECTION_ATTRIBUTES = ("_throttle_time", "init_future")
_COORDINATOR = "coordinator-"  # kafka-python's prefix for the second connection to the broker that coordinates

log = structlog.get_logger(__name__)


def _read_to_the_end(transport: Any) -> None:
    """Have a class of connections deliver what came together with the end, which the next read meets again."""
    original = transport._sock_recv

    def received(connection: Any) -> tuple[bytes, BaseException | None]:
        data, error = original(connection)
        return data, None if data else error

    transport._sock_recv = received


for _transport in (KafkaTCPTransport, KafkaSSLTransport):
    _read_to_the_end(_transport)


class Producer(KafkaProducer):  # type: ignore[misc]
    """A producer whose `close` is bounded.

    KafkaProducer.close flushes first, which waits once a batch for a dead broker, and then raises without having
    stopped its thread.
    """

    def flush(self, timeout: float | None = None) -> None:
        """Nothing: the bus knows what is unconfirmed and waits for that itself."""

    def abandon(self, timeout_s: float) -> bool:
        """Stop at once, whatever is unsent; False when its thread did not end within `timeout_s`. Idempotent."""
        self.close(timeout=0)
        self._sender.join(timeout_s)
        return not self._sender.is_alive()

    @property
    def throttled_s(self) -> float:
        """For how long the broker has this client wait before it takes more (a quota); 0 when it does not."""
        return _throttled_s(self._sender._client._manager)


def check_client(client: Any, opened: Any) -> None:
    """Check a network client and the producer, consumer or admin client that was opened on it.

    Raises BusError when kafka-python is not the version that this module was written for, or lacks an attribute.
    """
    if not kafka.__version__.startswith(KAFKA_PYTHON_VERSION):
        raise BusError(f"kafka-python {KAFKA_PYTHON_VERSION}x is needed, {kafka.__version__} is installed")
    missing = _missing(client, CLIENT_ATTRIBUTES)
    for connection in list(client._manager._conns.values()) if not missing else ():
        missing += _missing(connection, CONNECTION_ATTRIBUTES)
    if isinstance(opened, KafkaProducer):
        missing += _missing(opened, PRODUCER_ATTRIBUTES)
    if isinstance(opened, KafkaConsumer):
        missing += _missing(opened, CONSUMER_ATTRIBUTES)
        missing += _missing(opened, MEMBER_ATTRIBUTES) if opened.config["group_id"] is not None else []
    if missing:
        raise BusError(f"kafka-python {kafka.__version__} has changed inside: {', '.join(sorted(set(missing)))}")


def note_connections(client: Any, connections: deque[Any]) -> None:
    """Have `client` add each connection that it opens to `connections`: it does not report why one failed."""
    manager = client._manager
    original = manager.get_connection

    def noted(*args: Any, **kwargs: Any) -> Any:
        connections.append(original(*args, **kwargs))
        return connections[-1]

    manager.get_connection = noted


def forget_connections(client: Any) -> None:
    """End `note_connections`."""
    del client._manager.get_connection


def connection_failures(connections: deque[Any]) -> list[BaseException]:
    """Why noted connections failed; those that did not are left out."""
    return [one.init_future.exception for one in connections if one.init_future.failed()]


def consumer_throttled_s(consumer: Any) -> float:
    """For how long the broker has a consumer wait before it answers more (a quota); 0 when it does not."""
    return _throttled_s(consumer._manager)


def heartbeat_times(consumer: Any) -> tuple[float, float]:
    """When the last heartbeat's answer was received and when the last one was sent, of time.monotonic()."""
    heartbeat = consumer._coordinator.heartbeat
    return heartbeat.last_receive, heartbeat.last_send  # in this order: a pair seen late is older


def network_loop(consumer: Any) -> Any:
    """The loop of a consumer's network thread, kafka.net.selector.NetworkSelector: `sleep`, `call_soon_threadsafe`."""
    return consumer._net


def keep_joins(consumer: Any) -> None:
    """Have `consumer` take what the group gave it between two polls. Call it before the first.

    kafka-python discards that at the next poll and asks to join once more: the whole group rebalances again.
    """
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
    """Leave the group by the connection for everything else, if `consumer` waits to join; else do nothing.

    Brokers answer the requests of a connection one after the other. kafka-python sends the request to leave behind the
    one to join, which is answered when the round is over: `close` gives up first, and for the broker the member
    is still there. Apache Kafka waits for it until its session ends; Tansu, where it led the group, for ever.

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


def _throttled_s(manager: Any) -> float:
    now_s = time.monotonic()
    return max([0.0, *(float(one._throttle_time) - now_s for one in list(manager._conns.values()))])


def _missing(owner: Any, paths: tuple[str, ...]) -> list[str]:
    """Which of these dotted attributes `owner` lacks."""
    missing = []
    for path in paths:
        found = owner
        for name in path.split("."):
            if not hasattr(found, name):
                missing.append(path)
                break
            found = getattr(found, name)
    return missing
