"""Decides which process answers a request: this one, the node that runs the stream, or the monitor.

The decision looks at the path alone, so that it covers routes that are added later. Runs on the event loop.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog

from api.http.errors import Problem
from api.http.extension import Extension
from workers.cluster.cluster import Cluster
from workers.errors import StreamUnknown
from workers.node.node import Node

log = structlog.get_logger(__name__)

_STREAM = re.compile(r"/v1/streams/([a-z0-9][a-z0-9_-]{0,62})(?:/(.+))?")
_LOCAL = frozenset({"detections"})  # any api process answers these, from Kafka
_PUSHES = ("whip", "frames")
_READS = ("GET", "HEAD", "POST")
_ANY_NODE = re.compile(r"/(?:v1/predict|predict|batch-predict|v1/models)(?:/.*)?")
_PROMOTION = re.compile(r"/v1/models/[^/]+/promotion/([^/]+)")
_AFFINITY_S = 60.0
_MAX_AFFINITIES = 10_000


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """The process that answers: the node, or monitor, of that name, at `http://host:port`."""

    node: str
    address: str
    is_monitor: bool = False


class ClusterRoutes:
    """Runs on the event loop; looks only at what is in memory."""

    def __init__(
        self, cluster: Cluster, node: Node, roles: Collection[str], extensions: Sequence[Extension] = ()
    ) -> None:
        """extensions: those that work in this process; read again with each request."""
        self._extensions = extensions
        self._monitor_prefixes: tuple[str, ...] = ()
        self._cluster = cluster
        self._node = node
        self._is_node = "node" in roles
        self._turns = itertools.count()
        self._pushed: dict[str, tuple[RemoteNode, float]] = {}

    def serve_elsewhere(self, prefixes: Iterable[str]) -> None:
        """Send these paths to the monitor that works, wherever it is; `prefixes` as of an Extension."""
        self._monitor_prefixes = tuple(prefixes)

    def stream_of(self, method: str, path: str) -> str | None:
        """The stream that a path is about, where the answer depends on what this process knows of it."""
        found = _STREAM.fullmatch(path)
        if found is None or method == "OPTIONS":
            return None
        if found[2] is None:
            return None if method in _READS else found[1]
        return None if found[2].split("/", 1)[0] in _LOCAL else found[1]

    @staticmethod
    def is_push(path: str) -> bool:
        """Whether it begins, or ends, feeding a stream, which need not exist yet."""
        found = _STREAM.fullmatch(path)
        return found is not None and (found[2] or "").split("/", 1)[0] in _PUSHES

    def target(self, method: str, path: str) -> RemoteNode | None:
        """The process to ask; None: this one answers. Raises Problem when the right one is unreachable or unknown."""
        if any(path == prefix or path.startswith((f"{prefix}/", f"{prefix}.")) for prefix in self._monitor_prefixes):
            return self._monitor()
        found = _STREAM.fullmatch(path)
        if (promotion := _PROMOTION.fullmatch(path)) is not None:
            return self._named_node(promotion[1])
        if found is None:
            return None if self._is_node or not _ANY_NODE.fullmatch(path) else self._any_node()
        stream_id, action = found[1], found[2]
        if method == "OPTIONS" or self._runs_here(stream_id):
            return None
        if action is None:
            return self._of_the_stream(method, stream_id)
        if action.split("/", 1)[0] in _LOCAL:
            return None
        return self._of_the_pixels(method, stream_id, action)

    def _of_the_stream(self, method: str, stream_id: str) -> RemoteNode | None:
        """This process reads; a stream that belongs to one node (pushed, or configured there) is changed there."""
        status = self._cluster.board.stream(stream_id)
        if method in _READS or self._cluster.specs.get(stream_id) is not None or status is None:
            return None
        return self._other(status.node, status.address)

    def _of_the_pixels(self, method: str, stream_id: str, action: str) -> RemoteNode | None:
        is_push = action.split("/", 1)[0] in _PUSHES
        status = self._cluster.board.stream(stream_id)
        if status is not None:
            return self._other(status.node, status.address)
        if is_push and (target := self._pushed_to(stream_id)) is not None:
            return target
        if self._cluster.specs.get(stream_id) is not None:
            raise self._unreachable(stream_id)
        if not is_push:
            if self._cluster.board.last(stream_id) is not None:
                raise self._unreachable(stream_id)
            raise StreamUnknown(f"stream {stream_id} does not exist")
        if self._is_node:
            return None
        target = self._any_node()
        self._remember(stream_id, target)
        return target

    def _runs_here(self, stream_id: str) -> bool:
        return self._is_node and self._node.streams.runs(stream_id)

    def _monitor(self) -> RemoteNode | None:
        """The monitor that works; one on standby answers only when none does, from what is stored."""
        if any(extension.active for extension in self._extensions):
            return None
        for found in self._cluster.board.monitors():
            if found.address != self._cluster.member.address:
                return RemoteNode(found.monitor, found.address, is_monitor=True)
        if self._extensions:
            return None
        raise Problem(
            "monitor-away", "no monitor is running; start a process with the role monitor", headers={"retry-after": "2"}
        )

    def _named_node(self, name: str) -> RemoteNode | None:
        """The node of that name; None: this process, which says that it is not, or that there is none."""
        found = next((node for node in self._cluster.board.nodes() if node.node == name), None)
        return None if found is None else self._other(found.node, found.address)

    def _any_node(self) -> RemoteNode:
        """The reachable nodes in turn."""
        nodes = self._cluster.board.nodes()
        if not nodes:
            raise Problem(
                "node-away", "no node is running; start a process with the role node", headers={"retry-after": "2"}
            )
        node = nodes[next(self._turns) % len(nodes)]
        return RemoteNode(node.node, node.address)

    def _other(self, node: str, address: str) -> RemoteNode | None:
        """None for this process itself, which then answers why it does not run the stream."""
        return None if address == self._cluster.member.address else RemoteNode(node, address)

    def _unreachable(self, stream_id: str) -> Problem:
        last = self._cluster.board.last(stream_id)
        reason = "no node runs it yet"
        if last is not None:
            reason = f"node {last.node} is unreachable, and no other node runs it yet"
        return Problem("node-away", f"stream {stream_id}: {reason}", headers={"retry-after": "2"})

    def _pushed_to(self, stream_id: str) -> RemoteNode | None:
        """Where a push was sent a moment ago, before its node reports that it runs the stream."""
        target, at_s = self._pushed.get(stream_id, (None, 0.0))
        return target if time.monotonic() - at_s < _AFFINITY_S else None

    def _remember(self, stream_id: str, target: RemoteNode) -> None:
        self._pushed.pop(stream_id, None)
        self._pushed[stream_id] = (target, time.monotonic())
        if len(self._pushed) > _MAX_AFFINITIES:
            del self._pushed[next(iter(self._pushed))]


def unreachable(target: RemoteNode, error: Exception) -> Problem:
    """The problem when the node that runs the stream does not answer."""
    detail = f"node {target.node} does not answer: {str(error) or type(error).__name__}"
    return Problem("node-away", detail, headers={"retry-after": "2"})


def distrusted(target: RemoteNode, body: bytes) -> Problem:
    """The problem when a node refuses this process's word. The viewer is signed in, so 401 is not for them."""
    log.error("assertion_refused", node=target.node, answer=body[:500].decode(errors="replace"))
    detail = f"node {target.node} does not believe this process who asks; compare their cluster.secret and clocks"
    return Problem("node-away", detail, headers={"retry-after": "10"})
