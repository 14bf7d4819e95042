"""The tests' own broker: which version it is, that it is emptied between tests, and that none outlives its test run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml
from kafka import KafkaProducer

from tests.peers.kafka import Broker, chosen
from tests.peers.kafka_jars import Unavailable, find, wanted_version

ROOT = Path(__file__).resolve().parents[1]
STARTER = """
import sys, time
from tests.peers.kafka import Broker
broker = Broker()
broker.start()
print(broker._process.pid, broker._server.folder or "", flush=True)
time.sleep(600)
"""


def test_compose_runs_the_version_that_is_tested() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert services["kafka"]["image"] == f"apache/kafka:{wanted_version()}"


def test_an_emptied_broker_has_no_topics(broker: Broker) -> None:
    for _ in range(2):
        broker.create_topic("numbers", 2)
        producer = KafkaProducer(bootstrap_servers=broker.address, acks="all")
        producer.send("numbers", b"1", key=b"k").get(30)
        producer.close()
        assert len(broker.read("numbers", 1)) == 1
        broker.empty()
        with broker.admin() as admin:
            assert "numbers" not in admin.list_topics()


def test_a_broker_ends_with_the_process_that_started_it() -> None:
    """However that ends: here it is killed, as pytest may be."""
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout is not None
        pid, _, folder = starter.stdout.readline().strip().partition(" ")
        process = psutil.Process(int(pid))
        assert process.is_running() and (not folder or Path(folder).is_dir())
        starter.send_signal(signal.SIGKILL)
    process.wait(30)
    assert not process.is_running()


def test_who_insists_on_apache_kafka_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Unavailable, match="there is no Java"):
        find.__wrapped__()
    (tmp_path / "java").symlink_to("/bin/true")
    with pytest.raises(Unavailable, match="there is no Maven to fetch it with, and KAFKA_HOME is not set"):
        find.__wrapped__()
    (tmp_path / "mvn").symlink_to("/bin/false")
    with pytest.raises(Unavailable, match="mvn: ended with 1"):
        find.__wrapped__()
    monkeypatch.setenv("TEST_BROKER", "rabbit")
    with pytest.raises(Unavailable, match="TEST_BROKER=rabbit: it is kafka or tansu"):
        chosen.__wrapped__()
