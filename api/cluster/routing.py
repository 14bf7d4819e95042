"""Which process answers a request for a stream: this one, or the node that runs it. Pure but for what is known.

Only what needs the pixels goes to another process. The decision looks at the path alone, so that routes which come
later are sent on as well.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from api.http.errors import Problem
from api.routes.context import Extension
from workers.cluster.cluster import Cluster
from workers.errors import StreamUnknown
from workers.node.node import Node

_STREAM = re.compile(r"/v1/streams/([a-z0-9][a-z0-9_-]{0,62})(?:/(.+))?")
_HERE = frozenset({"detections"})  # answered by any api process, from Kafka
_PUSHES = ("whip", "frames")
_ANY_NODE = re.compile(r"/(?:v1/predict|predict|batch-predict|v1/models)(?:/.*)?")
_MONITOR = re.compile(r"/(?:drift|v1/(?:events|alerts|drift|rules|zones|snapshots|clips|report))(?:[/.].*)?")
_AFFINITY_S = 60.0
_MOST_AFFINITIES = 10_000


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """Another process answers: the node of that name, at `http://host:port`."""

    node: str
    address: str


class ClusterRoutes:
    """Runs on the event loop; asks only what is in memory."""

    def __init__(
        self, cluster: Cluster, node: Node, roles: Collection[str], extensions: Sequence[Extension] = ()
    ) -> None:
        """extensions: looked at with each request; monitoring may be among them."""
        self._extensions = extensions
        self._cluster = cluster
        self._node = node
        self._is_node = "node" in roles
        self._turn = itertools.count()
        self._pushed: dict[str, tuple[RemoteNode, float]] = {}

    def target(self, method: str, path: str) -> RemoteNode | None:
        """None: this process answers. Raises Problem when the one that could is away, or there is none."""
        if _MONITOR.fullmatch(path):
            return self._monitor()
        found = _STREAM.fullmatch(path)
        if found is None:
            return None if self._is_node or not _ANY_NODE.fullmatch(path) else self._any_node()
        stream_id, action = found[1], found[2]
        if method == "OPTIONS" or self._runs_here(stream_id):
            return None
        if action is None:
            return self._of_the_stream(method, stream_id)
        if action.split("/", 1)[0] in _HERE:
            return None
        return self._of_the_pixels(method, stream_id, action)

    def _of_the_stream(self, method: str, stream_id: str) -> RemoteNode | None:
        """Reading is done here; a stream that is one node's own (pushed, or configured there) is changed there."""
        status = self._cluster.board.stream(stream_id)
        if method in ("GET", "HEAD", "POST") or self._cluster.known.get(stream_id) is not None or status is None:
            return None
        return self._other(status.node, status.address)

    def _of_the_pixels(self, method: str, stream_id: str, action: str) -> RemoteNode | None:
        is_push = action.split("/", 1)[0] in _PUSHES
        status = self._cluster.board.stream(stream_id)
        if status is not None:
            return self._other(status.node, status.address)
        if is_push and (where := self._pushed_to(stream_id)) is not None:
            return where
        if self._cluster.known.get(stream_id) is not None:
            raise self._away(stream_id)
        if not is_push:
            if self._cluster.board.last(stream_id) is not None:
                raise self._away(stream_id)
            raise StreamUnknown(f"there is no stream {stream_id}")
        if self._is_node:
            return None
        where = self._any_node()
        self._remember(stream_id, where)
        return where

    def _runs_here(self, stream_id: str) -> bool:
        return self._is_node and self._node.runs(stream_id)

    def _monitor(self) -> RemoteNode | None:
        """The monitor that works; one that stands by answers only when none does: what was stored is there."""
        if any(extension.active for extension in self._extensions):
            return None
        for found in self._cluster.board.monitors():
            if found.address != self._cluster.member.address:
                return RemoteNode(found.monitor, found.address)
        if self._extensions:
            return None
        raise Problem("monitor-away", "no monitor is there to answer that", headers={"retry-after": "2"})

    def _any_node(self) -> RemoteNode:
        """The living nodes in turn."""
        nodes = self._cluster.board.nodes()
        if not nodes:
            raise Problem("node-away", "no node is there to do that", headers={"retry-after": "2"})
        node = nodes[next(self._turn) % len(nodes)]
        return RemoteNode(node.node, node.address)

    def _other(self, node: str, address: str) -> RemoteNode | None:
        """None for this process itself, which then says why it does not run the stream."""
        return None if address == self._cluster.member.address else RemoteNode(node, address)

    def _away(self, stream_id: str) -> Problem:
        last = self._cluster.board.last(stream_id)
        who = "no node runs it yet" if last is None else f"its node {last.node} is away, and no other runs it yet"
        return Problem("node-away", f"{stream_id}: {who}", headers={"retry-after": "2"})

    def _pushed_to(self, stream_id: str) -> RemoteNode | None:
        """Where a push was sent a moment ago, before its node said that it runs the stream."""
        where, at_s = self._pushed.get(stream_id, (None, 0.0))
        return where if time.monotonic() - at_s < _AFFINITY_S else None

    def _remember(self, stream_id: str, where: RemoteNode) -> None:
        self._pushed.pop(stream_id, None)
        self._pushed[stream_id] = (where, time.monotonic())
        if len(self._pushed) > _MOST_AFFINITIES:
            del self._pushed[next(iter(self._pushed))]
