"""A node that ends names who takes its place, and these hear it once, however often it is told. No broker."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from workers.cluster.cluster import Cluster, Member, share_out
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import NODE_PREFIX, NodeStatus, StatusBoard
from workers.cluster.status_publisher import StatusPublisher
from workers.kafka.settings import KafkaSettings

LEAVER = NODE_PREFIX + "leaver"


class StandIns:
    """A lease that only notes what it is to stand in for."""

    def __init__(self) -> None:
        self.asked: list[Collection[int]] = []

    def stand_in(self, partitions: Collection[int]) -> None:
        self.asked.append(partitions)


@pytest.fixture
def cluster() -> Cluster:
    """Of the node `heir`, not started."""
    kafka = KafkaSettings(bootstrap_servers=("127.0.0.1:1",))
    return Cluster(kafka, ClusterSettings(), Member("heir", "http://heir:1", None))


@pytest.fixture
def lease(cluster: Cluster) -> StandIns:
    lease = StandIns()
    cluster._lease = lease  # type: ignore[assignment]
    return lease


def said(heirs: dict[str, tuple[int, ...]] | None) -> bytes:
    return NodeStatus(node="leaver", address="http://leaver:1", leasing=not heirs, streams=2, heirs=heirs).to_json()


def test_those_with_the_fewest_partitions_get_them() -> None:
    assert share_out({12, 13, 14, 15}, {"a": 4, "b": 4, "c": 4}) == {"a": [12, 15], "b": [13], "c": [14]}
    assert share_out({1, 2}, {"a": 6, "b": 3}) == {"b": [1, 2]}


def test_an_heir_stands_in_once_however_often_it_is_told(cluster: Cluster, lease: StandIns) -> None:
    cluster.hear_status(LEAVER, said(None))
    for _ in range(3):
        cluster.hear_status(LEAVER, said({"heir": (1, 2), "other": (3,)}))
    cluster.hear_status(LEAVER, None)
    assert lease.asked == [(1, 2)]
    cluster.hear_status(LEAVER, said({"heir": (1, 2), "other": (3,)}))  # it was back, and ends again
    assert lease.asked == [(1, 2), (1, 2)]


def test_others_and_those_that_end_themselves_do_not(cluster: Cluster, lease: StandIns) -> None:
    cluster.hear_status(LEAVER, said({"other": (1, 2)}))
    cluster._ending = True
    cluster.hear_status(LEAVER, said({"heir": (1, 2)}))
    assert lease.asked == []


def test_the_status_of_a_node_that_ends_says_so_from_then_on() -> None:
    told: list[tuple[Any, ...]] = []
    writer: Any = SimpleNamespace(send=lambda *record: told.append(record))
    node: Any = SimpleNamespace(name="leaver", streams=SimpleNamespace(views=list))
    board = StatusBoard(8.0)
    announcer = StatusPublisher(node, "http://leaver:1", SpecRegistry(None), writer, board)
    announcer._tell_node(2, leasing=True, partitions=4)
    announcer.tell_heirs({"heir": [2, 1]})
    announcer._tell_node(2, leasing=True, partitions=4)
    statuses = [NodeStatus.model_validate_json(value) for _, _, value, _ in told]
    assert [status.heirs for status in statuses] == [None, {"heir": (1, 2)}, {"heir": (1, 2)}]
    assert [status.leasing for status in statuses] == [True, False, False]
