"""Apache Kafka itself in KRaft mode: one server as a process of its own, on loopback, in a temporary folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from tests.peers.kafka_jars import Jars, made_once
from tests.peers.ports import free_port

STARTED = "Kafka Server started"
START_S = 60.0


@dataclass(frozen=True)
class Login:
    """A second listener, with TLS and SASL (PLAIN, SCRAM). Who comes by the first one, without, may do anything.

    certificate: PEM of a key and its certificate. acls: whether users may do only what they were given.
    """

    certificate: Path
    users: Mapping[str, str]
    acls: bool = False
    port: int = field(default_factory=free_port)


@dataclass(frozen=True)
class Membership:
    """Which one of a cluster it is. `controllers`: of all members, node id → port."""

    node_id: int
    controllers: Mapping[int, int]


class ApacheKafka:
    """The server behind a `Broker`: a cluster of its own, unless it is a member of one."""

    def __init__(
        self,
        jars: Jars,
        port: int,
        advertised_port: int | None = None,
        login: Login | None = None,
        membership: Membership | None = None,
    ) -> None:
        self._jars = jars
        self._login = login
        membership = membership or Membership(1, {1: free_port()})
        self._node_id = membership.node_id
        self._members = dict(membership.controllers)
        self.folder = Path(tempfile.mkdtemp(prefix="livesight-kafka-"))
        self._log = self.folder / "log"
        properties = self._properties(port, advertised_port or port)
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.folder / "server.properties").write_text("".join(lines))
        self._removal = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def spawn(self, empty: bool) -> subprocess.Popen[bytes]:
        """Start it, with what it had or with nothing."""
        data = self.folder / "data"
        if empty or not data.exists():
            shutil.rmtree(data, ignore_errors=True)
            users = {} if self._login is None else self._login.users
            shutil.copytree(self._jars.formatted(self._node_id, users), data)
        write_archive(self._jars)
        return self._run(self._jars.command("kafka.Kafka", str(self.folder / "server.properties")))

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it says that it has started. Raises TimeoutError with its log."""
        deadline_s = time.monotonic() + START_S
        while STARTED not in (text := self._log.read_text(errors="replace")):
            if time.monotonic() > deadline_s or process.poll() is not None:
                raise TimeoutError(f"Apache Kafka does not start: {text[-4000:]}")
            time.sleep(0.02)

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)

    def _properties(self, port: int, advertised_port: int) -> dict[str, object]:
        copies = min(3, len(self._members))
        found: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": self._node_id,
            "controller.quorum.voters": ",".join(f"{node}@127.0.0.1:{at}" for node, at in self._members.items()),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{self._members[self._node_id]}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{advertised_port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LOGIN:SASL_SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.folder / "data",
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "auto.create.topics.enable": "false",  # as in docker-compose.yml
            "group.initial.rebalance.delay.ms": 0,
        }
        elections = _QUICK_ELECTIONS if copies > 1 else {}
        return {**found, **_SMALL, **elections, **self._login_properties(found)}

    def _login_properties(self, found: Mapping[str, object]) -> dict[str, object]:
        if self._login is None:
            return {}
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        users = " ".join(f'user_{name}="{password}"' for name, password in self._login.users.items())
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        login = {
            "listeners": f"{found['listeners']},LOGIN://127.0.0.1:{self._login.port}",
            "advertised.listeners": f"{found['advertised.listeners']},LOGIN://127.0.0.1:{self._login.port}",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.login.plain.sasl.jaas.config": f"{plain} {users};",
            "listener.name.login.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.login.scram-sha-512.sasl.jaas.config": scram,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._login.certificate,
        }
        acls = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        return {**login, **(acls if self._login.acls else {})}


# What a broker for a few clients needs of threads, memory and files.
_SMALL = {
    "num.network.threads": 1,
    "num.io.threads": 2,
    "num.replica.fetchers": 1,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.num.partitions": 1,
    "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024,
    "log.cleaner.io.buffer.size": 64 * 1024,
    "log.index.size.max.bytes": 64 * 1024,
    "metadata.max.idle.interval.ms": 0,  # no records that say nothing: idle, it uses next to no CPU
    "replica.lag.time.max.ms": 10_000,  # half of it is how often it looks at all partitions
}
# A leader that was killed is replaced after these, not after 9 s.
_QUICK_ELECTIONS = {
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1500,
}


def write_archive(jars: Jars) -> None:
    """Start a broker once, to keep its classes as Java maps them. At once when that is there."""

    def make(path: Path) -> None:
        port = free_port()
        server = ApacheKafka(jars, port)
        shutil.copytree(jars.formatted(1, {}), server.folder / "data")
        command = jars.command("kafka.Kafka", str(server.folder / "server.properties"), archive=False)
        process = server._run([command[0], f"-XX:ArchiveClassesAtExit={path}", *command[1:]])
        try:
            server.wait(process)
            _exercise(f"127.0.0.1:{port}")
            process.terminate()
            process.wait(START_S)
        finally:
            process.kill()
            process.wait()

    made_once(jars.archive, make)


def _exercise(address: str) -> None:
    """What clients have it do: make, write, read (in a group) and remove a topic. Its classes are archived too."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    producer = KafkaProducer(bootstrap_servers=address, compression_type="gzip", enable_idempotence=False)
    consumer = KafkaConsumer("t", bootstrap_servers=address, group_id="g", auto_offset_reset="earliest")
    try:
        admin.create_topics([NewTopic("t", num_partitions=2, replication_factor=1)])
        for _ in range(2):
            producer.send("t", b"value").get(30)
        deadline_s = time.monotonic() + 30
        while not consumer.poll(timeout_ms=100) and time.monotonic() < deadline_s:
            pass
        consumer.commit()
        admin.describe_topics()
        admin.delete_topics(["t"])
    finally:
        for client in (consumer, producer, admin):
            client.close()
