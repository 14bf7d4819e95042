"""The bus on Kafka against a real broker that dies, freezes and returns."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from tests.peers.kafka import Broker
from workers.bus.backlog import Backlog
from workers.bus.message_bus import DETECTIONS, EVENTS, STATUS, LocalBus, Message
from workers.errors import BusError
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings

# kafka-python leaves a socket open for each connection refused
pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What the client left is collected here, under this module's filter, and not in somebody else's test."""
    yield
    gc.collect()


def settings(broker: Broker, **changes: object) -> KafkaSettings:
    quick = {"retry_s": 0.2, "request_timeout_s": 2.0, "connect_timeout_s": 2.0, "topics": {"partitions": 4}}
    return KafkaSettings.model_validate({"bootstrap_servers": broker.address, **quick, **changes})


def message(number: int, key: str = "cam", topic: str = DETECTIONS, padding: int = 0) -> Message:
    value = json.dumps({"number": number, "padding": "x" * padding}).encode()
    headers = (("schema", b"livesight.frame/1"), ("content-type", b"application/json"))
    return Message(topic, key, value, headers, time.monotonic())


def metric(name: str) -> float:
    return REGISTRY.get_sample_value(f"livesight_bus_{name}") or 0.0


def given_up(reason: str, topic: str = DETECTIONS) -> float:
    labels = {"topic": topic, "reason": reason}
    return REGISTRY.get_sample_value("livesight_bus_given_up_messages_total", labels) or 0.0


def numbers(broker: Broker, count: int, topic: str = DETECTIONS) -> dict[str, list[int]]:
    """The numbers of each key in the order of the log."""
    found: dict[str, list[int]] = {}
    for record in broker.read(topic, count):
        found.setdefault(record.key, []).append(json.loads(record.value)["number"])
    return found


def wait_until(condition: object, timeout_s: float = 15.0) -> None:
    assert callable(condition)
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.02)


