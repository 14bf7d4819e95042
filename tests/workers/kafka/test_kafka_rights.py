"""A user of Apache Kafka who may not do everything, or not so fast: what it may do goes on, the rest is named."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.peers.apache_kafka import Login
from tests.peers.certificate import make_certificate
from tests.peers.kafka import Broker, apache_kafka
from tests.peers.kafka_rights import grant, limit_producing
from tests.workers.kafka.test_kafka_bus import message, wait_until
from workers.bus.message_bus import DETECTIONS, EVENTS, MODELS, SNAPSHOTS, STATUS, STREAMS, LocalBus
from workers.kafka.client import open_admin
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Record, Tail, TailPlan
from workers.kafka.topics import ensure_topics

pytestmark = pytest.mark.usefixtures("no_thread_left")
PASSWORD = "s3cret"
TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    """Users who may do nothing until they are granted it."""
    apache_kafka()
    certificate = make_certificate(tmp_path_factory.mktemp("tls") / "broker.pem")
    users = ("follower", "shooter", "novice")
    return Login(certificate, {user: PASSWORD for user in users}, acls=True)


@pytest.fixture(scope="module")
def broker(login: Login) -> Iterator[Broker]:
    """All topics are there."""
    with Broker(login=login) as running:
        options = KafkaSettings.model_validate({"bootstrap_servers": running.address, "topics": {"partitions": 4}})
        admin = open_admin(options)
        assert ensure_topics(admin, options) == {}
        admin.close()
        yield running


def settings(login: Login, user: str, **changes: Any) -> KafkaSettings:
    access = {"security_protocol": "SASL_SSL", "ssl_cafile": login.certificate, "sasl_mechanism": "SCRAM-SHA-256"}
    quick = {"retry_s": 0.2, "connect_timeout_s": 5.0, "sasl_username": user, "sasl_password": PASSWORD}
    return KafkaSettings.model_validate(
        {"bootstrap_servers": f"127.0.0.1:{login.port}", "client_id": user, **access, **quick, **changes}
    )


def test_a_topic_that_may_not_be_written_holds_up_no_other(broker: Broker, login: Login) -> None:
    grant(broker, "shooter", "WRITE", DETECTIONS, EVENTS)
    grant(broker, "shooter", "DESCRIBE", SNAPSHOTS)
    with capture_logs() as logs, KafkaBus(settings(login, "shooter"), LocalBus()) as bus:
        for number in range(200):
            bus.publish(message(number, topic=SNAPSHOTS))
            bus.publish(message(number, "shooter"))
            bus.publish(message(number, "shooter", EVENTS))
        assert {json.loads(one.value)["number"] for one in broker.read(DETECTIONS, 200)} == set(range(200))
        assert len(broker.read(EVENTS, 200)) == 200
        needed = "topic livesight.snapshots is unavailable: access denied: needs WRITE on topic livesight.snapshots"
        assert needed in "; ".join(bus.problems())
        assert "unreachable" not in "; ".join(bus.problems())
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() - began_s > 4)  # it was tried again more than once
        grant(broker, "shooter", "WRITE", SNAPSHOTS)
        assert bus.flush(TIMEOUT_S)
        found = [json.loads(one.value)["number"] for one in broker.read(SNAPSHOTS, 200)]
        assert found == list(range(200)), "in order, and none missing"
        wait_until(lambda: not any(SNAPSHOTS in problem for problem in bus.problems()))
    said = [one for one in logs if one["event"] == "kafka_topic_unavailable" and one["topic"] == SNAPSHOTS]
    assert len(said) == 1, "a state is logged when it changes"
    assert len([one for one in logs if one["event"] == "kafka_connected"]) == 1, "for one topic no client is given up"


class Heard:
    """What a tail brings."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.unavailable: list[set[str]] = []

    def begin(self) -> None:
        """See RecordHandler."""
        self.records.clear()

    def take(self, record: Record) -> None:
        """See RecordHandler."""
        self.records.append(record)

    def caught_up(self, unavailable: Collection[str]) -> None:
        """See RecordHandler."""
        self.unavailable.append(set(unavailable))


@pytest.mark.parametrize("visible", [False, True])
def test_a_topic_that_may_not_be_read_holds_up_no_other(broker: Broker, login: Login, visible: bool) -> None:
    grant(broker, "follower", "READ", STREAMS, STATUS)
    if visible:
        grant(broker, "follower", "DESCRIBE", MODELS)
    with KafkaBus(KafkaSettings(bootstrap_servers=(broker.address,)), LocalBus()) as bus:
        bus.publish(message(1, topic=STREAMS))
        assert bus.flush(TIMEOUT_S)
    heard = Heard()
    tail = Tail(settings(login, "follower"), TailPlan("cluster", (STREAMS, MODELS), (STATUS,)), heard)
    tail.start()
    try:
        wait_until(lambda: {MODELS} in heard.unavailable, TIMEOUT_S)
        assert {record.topic for record in heard.records} == {STREAMS}
        assert tail.problem is None
        assert "needs READ on topic livesight.models" in tail.unavailable[MODELS]
    finally:
        tail.close(10)


def test_what_a_novice_needs_is_named(broker: Broker, login: Login) -> None:
    """One who may do nothing at all, and who is connected all the same."""
    with KafkaBus(settings(login, "novice"), LocalBus()) as bus:
        wait_until(bus.problems, TIMEOUT_S)
        said = "; ".join(bus.problems())
        assert "needs WRITE on topic livesight.detections, or CREATE if there is no such topic" in said
        assert "[Error" not in said
        grant(broker, "novice", "WRITE", DETECTIONS, SNAPSHOTS, EVENTS, MODELS)
        wait_until(lambda: bus.problems() == [], TIMEOUT_S)  # though nothing was sent


def test_a_broker_that_throttles_is_waited_for(broker: Broker) -> None:
    """It takes 11,000 bytes a second, and 220,000 come at once: it has the client wait longer than silence may last."""
    options = KafkaSettings.model_validate(
        {"bootstrap_servers": broker.address, "client_id": "slow", "request_timeout_s": 2.0, "compression": "none"}
    )
    before = len(broker.read(DETECTIONS, 10**6, timeout_s=3))
    limit_producing(broker, "slow", 11_000)
    with capture_logs() as logs, KafkaBus(options, LocalBus()) as bus:
        for number in range(200):
            bus.publish(message(number, "slow", padding=1000))
        assert bus.flush(TIMEOUT_S)  # it takes them all, and then nothing more for a while
        bus.publish(message(200, "slow"))
        began_s, said = time.monotonic(), set()
        while not bus.flush(0.1):
            lasted_s = time.monotonic() - began_s
            said |= set(bus.problems())
            assert lasted_s < 120
    limit_producing(broker, "slow", None)
    assert len(said) == 1
    assert f"{broker.address} throttles this client (a quota)" in said.pop()
    assert lasted_s > options.request_timeout_s + 3
    assert [one["event"] for one in logs].count("kafka_throttled") == 1
    assert [one["event"] for one in logs].count("kafka_connected") == 1, "the client is kept"
    assert len(broker.read(DETECTIONS, 10**6, timeout_s=3)) == before + 201, "none is missing, none came twice"
