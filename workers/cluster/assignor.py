"""How the leader of the nodes' group spreads the partitions: cooperative, sticky, from what each node truly has.

kafka-python's own assignor (3.0.12) reports that a node owns what it was assigned last, though it has lost that since.
The leader then reserves such a partition for a node that does not know it as its own, which hence gives nothing back
and asks for no further round: its cameras run nowhere any more. Of two nodes that report it, the one that has it
loses it. Here a node reports what it has at that moment, and of which generation that is; one that was evicted from
the group counts less than one that was not.

A node that ends names who takes its place (see `Lease.take_over`). These say so when they join, and get what they run
already, as far as that leaves the partitions evenly spread: nothing else is moved for it.

Runs on the client's own thread; what the leader computes is pure.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition

from workers.kafka.kafka_python import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    CooperativeStickyAssignor,
    StickyAssignmentExecutor,
    StickyAssignorMemberMetadataV1,
)

_VERSION = 2  # of the metadata: the first that tells the generation


@dataclass(frozen=True, slots=True)
class OwnedPartitions:
    """What a node reports as it joins. `generation`: -1 once it was evicted. `taken_over`: runs, but not owned."""

    owned: frozenset[TopicPartition]
    generation: int
    taken_over: frozenset[TopicPartition]


class LeaseAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """One for each consumer. `refused` is called with what this node had taken over and others were assigned."""

    def __init__(
        self,
        owned: Callable[[], OwnedPartitions],
        refused: Callable[[frozenset[TopicPartition]], None] = lambda parts: None,
    ) -> None:
        super().__init__()
        self._owned = owned
        self._refused = refused
        self._offered: frozenset[TopicPartition] = frozenset()

    def metadata(self, topics: Collection[str]) -> Any:
        """What this node says when it joins."""
        reported = self._owned()
        self._offered = reported.taken_over - reported.owned
        return ConsumerProtocolSubscription(
            version=_VERSION,
            topics=sorted(topics),
            user_data=json.dumps({"standing_in": _by_topic(self._offered)}).encode() if self._offered else b"",
            owned_partitions=[
                ConsumerProtocolSubscription.TopicPartition(topic=topic, partitions=numbers)
                for topic, numbers in _by_topic(reported.owned).items()
            ],
            generation_id=reported.generation,
        )

    def on_assignment(self, assignment: Any, generation: int) -> None:
        """What this node was given."""
        super().on_assignment(assignment, generation)
        refused, self._offered = self._offered - set(assignment.partitions()), frozenset()
        if refused:
            self._refused(refused)

    def assign(self, cluster: Any, members: Iterable[Any]) -> dict[str, Any]:
        """The leader's part. What moves is taken away in this round and given in the next, as KIP-429 has it."""
        metadata = {member.member_id: member.metadata for member in members}
        owners = _owners(metadata)
        partitions: dict[str, list[TopicPartition]] = {member_id: [] for member_id in metadata}
        for partition, member_id in owners.items():
            partitions[member_id].append(partition)
        topics = {topic for found in metadata.values() for topic in found.topics}
        total = sum(len(cluster.partitions_for_topic(topic) or ()) for topic in topics)
        _add_taken_over(partitions, {member_id: _taken_over(found) for member_id, found in metadata.items()}, total)
        executor = StickyAssignmentExecutor(
            cluster,
            {
                member_id: StickyAssignorMemberMetadataV1(list(found.topics), partitions[member_id], -1)
                for member_id, found in metadata.items()
            },
        )
        executor.perform_initial_assignment()
        executor.balance()
        return {
            member_id: ConsumerProtocolAssignment(
                self.version,
                [
                    (topic, [one for one in numbers if owners.get(TopicPartition(topic, one), member_id) == member_id])
                    for topic, numbers in sorted(executor.get_final_assignment(member_id))
                ],
                b"",
            )
            for member_id in metadata
        }


def _by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for partition in sorted(partitions):
        found[partition.topic].append(partition.partition)
    return dict(found)


def _owners(metadata: Mapping[str, Any]) -> dict[TopicPartition, str]:
    """Who has what, by the word of the newest generation; the others give back what they have of it."""
    owners: dict[TopicPartition, str] = {}
    for member_id in sorted(metadata, key=lambda one: (-metadata[one].generation_id, one)):
        for found in metadata[member_id].owned_partitions or ():
            for number in found.partitions:
                owners.setdefault(TopicPartition(found.topic, number), member_id)
    return owners


def _taken_over(metadata: Any) -> list[TopicPartition]:
    """What another version says there, or nothing, is none."""
    try:
        found = json.loads(bytes(metadata.user_data or b"{}"))["standing_in"]
        return [TopicPartition(topic, int(number)) for topic, numbers in found.items() for number in numbers]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _add_taken_over(
    partitions: dict[str, list[TopicPartition]], offers: Mapping[str, list[TopicPartition]], total: int
) -> None:
    """Give what is offered, one by one, to those that may have so many, so that balancing has nothing to move for it.

    total: of partitions; each member may have its share of them, and some, where it does not come out even, one more.
    """
    taken = {one for owned in partitions.values() for one in owned}
    share, more = divmod(total, max(1, len(partitions)))
    more -= sum(len(owned) > share for owned in partitions.values())
    waiting = {member_id: [one for one in offered if one not in taken] for member_id, offered in offers.items()}
    while True:
        able = [one for one in sorted(waiting) if waiting[one] and len(partitions[one]) < share + (more > 0)]
        if not able:
            return
        chosen = min(able, key=lambda one: len(partitions[one]))
        partition = waiting[chosen].pop(0)
        if partition not in taken:
            more -= len(partitions[chosen]) == share
            taken.add(partition)
            partitions[chosen].append(partition)
