"""Leases that share a topic's partitions: real clients and a real broker, no cameras."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.base import MemberState
from kafka.errors import TopicAlreadyExistsError
from kafka.net.selector import NetworkSelector

from tests.peers.kafka import Broker
from workers.cluster.lease import Lease
from workers.cluster.rebalance_listener import RebalanceListener
from workers.cluster.settings import ClusterSettings
from workers.cluster.stream_spec import partition_of
from workers.kafka.kafka_python import keep_joins
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic_settings import TopicsSettings

PATIENCE_S = 60.0
PARTITIONS = 16


class Member:
    """A lease with a log of what it had to stop."""

    def __init__(self, broker: Broker) -> None:
        self.released: list[frozenset[int]] = []
        kafka = KafkaSettings(bootstrap_servers=(broker.address,), topics=TopicsSettings(partitions=PARTITIONS))
        settings = ClusterSettings(session_timeout_s=6)
        self.lease = Lease(kafka, settings, self.released.append, lambda: None)
        self.lease.start()

    def holds(self, count: int) -> set[int]:
        """The partitions whose streams it may run, of a topic with so many."""
        return {number for number in range(count) if self.lease.holds(named(number, count))}


def named(partition: int, count: int) -> str:
    """Some stream whose records lie there."""
    return next(name for number in range(10_000) if partition_of(name := f"cam{number}", count) == partition)


def wait(found: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline_s, f"no {what} within {PATIENCE_S:g} s"
        time.sleep(0.05)


@pytest.fixture
def members(broker: Broker) -> Iterator[list[Member]]:
    """Two that have settled."""
    with ExitStack() as stack:
        members = [Member(broker) for _ in range(2)]
        for member in members:
            stack.callback(member.lease.close, 5.0)
        wait(lambda: shared(members, PARTITIONS) and all(member.lease.held for member in members), "sharing")
        yield members


def shared(members: list[Member], count: int) -> bool:
    """Whether each partition is exactly one's, and nobody has what there is not."""
    running = [member.holds(count) for member in members]
    whole = set().union(*running) == set(range(count)) and sum(map(len, running)) == count
    return whole and [set(member.lease._held) for member in members] == running


def test_a_topic_that_came_back_with_fewer_partitions_is_shared_whole(broker: Broker, members: list[Member]) -> None:
    """The broker lost everything, and a stranger who asked for the topic had it made as the broker likes."""
    wait(lambda: came_back_with(broker, 4), "topic of 4 partitions")
    wait(lambda: shared(members, 4), "sharing of 4 partitions")


def came_back_with(broker: Broker, partitions: int) -> bool:
    """Unless a member made the topic before the stranger could."""
    broker.kill()
    broker.start()
    try:
        broker.create_topic("livesight.streams", partitions)
    except TopicAlreadyExistsError:
        return False
    return True


def test_who_stands_in_holds_at_once_and_keeps_it(broker: Broker, members: list[Member]) -> None:
    heir, leaver = members
    theirs = leaver.lease.held
    heir.lease.take_over(theirs)
    assert heir.holds(PARTITIONS) == set(range(PARTITIONS))
    leaver.lease.leave(handover_s=2, timeout_s=2)
    heir.released.clear()
    began_s = time.monotonic()
    while heir.lease.held != frozenset(range(PARTITIONS)):
        assert heir.holds(PARTITIONS) == set(range(PARTITIONS)), "a moment without them"
        assert time.monotonic() - began_s < PATIENCE_S, "the group never gave it what it stands in for"
        time.sleep(0.02)
    assert not heir.lease._taken_over
    assert not heir.released


def test_a_node_that_leaves_amid_a_rebalance_is_out_of_it(broker: Broker, members: list[Member]) -> None:
    """Behind its own request to join, the one to leave would be answered when that is: the group's leader a ghost."""
    leader = next(member for member in members if member.lease._consumer._coordinator._is_leader)
    (other,) = [member for member in members if member is not leader]
    third = Member(broker)
    try:
        wait(lambda: state(leader) is state(other) is MemberState.REBALANCING, "rebalance")
        leader.lease.close(5.0)
        wait(lambda: shared([other, third], PARTITIONS), "sharing by those who stayed")
    finally:
        third.lease.close(5.0)


def state(member: Member) -> MemberState:
    return member.lease._consumer.group_metadata().state


def test_what_the_group_gives_between_two_polls_is_taken(broker: Broker) -> None:
    """kafka-python asks to join once more then, and all have another round."""
    broker.create_topic("livesight.streams", PARTITIONS)
    options = {"group_id": "one", "session_timeout_ms": 6000, "allow_auto_create_topics": False}
    consumer = KafkaConsumer("livesight.streams", bootstrap_servers=broker.address, **options)
    try:
        assert len(consumer.partitions_for_topic("livesight.streams")) == PARTITIONS  # else it joins without, and again
        keep_joins(consumer)
        deadline_s = time.monotonic() + PATIENCE_S
        while consumer.group_metadata().generation_id < 0:
            assert time.monotonic() < deadline_s
            if consumer.group_metadata().state is MemberState.REBALANCING:
                time.sleep(0.1)  # it is asked already: the answer comes while nobody polls
            else:
                consumer.poll(timeout_ms=50)
        first = consumer.group_metadata().generation_id
        time.sleep(1.5)
        consumer.poll(timeout_ms=500)
        assert len(consumer.assignment()) == PARTITIONS
        assert consumer.group_metadata().generation_id == first
    finally:
        consumer.close(timeout_ms=1000)


def test_a_partition_that_is_let_go_waits_for_its_cameras_alone() -> None:
    """Not for the next thing that happens to the client, such as a heartbeat; there may be none."""
    stopped = threading.Event()
    lease = Lease(
        KafkaSettings(bootstrap_servers=("127.0.0.1:1",)),
        ClusterSettings(),
        lambda partitions: time.sleep(0.3),
        lambda: None,
    )
    lease._partitions, lease._held = 16, frozenset({3})
    loop = NetworkSelector()
    loop.start()
    try:

        async def lose() -> None:
            await RebalanceListener(lease, loop).on_partitions_lost({TopicPartition("livesight.streams", 3)})
            stopped.set()

        loop.call_soon_threadsafe(lose)
        assert stopped.wait(3), "the client's thread was not told"
        assert not lease.held
    finally:
        loop.close()
