"""Three brokers of Apache Kafka that are restarted in turn, and a leader killed, while numbered results flow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.monitoring.happened import message, result
from tests.peers.kafka_cluster import KafkaCluster
from tests.workers.kafka.test_kafka_bus import wait_until
from workers.bus.message_bus import LocalBus
from workers.bus.result import FrameResult
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # kafka-python, of refused connections
    pytest.mark.timeout(300),
]
STREAMS = ("door", "yard", "gate", "hall")
RATE = 10.0  # results a second of each


class Flow:
    """Numbered results of four cameras."""

    def __init__(self, bus: KafkaBus) -> None:
        self.frames = 0
        self._bus = bus

    def publish(self) -> None:
        for stream in STREAMS:
            self._bus.publish(message(result(self.frames, stream)))
        self.frames += 1

    def run(self, over: threading.Event) -> None:
        while not over.wait(1 / RATE):
            self.publish()

    def goes_on(self, seconds: float) -> None:
        """Wait until so much more was published."""
        until = self.frames + int(seconds * RATE)
        wait_until(lambda: self.frames >= until, 60)


@contextmanager
def flowing(bus: KafkaBus) -> Iterator[Flow]:
    """The first is confirmed when this begins."""
    flow, over = Flow(bus), threading.Event()
    flow.publish()
    assert bus.flush(60), bus.problems()
    thread = threading.Thread(target=flow.run, args=(over,))
    thread.start()
    try:
        yield flow
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster() as running:
        yield running


def settings(cluster: KafkaCluster, prefix: str) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {
            "bootstrap_servers": cluster.addresses,
            "topics": {"partitions": 4, "prefix": prefix},
            "retry_s": 0.2,
            "request_timeout_s": 5.0,
        }
    )


def check_complete(cluster: KafkaCluster, topic: str, frames: int) -> int:
    """Every result is there, in order; what is there twice is recognisable. How many are."""
    records = cluster.read_all(topic)
    found: dict[str, list[int]] = {stream: [] for stream in STREAMS}
    identities = set()
    for record in records:
        one = FrameResult.model_validate_json(record.value)
        identities.add((one.stream_id, one.session, one.pts_us))
        found[one.stream_id].append(one.frame)
    for stream, numbers in found.items():
        assert list(dict.fromkeys(numbers)) == list(range(frames)), stream
    assert len(identities) == frames * len(STREAMS)
    return len(records) - len(identities)


def test_nothing_is_missing_when_three_brokers_are_restarted_in_turn(cluster: KafkaCluster, tmp_path: Path) -> None:
    unready: list[str] = []
    with KafkaBus(settings(cluster, "rolling"), LocalBus(), tmp_path) as bus, flowing(bus) as flow:
        for node in cluster.brokers:
            cluster.restart(node)
            unready += bus.problems()
            flow.goes_on(0.5)
    assert bus.problems() == []
    check_complete(cluster, "rolling.detections", flow.frames)
    assert unready == [], "with two brokers of three nobody has to know"


def test_nothing_is_missing_when_a_leader_is_killed(cluster: KafkaCluster, tmp_path: Path) -> None:
    with KafkaBus(settings(cluster, "killed"), LocalBus(), tmp_path) as bus:
        with flowing(bus) as flow:
            killed = cluster.leader("killed.detections")
            cluster.brokers[killed].kill()
            died_s = time.monotonic()
            wait_until(lambda: cluster.leader("killed.detections") not in (killed, -1), 60)
            flow.goes_on(0.5)
        assert bus.flush(60)
        assert time.monotonic() - died_s < 60
        wait_until(lambda: bus.problems() == [])
    doubled = check_complete(cluster, "killed.detections", flow.frames)
    assert doubled <= flow.frames * len(STREAMS) / 2
    cluster.brokers[killed].start(empty=False)
