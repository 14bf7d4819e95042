"""A node that ends names its successors, and these take over once, however often it publishes that. No broker."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from workers.cluster.handover import Successions, distribute_partitions
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import NODE_PREFIX, NodeStatus, StatusBoard
from workers.cluster.status_publisher import StatusPublisher

LEAVER = NODE_PREFIX + "leaver"


class Site:
    """The node `heir`, and what it was asked to take over."""

    def __init__(self) -> None:
        self.asked: list[Collection[int]] = []
        self.board = StatusBoard(8.0)
        self.successions = Successions("heir", self.board, self.asked.append)

    def hear(self, record: bytes | None) -> None:
        """A record of the node `leaver`."""
        self.board.apply(LEAVER, record)
        self.successions.apply(LEAVER)


def said(heirs: dict[str, tuple[int, ...]] | None) -> bytes:
    return NodeStatus(node="leaver", address="http://leaver:1", leasing=not heirs, streams=2, heirs=heirs).to_json()


def test_those_with_the_fewest_partitions_get_them() -> None:
    assert distribute_partitions({12, 13, 14, 15}, {"a": 4, "b": 4, "c": 4}) == {"a": [12, 15], "b": [13], "c": [14]}
    assert distribute_partitions({1, 2}, {"a": 6, "b": 3}) == {"b": [1, 2]}


def test_a_successor_takes_over_once_however_often_it_is_named() -> None:
    site = Site()
    site.hear(said(None))
    for _ in range(3):
        site.hear(said({"heir": (1, 2), "other": (3,)}))
    site.hear(None)
    assert site.asked == [(1, 2)]
    site.hear(said({"heir": (1, 2), "other": (3,)}))  # it was back, and ends again
    assert site.asked == [(1, 2), (1, 2)]


def test_others_and_those_that_end_themselves_do_not() -> None:
    site = Site()
    site.hear(said({"other": (1, 2)}))
    site.successions.end()
    site.hear(said({"heir": (1, 2)}))
    assert site.asked == []


def test_the_status_of_a_node_that_ends_says_so_from_then_on() -> None:
    told: list[tuple[Any, ...]] = []
    writer: Any = SimpleNamespace(send=lambda *record: told.append(record))
    models = SimpleNamespace(loaded=dict, words=dict)
    node: Any = SimpleNamespace(name="leaver", streams=SimpleNamespace(views=list), models=models)
    board = StatusBoard(8.0)
    announcer = StatusPublisher(node, "http://leaver:1", SpecRegistry(None), writer, board)
    announcer._publish_node(2, leasing=True, partitions=4)
    announcer.announce_successors({"heir": [2, 1]})
    announcer._publish_node(2, leasing=True, partitions=4)
    statuses = [NodeStatus.model_validate_json(value) for _, _, value, _ in told]
    assert [status.heirs for status in statuses] == [None, {"heir": (1, 2)}, {"heir": (1, 2)}]
    assert [status.leasing for status in statuses] == [True, False, False]
