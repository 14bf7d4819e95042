"""One process among those that share the cameras over Kafka. Any thread; writing wishes blocks.

Every process, node or not, reads all wishes and follows the status; a node is a member of the group besides. Threads:
the tail (workers/kafka/tail.py), and on nodes the lease, its runner and the announcer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from ulid import ULID

from stream.config import StreamConfig
from workers.bus.bus import MODELS, STATUS, STREAMS
from workers.cluster.lease import Lease
from workers.cluster.reconciler import Reconciler
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec import (
    EPOCH_KEY,
    EPOCH_SCHEMA,
    WISH_SCHEMA,
    Epoch,
    SpecError,
    StreamSpec,
    TopicContent,
    new_spec,
    read_epoch,
    read_spec,
)
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import NODE_PREFIX, StatusBoard
from workers.cluster.status_publisher import Leased, MonitorStatusPublisher, StatusPublisher
from workers.errors import BusDenied, StreamExists, StreamUnknown
from workers.kafka.control_writer import ControlWriter
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Record, Tail, TailPlan
from workers.node.node import Node
from workers.registry.active_versions import ActiveVersionFollower

log = structlog.get_logger(__name__)

_RUNNER_S = 0.5
_LEAVE_S = 2.0
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Member:
    """Who this process is. `address`: where others reach it, as http://host:port."""

    name: str
    address: str
    state_dir: Path | None


