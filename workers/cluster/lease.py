"""Which partitions of the wishes this node owns, as a member of the nodes' Kafka group. Runs in its own thread.

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
its partitions at once (`stand_in`), until the group gives them to them, or to others.

A broker that refuses connections is down for everybody: it gives nothing to others, and its session timers begin anew
when it is back. So while all of them refuse, the lease goes on; one that is silent is taken for a cut network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import structlog
from kafka import AsyncConsumerRebalanceListener, TopicPartition

from workers.bus.bus import STREAMS
from workers.cluster.assignor import LeaseAssignor, MemberClaim
from workers.cluster.renewal import REBALANCE_SESSIONS, Renewal
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec import partition_of
from workers.errors import BusError
from workers.kafka.broker_probe import probe
from workers.kafka.client import open_consumer, reporting
from workers.kafka.kafka_python import Future, keep_joins, leave_amid_join, network_loop
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import check_topics, kafka_name

log = structlog.get_logger(__name__)

_POLL_MS = 200
_LEAVE_MS = 1500
_JOIN_S = 30.0
_SYNCED_S = 1.5  # by then a round is over for all members; Tansu tells them one by one, within a second
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
        self._standing_in: dict[int, float] = {}  # partition → until when, time.monotonic(); replaced, never changed
        self._standing_in_lock = threading.Lock()
        self._partitions = 0
        self._consumer: Any = None
        self._renewal = Renewal(settings.session_timeout_s)
        self._kept_until_s = _NEVER_S
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
        return time.monotonic() < self._kept_until_s or self._renewal.holds

    def holds(self, stream_id: str) -> bool:
        """Whether this node is to run that stream now. Any thread; cheap."""
        if not self._partitions or not self.valid:
            return False
        partition = partition_of(stream_id, self._partitions)
        return partition in self.standing_in or partition in self._held  # in this order: it goes from there to here

    def owner_of(self, partitions: Collection[int], stream_id: str) -> bool:
        """Whether a stream's records lie in one of these partitions."""
        return bool(self._partitions) and partition_of(stream_id, self._partitions) in partitions

    @property
    def held(self) -> frozenset[int]:
        """The partitions that the group gave this node."""
        return self._held

    @property
    def standing_in(self) -> frozenset[int]:
        """The partitions that this node holds for one that left the group."""
        now_s = time.monotonic()
        return frozenset(one for one, until_s in self._standing_in.items() if now_s < until_s)

    def stand_in(self, partitions: Collection[int]) -> None:
        """Hold these for a node that leaves the group, until that gives them to somebody. Any thread."""
        until_s = time.monotonic() + REBALANCE_SESSIONS * self._settings.session_timeout_s
        with self._standing_in_lock:
            new = frozenset(partitions) - self._held
            self._standing_in = {**self._standing_in, **dict.fromkeys(new, until_s)}
        log.info("standing_in", partitions=len(new))
        self._changed()

    @property
    def problem(self) -> str | None:
        """Why this node runs no shared cameras, in words."""
        return self._problem

    def leave(self, keep_s: float, timeout_s: float) -> None:
        """Leave the group now, so that others get the cameras; they are held here for `keep_s` more, until `close`."""
        self._kept_until_s = time.monotonic() + keep_s
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
            self._let_go(self._held)
            self._release(frozenset(range(self._partitions)))
        self._kept_until_s = _NEVER_S

    def _run(self) -> None:
        while not self._closing.is_set():
            with reporting(self._fail, group=self._settings.group):
                self._be_member()
            if not self._closing.is_set():
                self._closing.wait(self._kafka.retry_s)

    def _fail(self, reason: str) -> None:
        if self._problem != reason:
            log.warning("lease_lost", reason=reason)
        self._problem = reason

    def _be_member(self) -> None:
        self._ensure_topic()  # a broker might make one for whoever asks, with as many partitions as it likes
        assignor = LeaseAssignor(self._holding, self._give_up)
        consumer = open_consumer(self._kafka, self._options(assignor))
        self._invalid_since_s = time.monotonic()
        try:
            self._consumer = consumer
            keep_joins(consumer)
            consumer.subscribe([self._topic], listener=_Listener(self, network_loop(consumer)))
            while not self._closing.is_set():
                self._look(consumer)
        finally:
            if not self._leaving:
                self._stand_down(self._standing_in)
                self._let_go(self._held)
                self._release(frozenset(range(self._partitions)))
            self._renewal.forget()
            self._was_valid = False
            leave_amid_join(consumer, _LEAVE_MS)
            consumer.close(timeout_ms=_LEAVE_MS)

    @property
    def _leaving(self) -> bool:
        return self._kept_until_s > _NEVER_S

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

    def _look(self, consumer: Any) -> None:
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
        self._judge(unheard_s)

    def _join_anew_if_forgotten(self) -> None:
        """Raises BusError: a broker that came back without its data leaves the client's request unanswered for 30 s."""
        if self._renewal.is_forgotten:
            raise BusError("the broker is back and does not know this node: joining anew")

    def _judge(self, unheard_s: float) -> None:
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

    def _holding(self) -> MemberClaim:
        """On the client's thread, when it joins."""
        return MemberClaim(
            owned=frozenset(self._consumer.assignment()),
            generation=self._consumer.group_metadata().generation_id,
            standing_in=frozenset(TopicPartition(self._topic, one) for one in self.standing_in),
        )

    def _give_up(self, refused: frozenset[TopicPartition]) -> None:
        """On the client's thread: others were given what this node stood in for."""
        log.info("stood_in", others=len(refused))
        self._stand_down(one.partition for one in refused)
        self._changed()

    def _stand_down(self, partitions: Iterable[int]) -> None:
        with self._standing_in_lock:
            gone = frozenset(partitions)
            self._standing_in = {one: until_s for one, until_s in self._standing_in.items() if one not in gone}

    def _gain(self, partitions: frozenset[int]) -> None:
        """On the client's thread."""
        self._held |= partitions
        self._stand_down(partitions)
        log.info("partitions_gained", gained=len(partitions), held=len(self._held))
        self._changed()

    def _let_go(self, partitions: frozenset[int]) -> None:
        """From here on nothing of these partitions is published; their cameras are yet to be stopped."""
        if partitions:
            self._held -= partitions
            log.info("partitions_let_go", gone=len(partitions), held=len(self._held))


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """On the client's thread, which also sends the heartbeats: what blocks is done in another."""

    def __init__(self, lease: Lease, loop: Any) -> None:
        """`loop`: the client's, kafka.net.selector.NetworkSelector."""
        self._lease = lease
        self._loop = loop

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """More to run."""
        self._lease._gain(frozenset(one.partition for one in assigned))

    async def on_partitions_lost(self, lost: Collection[Any]) -> None:
        """The group has thrown this node out."""
        await self._stop(lost)

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """The group goes on once this returns: this node joins again then, which gives others what it had.

        Not before all others have had their answer of this round. One that has not is forgotten by Tansu when the next
        begins, and comes back only after the request's time-out.
        """
        began_s = time.monotonic()
        if await self._stop(revoked):
            await self._loop.sleep(max(0.0, began_s + _SYNCED_S - time.monotonic()))

    async def _stop(self, gone: Collection[Any]) -> bool:
        """Whether there was anything to stop."""
        if self._lease._leaving:
            return False  # they run on until others have them
        partitions = frozenset(one.partition for one in gone) & self._lease._held
        self._lease._let_go(partitions)
        if not partitions:
            return False
        stopped = Future()

        def tell() -> None:
            stopped.success(None)

        def stop() -> None:
            try:
                self._lease._release(partitions)
            except Exception:
                log.exception("cameras_not_stopped")
            try:  # set from here the future would be noticed at the next heartbeat only
                self._loop.call_soon_threadsafe(tell)
            except RuntimeError:
                log.info("group_left_meanwhile")

        threading.Thread(target=stop, name="lease-release", daemon=True).start()
        await stopped
        return True
