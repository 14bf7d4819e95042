"""A node that ends names which nodes take its partitions, and runs its cameras until those show them live.

So there is no gap, however long the group's next rebalance takes. The node that ends calls `hand_over`; the others
hear of it through its status (`Successions`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

import structlog

from workers.cluster.lease import Lease
from workers.cluster.reconciler import Reconciler
from workers.cluster.status import NODE_PREFIX, StatusBoard
from workers.cluster.status_publisher import StatusPublisher

log = structlog.get_logger(__name__)

_RECONCILER_S = 0.5
_LEAVE_S = 2.0
_LOOK_S = 0.5


def distribute_partitions(partitions: Collection[int], nodes: Mapping[str, int]) -> dict[str, list[int]]:
    """Partitions for nodes, at least one, that have so many already: each to the one with the fewest, as the group."""
    given: dict[str, list[int]] = {name: [] for name in nodes}
    for partition in sorted(partitions):
        given[min(nodes, key=lambda name: (nodes[name] + len(given[name]), name))].append(partition)
    return {name: numbers for name, numbers in given.items() if numbers}


class Successions:
    """Has this node take over what nodes that end name it for: once, however often they publish that."""

    def __init__(self, own: str, board: StatusBoard, take_over: Callable[[Collection[int]], None]) -> None:
        """own: this node's name. board: has each record before `apply`."""
        self._own = own
        self._board = board
        self._take_over = take_over
        self._ended = False
        self._known: dict[str, dict[str, tuple[int, ...]]] = {}  # by the names of nodes that end

    def apply(self, key: str) -> None:
        """A record of the status has come."""
        if self._ended or not key.startswith(NODE_PREFIX):
            return
        name = key.removeprefix(NODE_PREFIX)
        node = self._board.node(name)
        successors = node.heirs if node is not None else None
        if successors == self._known.get(name):
            return
        if successors is None:  # it is back, or gone
            del self._known[name]
            return
        self._known[name] = successors
        if mine := successors.get(self._own):
            self._take_over(mine)

    def end(self) -> None:
        """Take over nothing more: this node ends itself."""
        self._ended = True


class Handover:
    """Hands this node's cameras over when it ends."""

    def __init__(self, own: str, board: StatusBoard, limit_s: float) -> None:
        """limit_s: how long cameras run on at most."""
        self._own = own
        self._board = board
        self._limit_s = limit_s

    def run(self, reconciler: Reconciler, lease: Lease, publisher: StatusPublisher) -> None:
        """Name successors, leave the group while the cameras run, stop each once another shows it live. Blocks."""
        nodes = {one.node: one.partitions for one in self._board.nodes() if one.leasing and one.node != self._own}
        reconciler.close(_RECONCILER_S)
        if not nodes or not reconciler.running() or not lease.valid or lease.problem is not None:
            return
        deadline_s = time.monotonic() + self._limit_s
        successors = distribute_partitions(lease.held | lease.taken_over, nodes)
        publisher.announce_successors(successors)
        announced_s = time.monotonic()
        lease.leave(self._limit_s, _LEAVE_S)
        while (mine := reconciler.running()) and (left_s := deadline_s - time.monotonic()) > 0:
            taken = [stream_id for stream_id in mine if self._is_live_elsewhere(stream_id)]
            reconciler.stop(taken)
            if time.monotonic() - announced_s > _LOOK_S:
                publisher.announce_successors(successors)
                announced_s = time.monotonic()
            if not taken:
                self._board.wait(min(left_s, _LOOK_S))
        log.info("cameras_handed_over", to=sorted(nodes), left=reconciler.running())

    def _is_live_elsewhere(self, stream_id: str) -> bool:
        status = self._board.stream(stream_id)
        return status is not None and status.node != self._own and status.state == "live"
