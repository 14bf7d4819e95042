"""Publishes on `livesight.status` what a node runs: changes at once, all every few seconds. Runs in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from stream.config import StreamConfig
from workers.bus.message_bus import STATUS
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import (
    MONITOR_PREFIX,
    MONITOR_SCHEMA,
    NODE_PREFIX,
    NODE_SCHEMA,
    STATUS_SCHEMA,
    MonitorStatus,
    NodeStatus,
    StatusBoard,
    StreamStatus,
    told,
)
from workers.kafka.control_writer import ControlWriter
from workers.node.node import Node
from workers.node.stream_view import StreamView, configured

log = structlog.get_logger(__name__)

_LOOK_S = 0.4
_TOLD_AT_ONCE = ("state", "session", "last_error", *(StreamConfig.model_fields.keys() & StreamView.model_fields.keys()))
"""Fields of a stream that are published when they change; the others every `status_s`."""


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """What is published of the lease: whether shared streams may run, and how many partitions are this node's.

    `failures`: shared streams that should run and do not, with the reason.
    """

    valid: Callable[[], bool]
    partitions: Callable[[], int]
    failures: Callable[[], dict[str, str]]


class StatusPublisher:
    """Owned by the cluster. What is published goes onto the own board as well, so that it is there without a broker."""

    def __init__(
        self, node: Node, address: str, specs: SpecRegistry, writer: ControlWriter, board: StatusBoard
    ) -> None:
        self._node = node
        self._address = address
        self._specs = specs
        self._writer = writer
        self._board = board
        self._published: dict[str, tuple[object, ...]] = {}
        self._successors: dict[str, tuple[int, ...]] | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, settings: ClusterSettings, leased: LeaseStatus) -> None:
        """Begin to publish."""
        self._thread = threading.Thread(target=self._run, args=(settings, leased), name="status", daemon=True)
        self._thread.start()

    def announce_successors(self, successors: Mapping[str, Collection[int]]) -> None:
        """Publish that this node ends, and which nodes take which of its partitions, with every status. Any thread.

        To those that have it already a repetition changes nothing; those that begin to read just then need it.
        """
        self._successors = {name: tuple(sorted(partitions)) for name, partitions in successors.items()}
        self._publish_node(len(self._node.streams.views()))

    def close(self, timeout_s: float) -> None:
        """Publish that this node, and what only it has, is gone. Idempotent."""
        if self._thread is None or self._closing.is_set():
            return
        self._closing.set()
        self._thread.join(timeout_s)
        for stream_id in self._published:
            if self._specs.get(stream_id) is None:
                self._publish(stream_id, None, STATUS_SCHEMA)
        self._publish(NODE_PREFIX + self._node.name, None, NODE_SCHEMA)

    def _run(self, settings: ClusterSettings, leased: LeaseStatus) -> None:
        due_s = 0.0
        while not self._closing.wait(_LOOK_S):
            everything = time.monotonic() >= due_s
            if everything:
                due_s = time.monotonic() + settings.status_s
            try:
                views = self._views(leased.failures())
                self._publish_streams(views, everything)
                if everything:
                    streams = sum(view.state != "failed" for view in views.values())
                    self._publish_node(streams, leased.valid(), leased.partitions())
            except Exception:
                log.exception("status_failed")

    def _publish_node(self, streams: int, leasing: bool = False, partitions: int = 0) -> None:
        status = NodeStatus(
            node=self._node.name,
            address=self._address,
            leasing=leasing and self._successors is None,
            streams=streams,
            partitions=partitions,
            heirs=self._successors,
            models={name: version for name, (version, _) in self._node.models.loaded().items()},
            words=told(self._node.models.words()),
        )
        self._publish(NODE_PREFIX + status.node, status.to_json(), NODE_SCHEMA)

    def _views(self, failures: dict[str, str]) -> dict[str, StreamView]:
        views = {view.id: view for view in self._node.streams.views()}
        for stream_id, reason in failures.items():
            spec = self._specs.get(stream_id)
            if spec is not None and stream_id not in views:
                views[stream_id] = configured(spec.stream, self._node.name, "failed", reason)
        return views

    def _publish_streams(self, views: dict[str, StreamView], everything: bool) -> None:
        published: dict[str, tuple[object, ...]] = {}
        for stream_id, view in views.items():
            published[stream_id] = tuple(getattr(view, name) for name in _TOLD_AT_ONCE)
            if everything or self._published.get(stream_id) != published[stream_id]:
                self._publish(stream_id, StreamStatus.of(view, self._address).to_json(), STATUS_SCHEMA)
        for stream_id in self._published.keys() - published.keys():
            if self._specs.get(stream_id) is None:  # else it is another node's to speak of now
                self._publish(stream_id, None, STATUS_SCHEMA)
        self._published = published

    def _publish(self, key: str, value: bytes | None, schema: str) -> None:
        self._board.apply(key, value)
        self._writer.send(STATUS, key, value, schema)


class MonitorStatusPublisher:
    """Publishes which process's monitor works. Runs in its own thread. `active`: what it published last."""

    def __init__(self, name: str, address: str, writer: ControlWriter, board: StatusBoard) -> None:
        self._status = MonitorStatus(monitor=name, address=address)
        self._writer = writer
        self._board = board
        self.active = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, settings: ClusterSettings, active: Callable[[], bool]) -> None:
        """`active`: whether this process's monitor works."""
        self._thread = threading.Thread(target=self._run, args=(settings, active), name="monitor-status", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Idempotent."""
        if self._thread is None or self._closing.is_set():
            return
        self._closing.set()
        self._thread.join(timeout_s)
        if self.active:
            self._publish(None)

    def _run(self, settings: ClusterSettings, active: Callable[[], bool]) -> None:
        due_s = 0.0
        while not self._closing.wait(_LOOK_S):
            works = active()
            if works == self.active and (not works or time.monotonic() < due_s):
                continue
            due_s = time.monotonic() + settings.status_s
            self.active = works
            self._publish(self._status.to_json() if works else None)

    def _publish(self, value: bytes | None) -> None:
        key = MONITOR_PREFIX + self._status.monitor
        self._board.apply(key, value)
        self._writer.send(STATUS, key, value, MONITOR_SCHEMA)