def test_a_consumer_reads_every_message_in_order_with_key_and_headers(broker: Broker) -> None:
    broker.create_topic(DETECTIONS, 8)
    local: list[Message] = []
    bus = KafkaBus(settings(broker), LocalBus())
    bus.subscribe(local.append, [DETECTIONS])
    sent = [message(index, f"cam{index % 5}", padding=600) for index in range(1000)]
    for one in sent:
        bus.publish(one)
    assert local == sent  # in process at once, the very same objects
    assert bus.flush(30)
    assert bus.problems() == []
    assert metric("buffered_messages") == 0
    records = broker.read(DETECTIONS, 1000)
    by_key: dict[str, list[int]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(json.loads(record.value)["number"])
        assert record.headers == dict(sent[0].headers)
        assert abs(record.timestamp_ms / 1000 - time.time()) < 30
    assert by_key == {f"cam{key}": list(range(key, 1000, 5)) for key in range(5)}
    assert len({record.partition for record in records}) > 1
    bus.close(5)
    bus.close(5)


def test_publishing_never_waits_while_the_broker_is_killed_frozen_and_back(broker: Broker) -> None:
    bus = KafkaBus(settings(broker), LocalBus())
    slowest_s = 0.0
    number = 0
    failures = metric("publish_failures_total")

    def publish_for(duration_s: float) -> None:
        nonlocal slowest_s, number
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            started_s = time.perf_counter()
            bus.publish(message(number))
            slowest_s = max(slowest_s, time.perf_counter() - started_s)
            number += 1
            time.sleep(0.01)

    publish_for(0.5)
    assert bus.flush(30)
    broker.freeze()
    publish_for(3.5)
    assert "unreachable since" in bus.problems()[0]
    broker.thaw()
    assert bus.flush(30)
    frozen = number
    assert sorted(set(numbers(broker, frozen)["cam"])) == list(range(frozen))
    broker.kill()
    publish_for(2.0)
    assert bus.problems()[0].startswith(f"kafka: {broker.address} unreachable since ")
    assert metric("publish_failures_total") > failures
    broker.start()
    publish_for(1.0)
    assert bus.flush(30)
    assert bus.problems() == []
    after = numbers(broker, number - frozen)["cam"]
    assert sorted(set(after)) == list(range(frozen, number))  # its memory was gone; nothing since is missing
    assert list(dict.fromkeys(after)) == list(range(frozen, number))  # and in order, but for duplicates
    assert slowest_s < 1  # waiting for the broker would take its time-outs of seconds
    bus.close(5)


def test_starts_without_a_broker_and_delivers_when_it_comes(broker: Broker) -> None:
    broker.kill()
    bus = KafkaBus(settings(broker), LocalBus())
    for index in range(50):
        bus.publish(message(index))
    assert not bus.flush(0.5)
    assert "unreachable" in bus.problems()[0]
    assert metric("buffered_messages") == 50
    broker.start()
    assert bus.flush(30)
    assert numbers(broker, 50) == {"cam": list(range(50))}
    bus.close(5)


def test_the_buffer_is_bounded_the_oldest_go_and_are_counted(broker: Broker) -> None:
    broker.kill()
    dropped = given_up("full")
    bus = KafkaBus(settings(broker, buffer_messages=10), LocalBus())
    for index in range(25):
        bus.publish(message(index))
    assert given_up("full") - dropped == 15
    broker.start()
    assert bus.flush(30)
    assert numbers(broker, 10) == {"cam": list(range(15, 25))}
    bus.close(5)


def test_a_message_that_is_too_large_costs_itself_only(broker: Broker) -> None:
    refused = given_up("refused")
    bus = KafkaBus(settings(broker, message_bytes=5000), LocalBus())
    for index in range(3):
        bus.publish(message(index, padding=8000 if index == 1 else 0))
    assert bus.flush(30)
    assert given_up("refused") - refused == 1
    assert "a message of cam for livesight.detections was given up" in " ".join(bus.problems())
    assert numbers(broker, 2) == {"cam": [0, 2]}
    bus.close(5)


def test_a_topic_that_cannot_be_had_holds_up_no_other(broker: Broker) -> None:
    bus = KafkaBus(settings(broker, connect_timeout_s=0.5), LocalBus())
    bus.publish(message(0, topic="not a topic/"))
    bus.publish(message(1))
    wait_until(lambda: metric("buffered_messages") <= 1)
    assert numbers(broker, 1) == {"cam": [1]}
    bus.close(1)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_close_is_bounded_with_the_broker_away(broker: Broker, fault: str) -> None:
    bus = KafkaBus(settings(broker), LocalBus())
    bus.publish(message(0))
    assert bus.flush(30)
    lost = given_up("closed")
    getattr(broker, fault)()
    bus.publish(message(1))
    time.sleep(0.3)
    started_s = time.monotonic()
    bus.close(1.0)
    assert time.monotonic() - started_s < 3.0
    assert given_up("closed") - lost == 1
    bus.publish(message(2))  # after the end: counted, not raised
    assert given_up("closed") - lost == 2


def test_a_quiet_bus_notices_that_the_broker_is_gone(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.kafka.kafka_bus.QUIET_S", 0.3)
    bus = KafkaBus(settings(broker), LocalBus())
    wait_until(lambda: bus.problems() == [])
    broker.kill()
    wait_until(lambda: "refused" in " ".join(bus.problems()))
    broker.start()
    wait_until(lambda: bus.problems() == [])
    bus.close(5)


def test_an_uninstalled_codec_is_refused_at_once() -> None:
    with pytest.raises(BusError, match="zstd needs the package zstandard"):
        KafkaBus(KafkaSettings(bootstrap_servers=("127.0.0.1:1",), compression="zstd"), LocalBus())


def test_the_backlog_keeps_order_and_bounds_and_gives_up_detections_before_events() -> None:
    backlog = Backlog(max_messages=4, max_bytes=10**6)
    messages = [message(index, topic=DETECTIONS if index % 2 else EVENTS) for index in range(6)]
    assert [backlog.append(one) for one in messages] == [{}, {}, {}, {}, {DETECTIONS: 1}, {DETECTIONS: 1}]
    assert backlog.take(EVENTS, 2, 10**6) == [messages[0], messages[2]]
    assert backlog.give_back([messages[0], messages[2]]) == {}
    assert backlog.take(EVENTS, 9, 1) == [messages[0]]
    assert backlog.take(DETECTIONS, 9, 10**6) == [messages[5]]
    assert backlog.take(STATUS, 9, 10**6) == []
    assert len(backlog) == 2
