"""One process among those that share the cameras over Kafka. Any thread; writing specs blocks.

Every process, node or not, reads all specs and follows the status; a node is a member of the group besides
(workers/cluster/node_member.py). The tail that reads has a thread of its own (workers/kafka/tail.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stream.config import StreamConfig
from workers.access.assertion import Assertions
from workers.bus.message_bus import MODELS, PEOPLE, STATUS, STREAMS
from workers.cluster.address_policy import AddressPolicy
from workers.cluster.control_reader import ControlCallbacks, ControlReader
from workers.cluster.node_member import NodeMember, SharedState
from workers.cluster.record_signature import RecordSigner
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import StatusBoard
from workers.cluster.status_guard import StatusGuard
from workers.cluster.status_publisher import MonitorStatusPublisher
from workers.cluster.stream_spec import SPEC_SCHEMA, StreamSpec, new_spec
from workers.cluster.trust import ClusterTrust
from workers.errors import QuotaReached, StreamExists, StreamUnknown
from workers.identity.gallery_follower import GalleryFollower
from workers.kafka.control_writer import ControlWriter
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Record, Tail, TailPlan
from workers.node.node import Node
from workers.secrets.keys import NO_KEYS, SecretKeys


@dataclass(frozen=True, slots=True)
class Member:
    """Who this process is. `address`: where others reach it, as http://host:port; `keys` encrypt what is stored."""

    name: str
    address: str
    state_dir: Path | None
    keys: SecretKeys = NO_KEYS


