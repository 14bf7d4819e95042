"""Who gets which partition, as the leader of the nodes' group computes it. What members say is in the wire format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from kafka import TopicPartition
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription

from workers.cluster.assignor import LeaseAssignor, OwnedPartitions

TOPIC = "livesight.streams"


def parts(numbers: Iterable[int]) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(TOPIC, number) for number in numbers)


class Member:
    """One node: what it has, as the group's client keeps it."""

    def __init__(self, owned: Iterable[int] = (), generation: int = 5, taken_over: Iterable[int] = ()) -> None:
        self.owned = set(owned)
        self.generation = generation
        self.taken_over = set(taken_over)
        self.refused: set[int] = set()
        self.assignor = LeaseAssignor(
            lambda: OwnedPartitions(parts(self.owned), self.generation, parts(self.taken_over)),
            lambda gone: self.refused.update(one.partition for one in gone),
        )

    def be_given(self, numbers: set[int]) -> bool:
        """What the client does with an assignment; whether it asks for another round."""
        revoked = self.owned - numbers
        self.owned = set(numbers)
        self.generation += 1
        told = ConsumerProtocolAssignment(version=2, assigned_partitions=[(TOPIC, sorted(numbers))], user_data=b"")
        self.assignor.on_assignment(told, self.generation)
        return bool(revoked)


def assigned(members: Mapping[str, Member], partitions: int = 16) -> dict[str, set[int]]:
    """One round: everybody says what it has, the first computes."""
    cluster: Any = SimpleNamespace(
        topics=lambda: {TOPIC}, partitions_for_topic=lambda topic: set(range(partitions)) if topic == TOPIC else None
    )
    joined = [
        SimpleNamespace(
            member_id=name,
            metadata=ConsumerProtocolSubscription.decode(member.assignor.metadata([TOPIC]).encode()),
        )
        for name, member in members.items()
    ]
    leader = next(iter(members.values())).assignor
    return {
        name: {one.partition for one in found.partitions()} for name, found in leader.assign(cluster, joined).items()
    }


def settle(members: Mapping[str, Member], partitions: int = 16) -> list[dict[str, set[int]]]:
    """Rounds until nobody asks for another."""
    rounds = []
    while len(rounds) < 5:
        rounds.append(assigned(members, partitions))
        if not any([member.be_given(rounds[-1][name]) for name, member in members.items()]):
            return rounds
    raise AssertionError(f"no end of rounds: {rounds}")


def test_a_fresh_group_shares_everything() -> None:
    members = {"a": Member(generation=-1), "b": Member(generation=-1), "c": Member(generation=-1)}
    assert len(settle(members)) == 1
    assert sorted(len(member.owned) for member in members.values()) == [5, 5, 6]
    assert set().union(*(member.owned for member in members.values())) == set(range(16))


def test_a_node_that_joins_takes_its_share_and_no_more() -> None:
    members = {"a": Member(range(8)), "b": Member(range(8, 16)), "new": Member(generation=-1)}
    rounds = settle(members)
    assert len(rounds) == 2
    assert all(rounds[0][name] <= before for name, before in (("a", set(range(8))), ("b", set(range(8, 16)))))
    assert not rounds[0]["new"]
    assert sorted(len(member.owned) for member in members.values()) == [5, 5, 6]


def test_what_a_node_has_lost_it_does_not_claim() -> None:
    """It slept, others were given what it had, and it comes back: kafka-python's assignor takes it from them again."""
    sleeper = Member(range(8), generation=7)
    sleeper.be_given(set(range(8)))
    sleeper.owned, sleeper.generation = set(), -1  # thrown out: the client forgets what it had
    members = {"a": Member({8, 9, 10, 11, 0, 1, 2, 3}), "b": Member({12, 13, 14, 15, 4, 5, 6, 7}), "sleeper": sleeper}
    rounds = settle(members)
    kept = rounds[-1]["a"] | rounds[-1]["b"]
    assert len(kept) == 11, "those who have them lose as many as are its share, no more"
    assert set().union(*(member.owned for member in members.values())) == set(range(16)), "and all are somebody's"


def test_of_two_that_claim_the_same_the_one_of_the_group_has_it() -> None:
    """Thrown out in the midst of a rebalance, a client keeps what it had until it is given something else."""
    late = Member(range(6), generation=-1)
    members = {"late": late, "a": Member(range(8)), "b": Member(range(8, 16))}
    rounds = settle(members)
    assert rounds[0]["a"] <= set(range(8))
    assert not rounds[0]["late"]
    assert set().union(*(member.owned for member in members.values())) == set(range(16))
    assert sum(len(member.owned) for member in members.values()) == 16


def test_a_topic_with_fewer_partitions_is_shared_whole() -> None:
    members = {"a": Member(range(8)), "b": Member(range(8, 16))}
    settle(members, partitions=4)
    assert members["a"].owned | members["b"].owned == {0, 1, 2, 3}


def test_those_who_stand_in_keep_what_they_run_and_nothing_else_moves() -> None:
    members = {
        "a": Member(range(4), taken_over=[14]),
        "b": Member(range(4, 8), taken_over=[12, 15]),
        "c": Member(range(8, 12), taken_over=[13]),
    }
    assert settle(members) == [
        {"a": {0, 1, 2, 3, 14}, "b": {4, 5, 6, 7, 12, 15}, "c": {8, 9, 10, 11, 13}},
    ]
    assert not any(member.refused for member in members.values())


def test_who_stands_in_keeps_it_though_another_has_not_heard_of_its_own_yet() -> None:
    members = {"a": Member(range(4), taken_over=[12, 15]), "b": Member(range(4, 8), taken_over=[13])}
    members["late"] = Member(range(8, 12))
    assert settle(members) == [
        {"a": {0, 1, 2, 3, 12, 15}, "b": {4, 5, 6, 7, 13}, "late": {8, 9, 10, 11, 14}},
    ]


def test_standing_in_for_too_much_moves_nothing_that_others_own() -> None:
    members = {
        "a": Member(range(4), taken_over=[12, 13, 14, 15]),
        "b": Member(range(4, 8)),
        "c": Member(range(8, 12)),
    }
    rounds = settle(members)
    assert len(rounds) == 1
    assert rounds[0]["a"] >= {0, 1, 2, 3}
    assert rounds[0]["b"] >= {4, 5, 6, 7}
    assert rounds[0]["c"] >= {8, 9, 10, 11}
    assert sorted(map(len, rounds[0].values())) == [5, 5, 6]
    assert members["a"].refused == {12, 13, 14, 15} - rounds[0]["a"], "it is told what others run now"


def test_nobody_stands_in_for_what_another_owns() -> None:
    members = {"a": Member(range(8), taken_over=[9]), "b": Member(range(8, 16))}
    assert settle(members) == [{"a": set(range(8)), "b": set(range(8, 16))}]
    assert members["a"].refused == {9}
