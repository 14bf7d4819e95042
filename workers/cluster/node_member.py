"""A node's part in the cluster: it leases partitions, runs their cameras, publishes their status, follows promotions.

Any thread. Threads of its own: the lease, the reconciler, the status publisher, the follower of models.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from workers.cluster.handover import Handover, Successions
from workers.cluster.lease import Lease
from workers.cluster.reconciler import Reconciler
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import StatusBoard
from workers.cluster.status_publisher import LeaseStatus, StatusPublisher
from workers.kafka.control_writer import ControlWriter
from workers.kafka.settings import KafkaSettings
from workers.node.node import Node
from workers.registry.active_versions import ActiveVersionFollower


@dataclass(frozen=True, slots=True)
class SharedState:
    """What every process of the cluster knows: what shall run, what does; and how it writes either."""

    specs: SpecRegistry
    board: StatusBoard
    writer: ControlWriter


class NodeMember:
    """Leases nothing where the settings say that each node keeps its own streams (`cluster.lease: false`)."""

    def __init__(
        self, node: Node, address: str, shared: SharedState, settings: ClusterSettings, kafka: KafkaSettings
    ) -> None:
        """`address`: where others reach this process."""
        self._settings = settings
        self._follower = ActiveVersionFollower(node.models.promotions)
        self._publisher = StatusPublisher(node, address, shared.specs, shared.writer, shared.board)
        self._reconciler: Reconciler | None = None
        self._lease: Lease | None = None
        self._successions: Successions | None = None
        self._handover = Handover(node.name, shared.board, settings.handover_s)
        if settings.lease:
            self._reconciler = Reconciler(node, shared.specs, settings)
            self._lease = Lease(kafka, settings, self._reconciler.release, self._reconciler.wake)
            self._successions = Successions(node.name, shared.board, self._lease.take_over)

    def start(self) -> None:
        """Follow promotions, lease, run, publish."""
        self._follower.start()
        if self._reconciler is not None and self._lease is not None:
            self._reconciler.start(self._lease)
            self._lease.start()
        self._publisher.start(self._settings, LeaseStatus(self._leasing, self._partitions, self._failures))

    def may_publish(self, stream_id: str) -> bool:
        """Whether what concerns a stream may leave this node now: a shared one only while it is leased here."""
        return self._reconciler is None or self._reconciler.may_publish(stream_id)

    def wake(self) -> None:
        """What shall run has changed. Any thread."""
        if self._reconciler is not None:
            self._reconciler.wake()

    def apply_status(self, key: str) -> None:
        """A record of the status is on the board. A node that ends may name this one among its successors."""
        if self._successions is not None:
            self._successions.apply(key)

    def apply_model(self, name: str, value: bytes | None) -> None:
        """A record of which version of a model is in service."""
        self._follower.apply(name, value)

    def problems(self) -> list[str]:
        """What is wrong now, in words."""
        lease = self._lease.problem if self._lease is not None else None
        return [*([] if lease is None else [f"lease: {lease}"]), *self._follower.problems()]

    def hand_over(self) -> None:
        """Have others run the shared cameras, and leave the group. Blocks, `handover_s` at most."""
        if self._successions is not None:
            self._successions.end()
        if self._reconciler is not None and self._lease is not None:
            self._handover.run(self._reconciler, self._lease, self._publisher)

    def close(self, timeout_s: float) -> None:
        """Stop what cameras there still are, publish that this node is gone, end all threads. Idempotent."""
        deadline_s = time.monotonic() + timeout_s
        for part in (self._reconciler, self._lease, self._publisher, self._follower):
            if part is not None:
                part.close(max(0.3, deadline_s - time.monotonic()))

    def _leasing(self) -> bool:
        return self._lease is not None and self._lease.valid

    def _partitions(self) -> int:
        return len(self._lease.held) if self._lease is not None else 0

    def _failures(self) -> dict[str, str]:
        return self._reconciler.failures() if self._reconciler is not None else {}