class Cluster:
    """`specs`: what shall run; `board`: what does; `assertions`: for requests between processes, with a secret.

    `gallery`: who is enrolled; on nodes only.
    """

    def __init__(
        self, kafka: KafkaSettings, settings: ClusterSettings, member: Member, trust: ClusterTrust | None = None
    ) -> None:
        trust = trust or ClusterTrust()
        self.settings = settings
        self.member = member
        self.trust = trust
        self.assertions = None if trust.keys is None else Assertions(trust.keys, member.name)
        self._guard = StatusGuard(trust, AddressPolicy(trust.networks, member.address), settings.away_s)
        self._kafka = kafka
        self.specs = SpecRegistry(member.state_dir, self._wake, member.keys)
        self.board = StatusBoard(settings.away_s)
        self.gallery = GalleryFollower(member.keys)
        signer = None if trust.keys is None else RecordSigner(trust.keys, member.name).header
        self._writer = ControlWriter(kafka, signer)
        self._listeners: tuple[Callable[[str], object], ...] = ()
        self._ended: set[str] = set()
        self._monitor: MonitorStatusPublisher | None = None
        self._node: NodeMember | None = None
        self._tail: Tail | None = None
        callbacks = ControlCallbacks(
            self._apply_status, self._apply_model, self._removed, self._read_again, self.gallery
        )
        self._reader = ControlReader(self.specs, self._writer, callbacks, member.keys)

    def start(self, node: Node | None) -> None:
        """Read, and with a node: lease and run cameras. The broker need not be there."""
        if node is not None:
            shared = SharedState(self.specs, self.board, self._writer)
            self._node = NodeMember(node, self.member.address, shared, self.settings, self._kafka)
        # of the status nothing old is needed: who lives repeats it, and a compacted topic can be long all the same
        whole = (STREAMS, MODELS, PEOPLE) if node is not None else (STREAMS,)
        plan = TailPlan("cluster", whole=whole, from_now=(STATUS,), reread_s=self.settings.reread_s)
        self._tail = Tail(self._kafka, plan, self._reader)
        self._tail.start()
        if self._node is not None:
            self._node.start()

    def subscribe_removed(self, callback: Callable[[str], object]) -> Callable[[], None]:
        """Have `callback` called, on the tail's thread, with each shared stream that is ended; returns what ends it."""
        self._listeners = (*self._listeners, callback)

        def unsubscribe() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not callback)

        return unsubscribe

    def ended(self, stream_id: str) -> bool:
        """Whether a shared stream was ended since the start and is not there again; also one that no node ran. Any
        thread.
        """
        return stream_id in self._ended and self.specs.get(stream_id) is None and self.board.stream(stream_id) is None

    def may_publish(self, stream_id: str) -> bool:
        """Whether this node may publish what concerns a stream now: a shared one only while it is leased here."""
        return self._node is None or self._node.may_publish(stream_id)

    def announce_monitor(self, active: Callable[[], bool]) -> None:
        """Publish that this process's monitor works, while it does."""
        self._monitor = MonitorStatusPublisher(self.member.name, self.member.address, self._writer, self.board)
        self._monitor.start(self.settings, active)

    @property
    def caught_up(self) -> bool:
        """Whether the specs have been read once."""
        return self._reader.caught_up_once

    def problems(self) -> list[str]:
        """What is wrong now, in words."""
        found = [] if self._tail is None else _tail_problems(self._tail)
        found += [*self._guard.problems(), *self.specs.problems()]
        if self._node is not None:
            found += [*self._node.problems(), *self.gallery.problems()]
        if self._monitor is not None and self._monitor.active:
            others = [one for one in self.board.monitors(2 * self.settings.status_s) if one.monitor != self.member.name]
            found += [
                f"monitor: {one.monitor} works too, so alerts come twice; they need one PostgreSQL" for one in others
            ]
        return found

    def add(self, config: StreamConfig) -> None:
        """Write the spec of a new stream, which some node runs soon. Raises StreamExists, QuotaReached, BusError."""
        if self.specs.get(config.id) is not None or self.board.stream(config.id) is not None:
            raise StreamExists(f"there is a stream {config.id} already")
        if len(self.specs.all()) >= self.settings.max_streams:
            raise QuotaReached(
                f"stream {config.id}: the nodes share {self.settings.max_streams} streams already, and "
                "cluster.max_streams allows no more; remove one, or raise the setting"
            )
        self._write(config, None)

    def change(self, config: StreamConfig) -> None:
        """Replace the spec of a stream. Blocks. Raises StreamUnknown, BusError."""
        self._write(config, self._shared(config.id))

    def remove(self, stream_id: str) -> None:
        """End a shared stream everywhere. Blocks. Raises StreamUnknown, BusError."""
        self._shared(stream_id)
        self._writer.write(STREAMS, stream_id, None, SPEC_SCHEMA)
        self.specs.apply(stream_id, None)

    def close(self, timeout_s: float) -> None:
        """Hand the shared cameras over, leave the group, publish that this process is gone. Idempotent.

        The node is closed after this. Handing over takes `handover_s` at most, before `timeout_s` begins.
        """
        if self._node is not None:
            self._node.hand_over()
        deadline_s = time.monotonic() + timeout_s
        for part in (self._node, self._monitor, self._tail, self._writer):
            if part is not None:
                part.close(max(0.3, deadline_s - time.monotonic()))

    def _shared(self, stream_id: str) -> StreamSpec:
        spec = self.specs.get(stream_id)
        if spec is None:
            raise StreamUnknown(f"there is no shared stream {stream_id}")
        return spec

    def _write(self, config: StreamConfig, before: StreamSpec | None) -> None:
        spec = new_spec(config, before, self.member.name)
        self._writer.write(STREAMS, config.id, spec.to_json(self.member.keys), SPEC_SCHEMA)
        self.specs.apply(config.id, spec)

    def _read_again(self) -> None:
        if self._tail is not None:
            self._tail.restart()

    def _wake(self) -> None:
        if self._node is not None:
            self._node.wake()

    def _removed(self, stream_id: str) -> None:
        self._ended.add(stream_id)
        for callback in self._listeners:
            callback(stream_id)

    def _apply_model(self, name: str, value: bytes | None) -> None:
        if self._node is not None:
            self._node.apply_model(name, value)

    def _apply_status(self, record: Record) -> None:
        admitted = self._guard.admit(record)
        if admitted is None:
            return
        self.board.apply(*admitted)
        if self._node is not None:
            self._node.apply_status(admitted[0])


def _tail_problems(tail: Tail) -> list[str]:
    if tail.problem is not None:
        return [f"kafka: specs and status are not read: {tail.problem}"]
    return [f"kafka: topic {topic} is unavailable: {why}" for topic, why in tail.unavailable.items()]
