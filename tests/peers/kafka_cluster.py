"""Three brokers of Apache Kafka: all topics are on each, and two must have what is confirmed. Any one thread."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from tests.peers.apache_kafka import Membership
from tests.peers.kafka import Broker
from tests.peers.ports import free_port

NODES = (1, 2, 3)
PATIENCE_S = 60.0


class KafkaCluster:
    """A context manager. Skips the test where there is no Apache Kafka."""

    def __init__(self) -> None:
        controllers = {node: free_port() for node in NODES}
        self.brokers = {node: Broker(membership=Membership(node, controllers)) for node in NODES}
        self.addresses = tuple(broker.address for broker in self.brokers.values())

    def restart(self, node: int) -> None:
        """As an operator does it: SIGTERM, start again with what it had, and wait until it has caught up."""
        self.brokers[node].stop()
        self.brokers[node].start(empty=False)
        self.wait_in_sync()

    def wait_in_sync(self) -> None:
        """Until every broker has all of every topic."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not (found := self._partitions()) or any(len(one["isr_nodes"]) < len(NODES) for one in found):
            assert time.monotonic() < deadline_s, "the brokers do not catch up"
            time.sleep(0.1)

    def leader(self, topic: str) -> int:
        """The node that takes what is written to the topic's first partition; -1 while it is not known."""
        leaders = (int(one["leader_id"]) for one in self._partitions(topic) if one["partition_index"] == 0)
        return next(leaders, -1)

    def read_all(self, topic: str) -> list[Any]:
        """What the topic has, to its end, in each partition's order. Nobody may be writing."""
        consumer = KafkaConsumer(bootstrap_servers=list(self.addresses), group_id=None, auto_offset_reset="earliest")
        try:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            ends, records = consumer.end_offsets(partitions), []
            deadline_s = time.monotonic() + PATIENCE_S
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                assert time.monotonic() < deadline_s, "the topic is not read to its end"
                for batch in consumer.poll(timeout_ms=200).values():
                    records.extend(batch)
        finally:
            consumer.close()
        return records

    def _partitions(self, topic: str | None = None) -> list[dict[str, Any]]:
        """None while a broker that is asked is the one that died."""
        running = next(broker for broker in self.brokers.values() if broker.running)
        try:
            with running.admin() as admin:
                topics = admin.describe_topics(None if topic is None else [topic])
        except KafkaError:
            return []
        return [one for found in topics for one in found["partitions"]]

    def __enter__(self) -> KafkaCluster:
        try:
            with ThreadPoolExecutor(len(NODES)) as pool:  # none has started before two have
                list(pool.map(Broker.start, self.brokers.values()))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for broker in self.brokers.values():
            broker.kill()