class Cluster:
    """`known`: what shall run; `board`: what does."""

    def __init__(self, kafka: KafkaSettings, settings: ClusterSettings, member: Member) -> None:
        self.settings = settings
        self.member = member
        self._on_removed: tuple[Callable[[str], object], ...] = ()
        self._kafka = kafka
        self.known = SpecRegistry(member.state_dir, self._wake)
        self.board = StatusBoard(settings.away_s)
        self._writer = ControlWriter(kafka)
        # of the status nothing old is needed: who lives repeats it, and a compacted topic can be long all the same
        plan = TailPlan("cluster", whole=(STREAMS, MODELS), from_now=(STATUS,), reread_s=settings.reread_s)
        self._reader = _Reader(self)
        self._tail = Tail(kafka, plan, self._reader)
        self._lease: Lease | None = None
        self._runner: Reconciler | None = None
        self._announcer: StatusPublisher | None = None
        self._follower: ActiveVersionFollower | None = None
        self._monitor: MonitorStatusPublisher | None = None
        self._ending = False
        self._heirs: dict[str, dict[str, tuple[int, ...]]] = {}  # of nodes that end, by their names

    def start(self, node: Node | None) -> None:
        """Read, and with a node: lease and run cameras, unless the settings say that it keeps its own."""
        if node is None:
            self._tail.start()
            return
        self._follower = ActiveVersionFollower(node.models.promotions)
        self._follower.start()
        self._tail.start()
        self._announcer = StatusPublisher(node, self.member.address, self.known, self._writer, self.board)
        if self.settings.lease:
            self._runner = Reconciler(node, self.known, self.settings)
            self._lease = Lease(self._kafka, self.settings, self._runner.release, self._wake)
            self._runner.start(self._lease)
            self._lease.start()
        self._announcer.start(self.settings, Leased(self._leasing, self._partitions, self._failures))

    def announce_monitor(self, active: Callable[[], bool]) -> None:
        """Tell the others that this process's monitor works, while it does."""
        self._monitor = MonitorStatusPublisher(self.member.name, self.member.address, self._writer, self.board)
        self._monitor.start(self.settings, active)

    def subscribe_removed(self, callback: Callable[[str], object]) -> Callable[[], None]:
        """Have `callback` called, on the tail's thread, with each shared stream that is ended; returns what ends it."""
        self._on_removed = (*self._on_removed, callback)

        def unsubscribe() -> None:
            self._on_removed = tuple(known for known in self._on_removed if known is not callback)

        return unsubscribe

    def may_publish(self, stream_id: str) -> bool:
        """Whether this node may publish what concerns a stream now: a shared one only while it is leased here."""
        return self._runner is None or self._runner.may_publish(stream_id)

    @property
    def settled(self) -> bool:
        """Whether the wishes have been read once."""
        return self._reader.settled_once

    def problems(self) -> list[str]:
        """What is wrong now, in words."""
        if self._tail.problem is not None:
            found = [f"kafka: specs and status are not read: {self._tail.problem}"]
        else:
            found = [f"kafka: topic {topic} is unavailable: {why}" for topic, why in self._tail.unavailable.items()]
        if self._lease is not None and self._lease.problem is not None:
            found.append(f"lease: {self._lease.problem}")
        if self._monitor is not None and self._monitor.active:
            others = [one for one in self.board.monitors(2 * self.settings.status_s) if one.monitor != self.member.name]
            found += [
                f"monitor: {one.monitor} works too, so alerts come twice; they need one PostgreSQL" for one in others
            ]
        return [*found, *(self._follower.problems() if self._follower is not None else [])]

    def add(self, config: StreamConfig) -> None:
        """Wish for a new stream; some node runs it soon. Blocks. Raises StreamExists, BusError."""
        if self.known.get(config.id) is not None or self.board.stream(config.id) is not None:
            raise StreamExists(f"there is a stream {config.id} already")
        self._wish(config, None)

    def change(self, config: StreamConfig) -> None:
        """Wish for a stream to be otherwise. Blocks. Raises StreamUnknown, BusError."""
        self._wish(config, self._shared(config.id))

    def remove(self, stream_id: str) -> None:
        """End a shared stream everywhere. Blocks. Raises StreamUnknown, BusError."""
        self._shared(stream_id)
        self._writer.write(STREAMS, stream_id, None, WISH_SCHEMA)
        self.known.apply(stream_id, None)

    def close(self, timeout_s: float) -> None:
        """Hand the shared cameras over, leave the group, say goodbye. Idempotent. The node is closed after this.

        Handing over takes `handover_s` at most, before `timeout_s` begins.
        """
        self._ending = True
        if self._runner is not None and self._lease is not None and self._announcer is not None:
            self._hand_over(self._runner, self._lease, self._announcer)
        deadline_s = time.monotonic() + timeout_s
        for part in (
            self._runner,
            self._lease,
            self._announcer,
            self._monitor,
            self._tail,
            self._follower,
            self._writer,
        ):
            if part is not None:
                part.close(max(0.3, deadline_s - time.monotonic()))

    def _hand_over(self, runner: Reconciler, lease: Lease, announcer: StatusPublisher) -> None:
        """Name who takes over, leave the group while the cameras run on, and stop each once another shows it live."""
        others = {
            node.node: node.partitions for node in self.board.nodes() if node.leasing and node.node != self.member.name
        }
        runner.close(_RUNNER_S)
        if not others or not runner.running() or not lease.valid or lease.problem is not None:
            return
        limit_s = self.settings.handover_s
        deadline_s = time.monotonic() + limit_s
        heirs, told_s = share_out(lease.held | lease.standing_in, others), time.monotonic()
        announcer.tell_heirs(heirs)
        lease.leave(limit_s, _LEAVE_S)
        while (mine := runner.running()) and (left_s := deadline_s - time.monotonic()) > 0:
            taken = [stream_id for stream_id in mine if self._is_live_elsewhere(stream_id)]
            runner.stop(taken)
            if time.monotonic() - told_s > _LOOK_S:
                announcer.tell_heirs(heirs)
                told_s = time.monotonic()
            if not taken:
                self.board.wait(min(left_s, _LOOK_S))
        log.info("cameras_handed_over", to=sorted(others), left=runner.running())

    def _is_live_elsewhere(self, stream_id: str) -> bool:
        status = self.board.stream(stream_id)
        return status is not None and status.node != self.member.name and status.state == "live"

    def _shared(self, stream_id: str) -> StreamSpec:
        wish = self.known.get(stream_id)
        if wish is None:
            raise StreamUnknown(f"there is no shared stream {stream_id}")
        return wish

    def _wish(self, config: StreamConfig, before: StreamSpec | None) -> None:
        wish = new_spec(config, before, self.member.name)
        self._writer.write(STREAMS, config.id, wish.to_json(), WISH_SCHEMA)
        self.known.apply(config.id, wish)

    def _wake(self) -> None:
        if self._runner is not None:
            self._runner.wake()

    def _leasing(self) -> bool:
        return self._lease is not None and self._lease.valid

    def _partitions(self) -> int:
        return len(self._lease.held) if self._lease is not None else 0

    def _failures(self) -> dict[str, str]:
        return self._runner.failures() if self._runner is not None else {}

    def settle(self, content: TopicContent) -> None:
        """The tail has read everything: take it over, and write again what the topic has lost. Raises BusError."""
        missing = self.known.settle(content)
        epoch = content.epoch
        try:
            for wish in missing:
                self._writer.write(STREAMS, wish.stream.id, wish.to_json(), WISH_SCHEMA)
            if missing:
                log.warning("wishes_written_again", streams=[wish.stream.id for wish in missing])
            if epoch is None:
                epoch = str(ULID())
                self._writer.write(STREAMS, EPOCH_KEY, Epoch(epoch=epoch).to_json(), EPOCH_SCHEMA)
        except BusDenied as error:  # a process that only reads, such as a monitor: others write it
            log.info("specs_not_written", reason=str(error))
            return
        self.known.begin_epoch(epoch)

    def hear_model(self, name: str, value: bytes | None) -> None:
        """One record of what is in service."""
        if self._follower is not None:
            self._follower.hear(name, value)

    def hear_status(self, key: str, value: bytes | None) -> None:
        """One record of the status. A node that ends may name this one among those that take its place."""
        self.board.hear(key, value)
        if self._lease is None or self._ending or not key.startswith(NODE_PREFIX):
            return
        name = key.removeprefix(NODE_PREFIX)
        node = self.board.node(name)
        heirs = node.heirs if node is not None else None
        if heirs == self._heirs.get(name):
            return
        if heirs is None:  # it is back, or gone
            del self._heirs[name]
            return
        self._heirs[name] = heirs
        if mine := heirs.get(self.member.name):
            self._lease.stand_in(mine)

    def hear(self, key: str, value: bytes | None) -> None:
        """One record of the wishes, after everything was read."""
        if key == EPOCH_KEY:
            if value is not None and read_epoch(value) != self.known.epoch:
                self._tail.restart()
            return
        wish = None if value is None else read_spec(key, value)
        self.known.apply(key, wish)
        if wish is None:
            for callback in self._on_removed:
                callback(key)


