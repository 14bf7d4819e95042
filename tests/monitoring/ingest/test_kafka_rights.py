"""A monitor whose Kafka user may not read every topic: the others are read, and the one that is left out is named."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from monitoring.ingest.inbox import InboxMessage
from monitoring.ingest.kafka_inbox import KafkaInbox
from tests.monitoring.happened import message, result
from tests.peers.apache_kafka import Login
from tests.peers.certificate import make_certificate
from tests.peers.kafka import Broker, apache_kafka
from tests.peers.kafka_rights import grant
from workers.bus.message_bus import DETECTIONS, EVENTS, SNAPSHOTS, LocalBus
from workers.errors import BusError
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings

pytestmark = pytest.mark.usefixtures("no_thread_left")
USER, PASSWORD = "watch", "s3cret"
TIMEOUT_S = 30.0


@pytest.fixture
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    """A user who may do nothing until it is granted."""
    apache_kafka()
    certificate = make_certificate(tmp_path_factory.mktemp("tls") / "broker.pem")
    return Login(certificate, {USER: PASSWORD}, acls=True)


@pytest.fixture
def broker(login: Login) -> Iterator[Broker]:
    """With the topics that a monitor reads."""
    with Broker(login=login) as running:
        for topic in (DETECTIONS, EVENTS, SNAPSHOTS):
            running.create_topic(topic, 2)
        yield running


def settings(login: Login) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {
            "bootstrap_servers": f"127.0.0.1:{login.port}",
            "security_protocol": "SASL_SSL",
            "ssl_cafile": login.certificate,
            "sasl_mechanism": "PLAIN",
            "sasl_username": USER,
            "sasl_password": PASSWORD,
        }
    )


@pytest.mark.parametrize("visible", [False, True])
def test_a_topic_that_may_not_be_read_holds_up_no_other(broker: Broker, login: Login, visible: bool) -> None:
    grant(broker, USER, "READ", EVENTS, DETECTIONS)
    if visible:
        grant(broker, USER, "DESCRIBE", SNAPSHOTS)
    with KafkaBus(KafkaSettings(bootstrap_servers=(broker.address,)), LocalBus()) as bus:
        for number in range(3):
            bus.publish(message(result(number + 1)))
        assert bus.flush(TIMEOUT_S)
    inbox = KafkaInbox(settings(login), "oldest")
    try:
        taken = read(inbox, 3)
        assert [item.topic for item in taken] == [DETECTIONS] * 3
        (problem,) = inbox.problems()
        assert "topic livesight.snapshots is unavailable: access denied: needs READ on topic" in problem
    finally:
        inbox.close()


def read(inbox: KafkaInbox, count: int) -> list[InboxMessage]:
    """So many messages and then all topics' ends, begun anew when something goes wrong, as the monitor does."""
    until_s = time.monotonic() + TIMEOUT_S
    taken: list[InboxMessage] = []
    while time.monotonic() < until_s:
        try:
            inbox.open({})
            taken = []
            while len(taken) < count or not inbox.caught_up():
                taken += inbox.take(0.2, 100).items
                assert time.monotonic() < until_s
            return taken
        except BusError:
            continue
    raise AssertionError("nothing came")
