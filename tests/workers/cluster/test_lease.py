"""When a lease holds and when it does not, by the clock alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from kafka import TopicPartition

import workers.cluster.lease as lease_module
import workers.cluster.renewal as renewal_module
from tests.peers.ports import free_port
from workers.cluster.lease import Lease
from workers.cluster.renewal import REBALANCE_SESSIONS
from workers.cluster.settings import ClusterSettings
from workers.cluster.stream_spec import partition_of
from workers.errors import BusError
from workers.kafka.broker_probe import probe
from workers.kafka.settings import KafkaSettings

SESSION_S = 6.0


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    for module in (lease_module, renewal_module):
        monkeypatch.setattr(module, "time", clock)
    yield clock


@pytest.fixture
def lease(clock: Clock) -> Lease:
    """One that owns all 16 partitions, renewed now. No thread runs."""
    kafka = KafkaSettings(bootstrap_servers=("127.0.0.1:1",))
    lease = Lease(kafka, ClusterSettings(session_timeout_s=SESSION_S), lambda partitions: None, lambda: None)
    lease._partitions, lease._held = 16, frozenset(range(16))
    lease._renewal.renewed_s = clock.now_s
    return lease


def test_a_lease_ends_with_the_session_at_the_very_question(lease: Lease, clock: Clock) -> None:
    """Nothing runs in between: as after SIGSTOP and SIGCONT."""
    clock.now_s += SESSION_S - 0.1
    assert lease.holds("entrance")
    clock.now_s += 0.2
    assert not lease.holds("entrance")


def test_only_the_streams_of_ones_own_partitions_are_held(lease: Lease) -> None:
    lease._held = frozenset({partition_of("entrance", 16)})
    assert lease.holds("entrance")
    other = next(name for name in ("a", "b", "c", "d") if partition_of(name, 16) not in lease._held)
    assert not lease.holds(other)


def test_who_stands_in_holds_for_a_time_and_while_its_own_lease_is_good(lease: Lease, clock: Clock) -> None:
    lease._held = frozenset()
    lease.take_over({partition_of("entrance", 16)})
    assert lease.holds("entrance")
    clock.now_s += SESSION_S + 0.1
    assert not lease.holds("entrance"), "the broker confirms nothing"
    lease._renewal.renewed_s = clock.now_s
    assert lease.holds("entrance")
    clock.now_s += (REBALANCE_SESSIONS - 1) * SESSION_S
    lease._renewal.renewed_s = clock.now_s
    assert not lease.holds("entrance"), "the group gave it to nobody for too long"
    assert not lease.taken_over


def test_what_others_were_given_is_no_longer_stood_in_for(lease: Lease) -> None:
    lease._held = frozenset()
    lease.take_over({1, 2})
    lease._on_refused(frozenset({TopicPartition("livesight.streams", 1)}))
    assert lease.taken_over == {2}
    lease.gain(frozenset({2}))
    assert (lease.taken_over, lease.held) == (frozenset(), {2})


def test_a_pending_rebalance_carries_a_lease_while_it_is_watched(lease: Lease, clock: Clock) -> None:
    clock.now_s += SESSION_S + 2
    lease._renewal.rebalancing_s = clock.now_s - 0.2
    assert lease.holds("entrance")
    clock.now_s += 2.0  # nobody looked: this process was stopped in the midst of it
    assert not lease.holds("entrance")


def test_a_rebalance_carries_no_lease_for_ever(lease: Lease, clock: Clock) -> None:
    clock.now_s += REBALANCE_SESSIONS * SESSION_S + 0.1
    lease._renewal.rebalancing_s = clock.now_s
    assert not lease.holds("entrance")


def test_a_broker_that_is_down_for_all_carries_a_lease(lease: Lease, clock: Clock) -> None:
    clock.now_s += 600
    lease._renewal.refused_s = clock.now_s - 1
    assert lease.holds("entrance")
    clock.now_s += SESSION_S
    assert not lease.holds("entrance")


def test_a_broker_that_came_back_and_forgot_the_node_is_joined_anew(lease: Lease, clock: Clock) -> None:
    clock.now_s += 600
    lease._renewal.refused_s = clock.now_s
    clock.now_s += 2 * SESSION_S
    lease._join_anew_if_forgotten()
    clock.now_s += 0.1
    with pytest.raises(BusError, match="joining anew"):
        lease._join_anew_if_forgotten()
    lease._renewal.renewed_s = clock.now_s
    lease._join_anew_if_forgotten()


def seen(lease: Lease, clock: Clock, sent_s: float, received_s: float) -> None:
    """One look at a member of the group whose heartbeats are at that."""
    member = SimpleNamespace(member_id="me", generation_id=3, state="stable")
    heartbeat = SimpleNamespace(last_send=sent_s, last_receive=received_s)
    consumer = SimpleNamespace(group_metadata=lambda: member, _coordinator=SimpleNamespace(heartbeat=heartbeat))
    lease._renewal.note(consumer, clock.now_s)


def test_a_slow_broker_whose_next_heartbeat_is_always_under_way_renews_too(lease: Lease, clock: Clock) -> None:
    lease._renewal.generation = ("me", 3)
    start_s = clock.now_s
    seen(lease, clock, sent_s=start_s + 1, received_s=start_s - 1)
    assert lease._renewal.renewed_s == start_s
    seen(lease, clock, sent_s=start_s + 3, received_s=start_s + 2.9)
    assert lease._renewal.renewed_s == start_s + 1, "the heartbeat that was confirmed had been sent then"
    seen(lease, clock, sent_s=start_s + 3, received_s=start_s + 2.9)
    assert lease._renewal.renewed_s == start_s + 1, "nothing new was confirmed"
    seen(lease, clock, sent_s=start_s + 3, received_s=start_s + 5)
    assert lease._renewal.renewed_s == start_s + 3


def test_refused_is_down_and_silence_is_not() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        there = f"127.0.0.1:{somebody.getsockname()[1]}"
        assert probe(KafkaSettings(bootstrap_servers=(nobody,))).all_refuse
        assert not probe(KafkaSettings(bootstrap_servers=(nobody, there))).all_refuse
    assert not probe(KafkaSettings(bootstrap_servers=("no-such-host.invalid:9092",))).all_refuse