def share_out(partitions: Collection[int], nodes: Mapping[str, int]) -> dict[str, list[int]]:
    """Partitions for nodes, at least one, that have so many already: each to the one with the fewest, as the group."""
    given: dict[str, list[int]] = {name: [] for name in nodes}
    for partition in sorted(partitions):
        given[min(nodes, key=lambda name: (nodes[name] + len(given[name]), name))].append(partition)
    return {name: numbers for name, numbers in given.items() if numbers}


class _Reader:
    """Takes the tail's records. On the tail's thread."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._content: TopicContent | None = TopicContent()
        self.settled_once = False

    def begin(self) -> None:
        self._content = TopicContent()

    def take(self, record: Record) -> None:
        if record.topic == STATUS:
            self._cluster.hear_status(record.key, record.value)
            return
        if record.topic == MODELS:
            self._cluster.hear_model(record.key, record.value)
            return
        try:
            if self._content is None:
                self._cluster.hear(record.key, record.value)
            elif record.key != EPOCH_KEY:
                self._content.streams[record.key] = read_spec(record.key, record.value) if record.value else None
            elif record.value is not None:
                self._content.epoch = read_epoch(record.value)
        except SpecError as error:
            log.error("wish_unreadable", reason=str(error))

    def caught_up(self, unavailable: Collection[str]) -> None:
        if STREAMS in unavailable:
            return  # nothing of it was read: that says nothing about what shall run
        assert self._content is not None
        content, self._content = self._content, None
        self._cluster.settle(content)
        self.settled_once = True
