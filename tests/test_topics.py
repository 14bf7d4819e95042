"""`livesight topics`: what Kafka's own tools are told is what a user without rights needs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.peers.apache_kafka import Login
from tests.peers.certificate import make_certificate
from tests.peers.kafka import Broker, apache_kafka
from tests.peers.kafka_jars import run
from tests.peers.livesight_process import LivesightProcess
from tests.test_cli import livesight
from workers.bus.message_bus import DETECTIONS, EVENTS

BROKER = "broker.example:9092"
PASSWORD = "s3cret"
PROGRAMS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
}
TIMEOUT_S = 60.0


def test_it_prints_topics_and_access_by_role() -> None:
    done = livesight(
        "topics", "--roles", "monitor", "--principal", "User:watch", KAFKA__BOOTSTRAP_SERVERS=BROKER,
        KAFKA__TOPICS__PREFIX="shop", KAFKA__TOPICS__REPLICATION_FACTOR="3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (
        f"kafka-topics.sh --bootstrap-server {BROKER} --create --if-not-exists --topic shop.drift --partitions 64 "
        "--replication-factor 3 --config cleanup.policy=delete --config retention.ms=2592000000"
    ) in lines
    acls = [line.partition("--allow-principal ")[2] for line in lines if line.startswith("kafka-acls.sh")]
    assert "User:watch --operation WRITE --topic shop.drift" in acls
    assert not any("--group" in line for line in acls), "only nodes are members of a group"


def test_a_node_needs_its_group(tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(f"kafka: {{bootstrap_servers: '{BROKER}'}}\ncluster: {{group: shop nodes}}\nroles: [node, api]\n")
    done = livesight("topics", "--config", config, "--command-config", "admin.properties")
    last = done.stdout.splitlines()[-1]
    assert last == (
        f"kafka-acls.sh --bootstrap-server {BROKER} --command-config admin.properties --add "
        "--allow-principal User:livesight --operation READ --group 'shop nodes'"
    )


def test_without_kafka_or_with_an_unknown_role_it_says_so() -> None:
    done = livesight("topics")
    assert (done.returncode, done.stderr) == (
        2, "livesight: kafka.bootstrap_servers is not set: without Kafka there are no topics\n"
    )  # fmt: skip
    done = livesight("topics", "--roles", "cook", KAFKA__BOOTSTRAP_SERVERS=BROKER)
    assert (done.returncode, done.stderr) == (
        2, "livesight: --roles: unknown role cook; there are: node, api, monitor\n"
    )  # fmt: skip


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    """Two users who may do nothing until they are granted it."""
    apache_kafka()
    certificate = make_certificate(tmp_path_factory.mktemp("tls") / "broker.pem")
    return Login(certificate, {"station": PASSWORD, "viewer": PASSWORD}, acls=True)


@pytest.fixture(scope="module")
def broker(login: Login) -> Iterator[Broker]:
    """Without topics."""
    with Broker(login=login) as running:
        yield running


def settings(login: Login, user: str) -> dict[str, str]:
    kafka = {
        "BOOTSTRAP_SERVERS": f"127.0.0.1:{login.port}",
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SSL_CAFILE": str(login.certificate),
        "SASL_MECHANISM": "SCRAM-SHA-512",
        "SASL_USERNAME": user,
        "SASL_PASSWORD": PASSWORD,
        "TOPICS__PARTITIONS": "4",
    }
    return {"NODE_NAME": user, **{f"KAFKA__{name}": value for name, value in kafka.items()}}


def prepare(broker: Broker, login: Login, user: str, roles: str, programs: tuple[str, ...] = tuple(PROGRAMS)) -> None:
    """As an administrator does: run what is printed, or what of it is for these programs."""
    administrator = {**settings(login, user), "KAFKA__BOOTSTRAP_SERVERS": broker.address}
    done = livesight("topics", "--roles", roles, **administrator)
    assert done.returncode == 0, done.stderr
    commands = [shlex.split(line) for line in done.stdout.splitlines()]
    jars = apache_kafka()
    with ThreadPoolExecutor(2) as pool:
        wanted = [jars.command(PROGRAMS[name], *rest) for name, *rest in commands if name in programs]
        assert wanted
        list(pool.map(run, wanted))


def ready(service: LivesightProcess) -> bool:
    return bool(service.get_json("/health")["ready"] == {"status": "ready", "reasons": [], "notes": []})


@pytest.mark.timeout(400)
def test_what_it_prints_is_what_a_user_needs(broker: Broker, login: Login) -> None:
    """One process with all roles, and one that only shows, each as a user with nothing but what was printed."""
    prepare(broker, login, "station", "node,api,monitor")
    prepare(broker, login, "viewer", "api", ("kafka-acls.sh",))  # its topics are there
    with LivesightProcess(command="demo", settings=settings(login, "station")) as service:
        service.wait_for(lambda: ready(service), TIMEOUT_S, "readiness without complaint")
        assert broker.read(DETECTIONS, 5) and broker.read(EVENTS, 1)
        with LivesightProcess(["--roles", "api"], settings(login, "viewer")) as viewer:
            viewer.wait_for(lambda: ready(viewer), TIMEOUT_S, "readiness without complaint")
            viewer.wait_for(lambda: viewer.get_json("/v1/streams")["streams"], TIMEOUT_S, "stream of the other")
