"""When a lease holds and when it does not, by the clock alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

import workers.lease as lease_module
from tests.peers.ports import free_port
from workers.broker_down import all_refuse
from workers.cluster_settings import ClusterSettings
from workers.kafka_settings import KafkaSettings
from workers.lease import REBALANCE_SESSIONS, Lease
from workers.wish import partition_of

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
    monkeypatch.setattr(lease_module, "time", clock)
    yield clock


@pytest.fixture
def lease(clock: Clock) -> Lease:
    """One that owns all 16 partitions, renewed now. No thread runs."""
    kafka = KafkaSettings(bootstrap_servers=("127.0.0.1:1",))
    lease = Lease(kafka, ClusterSettings(session_timeout_s=SESSION_S), lambda partitions: None, lambda: None)
    lease._partitions, lease._held = 16, frozenset(range(16))
    lease._renewed_s = clock.now_s
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


def test_a_pending_rebalance_carries_a_lease_while_it_is_watched(lease: Lease, clock: Clock) -> None:
    clock.now_s += SESSION_S + 2
    lease._rebalancing_s = clock.now_s - 0.2
    assert lease.holds("entrance")
    clock.now_s += 2.0  # nobody looked: this process was stopped in the midst of it
    assert not lease.holds("entrance")


def test_a_rebalance_carries_no_lease_for_ever(lease: Lease, clock: Clock) -> None:
    clock.now_s += REBALANCE_SESSIONS * SESSION_S + 0.1
    lease._rebalancing_s = clock.now_s
    assert not lease.holds("entrance")


def test_a_broker_that_is_down_for_all_carries_a_lease(lease: Lease, clock: Clock) -> None:
    clock.now_s += 600
    lease._refused_s = clock.now_s - 1
    assert lease.holds("entrance")
    clock.now_s += SESSION_S
    assert not lease.holds("entrance")


def test_refused_is_down_and_silence_is_not() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        there = f"127.0.0.1:{somebody.getsockname()[1]}"
        assert all_refuse(KafkaSettings(bootstrap_servers=(nobody,)))
        assert not all_refuse(KafkaSettings(bootstrap_servers=(nobody, there)))
    assert not all_refuse(KafkaSettings(bootstrap_servers=("no-such-host.invalid:9092",)))
