"""Principals that may not do everything, on Apache Kafka's own ACLs: what they may do works, the rest is named."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType
from sqlalchemy import select

from monitoring.ingest.outbox_publisher import OutboxPublisher
from monitoring.store.tables import outbox
from monitoring.store.writes import Outgoing, add_outgoing, outgoing_event
from tests.monitoring.happened import happened
from tests.peers.apache_kafka import Login
from tests.peers.certificate import make_certificate
from tests.peers.kafka import Broker
from tests.workers.kafka.test_kafka_bus import message, wait_until
from workers.bus.message_bus import DRIFT, LocalBus
from workers.cluster.lease import Lease
from workers.cluster.settings import ClusterSettings
from workers.database.database import Database
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import ALL_TOPICS, check_topics

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
USERS = {"writer": "w1", "limited": "l1"}
READ, WRITE, DESCRIBE = ACLOperation.READ, ACLOperation.WRITE, ACLOperation.DESCRIBE
ALLOW, DENY = ACLPermissionType.ALLOW, ACLPermissionType.DENY
LITERAL, PREFIXED = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED

Connect = Callable[..., KafkaSettings]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What the client left is collected here."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login(make_certificate(tmp_path_factory.mktemp("tls") / "broker.pem"), USERS, acls=True)


@pytest.fixture(scope="module")
def guarded(login: Login) -> Iterator[Broker]:
    """With ACLs: users may do nothing but what a test lets them."""
    with Broker(login=login) as running:
        yield running


@pytest.fixture
def connect(login: Login, guarded: Broker) -> Connect:
    """Settings of a user; its topics have a prefix, and are there when `made`."""

    def connected(user: str, prefix: str, made: bool = True) -> KafkaSettings:
        topics = {"partitions": 2, "prefix": prefix}
        quick = {"topics": topics, "retry_s": 0.2, "request_timeout_s": 5.0, "connect_timeout_s": 5.0}
        secured = {
            "bootstrap_servers": f"127.0.0.1:{login.port}",
            "security_protocol": "SASL_SSL",
            "ssl_cafile": login.certificate,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": user,
            "sasl_password": USERS[user],
        }
        if made:
            own = KafkaSettings.model_validate({"bootstrap_servers": guarded.address, **quick})
            assert check_topics(own, ALL_TOPICS, "WRITE") == {}
        return KafkaSettings.model_validate({**quick, **secured})

    return connected


def let(
    broker: Broker,
    user: str,
    name: str,
    permission: ACLPermissionType = ALLOW,
    pattern: ACLResourcePatternType = PREFIXED,
) -> None:
    """Read, write and see a topic, or all whose names begin so; or do none of it."""
    resource = ResourcePattern(ResourceType.TOPIC, name, pattern)
    rules = [ACL(f"User:{user}", "*", operation, permission, resource) for operation in (READ, WRITE, DESCRIBE)]
    with broker.admin() as admin:
        admin.create_acls(rules)


def test_who_may_not_create_topics_publishes_to_those_that_are_there(
    guarded: Broker, connect: Connect, tmp_path: Path
) -> None:
    let(guarded, "writer", "shop.")
    let(guarded, "writer", "depot.")
    with KafkaBus(connect("writer", "shop"), LocalBus(), tmp_path / "shop") as bus:
        for number in range(50):
            bus.publish(message(number))
        assert bus.flush(30), bus.problems()
        assert bus.problems() == []
    assert [json.loads(one.value)["number"] for one in guarded.read("shop.detections", 50)] == list(range(50))
    with KafkaBus(connect("writer", "depot", made=False), LocalBus(), tmp_path / "depot") as bus:
        bus.publish(message(1))
        wait_until(bus.problems)
        assert "topic depot.detections is unavailable: access denied: needs WRITE" in bus.problems()[0]
        assert "or CREATE if there is no such topic" in bus.problems()[0]
        connect("writer", "depot")  # somebody makes them
        assert bus.flush(30), bus.problems()
        wait_until(lambda: bus.problems() == [])


def test_events_arrive_though_drift_and_models_are_forbidden(
    database: Database, guarded: Broker, connect: Connect
) -> None:
    let(guarded, "limited", "yard.")
    for topic in ("yard.drift", "yard.models"):
        let(guarded, "limited", topic, DENY, LITERAL)
    settings = connect("limited", "yard")
    events = [outgoing_event(happened(number, "alert")) for number in range(20)]
    drift = [Outgoing(DRIFT, "mask", "livesight.drift/1", "{}") for _ in range(3)]
    with database.write() as connection:
        add_outgoing(connection, [drift[0], *events[:10], drift[1], *events[10:], drift[2]])
    publisher = OutboxPublisher(database, settings, lambda: True)
    publisher.start()
    try:
        wait_until(publisher.problems)
        (said,) = publisher.problems()
        assert said.startswith("kafka: topic yard.drift is unavailable: access denied: needs WRITE on topic yard.drift")
        arrived = [json.loads(one.value)["id"] for one in guarded.read("yard.events", len(events))][-len(events) :]
        assert arrived == [json.loads(one.body)["id"] for one in events]
    finally:
        publisher.close(10)
    with database.read() as connection:
        assert set(connection.scalars(select(outbox.c.topic))) == {DRIFT}, "what is refused waits, the rest is sent"


def test_a_group_that_is_refused_is_named(guarded: Broker, connect: Connect) -> None:
    let(guarded, "writer", "shop.")
    lease = Lease(connect("writer", "shop"), ClusterSettings(session_timeout_s=6), lambda _: None, lambda: None)
    lease.start()
    try:
        wait_until(lambda: "needs READ on group livesight-nodes" in (lease.problem or ""))
    finally:
        lease.close(5)
