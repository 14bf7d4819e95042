"""Which partitions of the specs this node owns, as a member of the nodes' Kafka group. Runs in its own thread.

Kafka decides: who owns the partition of a stream's key runs the stream. What is ours is to be honest about the end of
a lease. `holds` says no from the moment that

- the group takes a partition back (others get it only after we have confirmed that; cameras are stopped first), or
- the last heartbeat that the broker confirmed was sent longer ago than the session lasts. From then on the broker may
  have given the partitions to others (workers/cluster/renewal.py).

While the group rebalances no heartbeats are sent: the pending request to join keeps the membership. It counts as a
renewal as long as this thread sees it pending, for `REBALANCE_SESSIONS` sessions at most. So where a network is cut in
the midst of a rebalance, two nodes may publish the same camera for that long, in sessions of their own.

A node that ends in order leaves the group first and keeps its cameras until another node shows them live (`leave`):
for that moment, `cluster.handover_s` at most, both publish, in sessions of their own, and nobody sees a gap. Nobody
waits for the group's next round, which takes brokers seconds: the node names those that take its place, and these hold
its partitions at once (`take_over`), until the group gives them to them, or to others.

A broker that refuses connections is down for everybody: it gives nothing to others, and its session timers begin anew
when it is back. So while all of them refuse, the lease goes on; one that is silent is taken for a cut network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import structlog
from kafka import TopicPartition

from workers.bus.message_bus import STREAMS
from workers.cluster.assignor import LeaseAssignor, OwnedPartitions
from workers.cluster.rebalance_listener import RebalanceListener
from workers.cluster.renewal import REBALANCE_SESSIONS, Renewal
from workers.cluster.settings import ClusterSettings
from workers.cluster.stream_spec import partition_of
from workers.errors import BusError
from workers.kafka.broker_probe import probe
from workers.kafka.client import open_consumer, reporting
from workers.kafka.kafka_python import keep_joins, leave_amid_join, network_loop
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import check_topics, kafka_name

log = structlog.get_logger(__name__)

_POLL_MS = 200
_LEAVE_MS = 1500
_JOIN_S = 30.0
_NEVER_S = float("-inf")

Release = Callable[[frozenset[int]], None]


class Lease:
    """`release` is called with partitions that end, in a thread, and blocks until their cameras are stopped.

    `changed` is called when there is more, or again, to run.
    """

    def __init__(
        self, kafka: KafkaSettings, settings: ClusterSettings, release: Release, changed: Callable[[], None]
    ) -> None:
        self._kafka = kafka
        self._settings = settings
        self._release = release
        self._changed = changed
        self._topic = kafka_name(STREAMS, kafka.topics)
        self._closing = threading.Event()
        self._held: frozenset[int] = frozenset()
        self._taken_over: dict[int, float] = {}  # partition → until when, time.monotonic(); replaced, never changed
        self._taken_over_lock = threading.Lock()
        self._partitions = 0
        self._consumer: Any = None
        self._renewal = Renewal(settings.session_timeout_s)
        self._handover_until_s = _NEVER_S
        self._was_valid = False
        self._invalid_since_s = 0.0
        self._problem: str | None = "not a member of the nodes' group yet"
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Join, once there is a broker."""
        self._thread.start()

    @property
    def valid(self) -> bool:
        """Whether nobody else can own what this node owns; or it has left the group and hands over."""
        return time.monotonic() < self._handover_until_s or self._renewal.holds

    def holds(self, stream_id: str) -> bool:
        """Whether this node is to run that stream now. Any thread; cheap."""
        if not self._partitions or not self.valid:
            return False
        partition = partition_of(stream_id, self._partitions)
        return partition in self.taken_over or partition in self._held  # in this order: it goes from there to here

    def owner_of(self, partitions: Collection[int], stream_id: str) -> bool:
        """Whether a stream's records lie in one of these partitions."""
        return bool(self._partitions) and partition_of(stream_id, self._partitions) in partitions

    @property
    def held(self) -> frozenset[int]:
        """The partitions that the group gave this node."""
        return self._held

    @property
    def taken_over(self) -> frozenset[int]:
        """The partitions that this node holds for one that left the group."""
        now_s = time.monotonic()
        return frozenset(one for one, until_s in self._taken_over.items() if now_s < until_s)

    def take_over(self, partitions: Collection[int]) -> None:
        """Hold these for a node that leaves the group, until that gives them to somebody. Any thread."""
        until_s = time.monotonic() + REBALANCE_SESSIONS * self._settings.session_timeout_s
        with self._taken_over_lock:
            new = frozenset(partitions) - self._held
            self._taken_over = {**self._taken_over, **dict.fromkeys(new, until_s)}
        log.info("taken_over", partitions=len(new))
        self._changed()

    @property
    def problem(self) -> str | None:
        """Why this node runs no shared cameras, in words."""
        return self._problem

    def leave(self, handover_s: float, timeout_s: float) -> None:
        """Leave the group now, so that others get the cameras; they stay here for `handover_s` more, until `close`."""
        self._handover_until_s = time.monotonic() + handover_s
        self._closing.set()
        self._thread.join(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Stop what cameras there still are and, unless that was done, leave the group. Idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.error("lease_thread_left")
        if self._held:
            self.let_go(self._held)
            self._release(frozenset(range(self._partitions)))
        self._handover_until_s = _NEVER_S

    def _run(self) -> None:
        while not self._closing.is_set():
            with reporting(self._fail, group=self._settings.group):
                self._run_membership()
            if not self._closing.is_set():
                self._closing.wait(self._kafka.retry_s)

    def _fail(self, reason: str) -> None:
        if self._problem != reason:
            log.warning("lease_lost", reason=reason)
        self._problem = reason

    def _run_membership(self) -> None:
        self._ensure_topic()  # a broker might make one for whoever asks, with as many partitions as it likes
        assignor = LeaseAssignor(self._owned_partitions, self._on_refused)
        consumer = open_consumer(self._kafka, self._options(assignor))
        self._invalid_since_s = time.monotonic()
        try:
            self._consumer = consumer
            keep_joins(consumer)
            consumer.subscribe([self._topic], listener=RebalanceListener(self, network_loop(consumer)))
            while not self._closing.is_set():
                self._turn(consumer)
        finally:
            if not self.is_leaving:
                self._drop_taken_over(self._taken_over)
                self.let_go(self._held)
                self._release(frozenset(range(self._partitions)))
            self._renewal.forget()
            self._was_valid = False
            leave_amid_join(consumer, _LEAVE_MS)
            consumer.close(timeout_ms=_LEAVE_MS)

    @property
    def is_leaving(self) -> bool:
        """Whether the group is left while the cameras run on."""
        return self._handover_until_s > _NEVER_S

    def _ensure_topic(self) -> None:
        refused = check_topics(self._kafka, (STREAMS,), "READ")
        if refused:
            raise BusError(f"topic {self._topic} is unavailable: {refused[STREAMS]}")

    def _options(self, assignor: LeaseAssignor) -> dict[str, Any]:
        settings = self._settings
        return {
            "client_id": f"{self._kafka.client_id}-lease",
            "group_id": settings.group,
            "partition_assignment_strategy": [assignor],
            "session_timeout_ms": int(settings.session_timeout_s * 1000),
            "heartbeat_interval_ms": max(1, int(settings.heartbeat_interval_s * 1000)),
            "max_poll_interval_ms": int(max(30.0, 3 * settings.session_timeout_s) * 1000),
            "metadata_max_age_ms": 10_000,  # how soon a topic made anew with other partitions is noticed
        }

    def _turn(self, consumer: Any) -> None:
        """One turn: let the client work, see whether the lease was renewed. Raises BusError when nothing helps."""
        before_s = time.monotonic()
        consumer.poll(timeout_ms=_POLL_MS)
        self._renewal.note(consumer, before_s)
        self._partitions = len(consumer.partitions_for_topic(self._topic) or ()) or self._partitions
        unheard_s = self._renewal.unheard_s
        if unheard_s > 2 * self._settings.heartbeat_interval_s and probe(self._kafka).all_refuse:
            self._renewal.refuse()
            self._problem = "the broker is down for everybody; cameras run on"
        self._join_anew_if_forgotten()
        self._start_or_stop(unheard_s)

    def _join_anew_if_forgotten(self) -> None:
        """Raises BusError: a broker that came back without its data leaves the client's request unanswered for 30 s."""
        if self._renewal.is_forgotten:
            raise BusError("the broker is back and does not know this node: joining anew")

    def _start_or_stop(self, unheard_s: float) -> None:
        """Start or stop cameras as the lease begins or ends. Raises BusError when it does not come back."""
        if self.valid:
            if unheard_s < self._settings.session_timeout_s:
                self._problem = None
            if not self._was_valid:
                self._was_valid = True
                self._changed()
            return
        if self._was_valid:
            self._was_valid = False
            self._invalid_since_s = time.monotonic()
            self._fail(f"the broker has confirmed nothing for {unheard_s:.1f} s: others may run the cameras")
            self._release(frozenset(range(self._partitions)))
        elif time.monotonic() - self._invalid_since_s > max(_JOIN_S, 3 * self._settings.session_timeout_s):
            raise BusError(f"the group {self._settings.group} does not let this node in, or the broker does not answer")

    def _owned_partitions(self) -> OwnedPartitions:
        """On the client's thread, when it joins."""
        return OwnedPartitions(
            owned=frozenset(self._consumer.assignment()),
            generation=self._consumer.group_metadata().generation_id,
            taken_over=frozenset(TopicPartition(self._topic, one) for one in self.taken_over),
        )

    def _on_refused(self, refused: frozenset[TopicPartition]) -> None:
        """On the client's thread: others were assigned what this node had taken over."""
        log.info("take_over_refused", partitions=len(refused))
        self._drop_taken_over(one.partition for one in refused)
        self._changed()

    def _drop_taken_over(self, partitions: Iterable[int]) -> None:
        with self._taken_over_lock:
            gone = frozenset(partitions)
            self._taken_over = {one: until_s for one, until_s in self._taken_over.items() if one not in gone}

    def gain(self, partitions: frozenset[int]) -> None:
        """The group has assigned these. On the client's thread."""
        self._held |= partitions
        self._drop_taken_over(partitions)
        log.info("partitions_gained", gained=len(partitions), held=len(self._held))
        self._changed()

    def release(self, partitions: frozenset[int]) -> None:
        """Stop the cameras of these partitions; blocks until they are."""
        self._release(partitions)

    def let_go(self, partitions: frozenset[int]) -> None:
        """From here on nothing of these partitions is published; their cameras are yet to be stopped."""
        if partitions:
            self._held -= partitions
            log.info("partitions_let_go", gone=len(partitions), held=len(self._held))
