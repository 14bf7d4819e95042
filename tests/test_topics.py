"""`livesight topics`: what Kafka's own tools are told is what a user without rights needs."""

from __future__ import annotations

from pathlib import Path

from tests.test_cli import livesight

BROKER = "broker.example:9092"


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
