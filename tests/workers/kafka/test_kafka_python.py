"""What Livesight uses of kafka-python's inside is there; a kafka-python that has changed is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import kafka
import pytest

from tests.peers.kafka import Broker
from workers.errors import BusError
from workers.kafka import kafka_python
from workers.kafka.client import open_admin, open_consumer, open_producer
from workers.kafka.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[3]
PRIVATE = re.compile(r"\b(?:consumer|producer|client|admin)\._(?:coordinator|manager|net|sender)\b")

pytestmark = pytest.mark.usefixtures("no_thread_left")


@pytest.fixture(scope="module")
def settings(own_broker: Broker) -> KafkaSettings:
    own_broker.empty()
    return KafkaSettings(bootstrap_servers=(own_broker.address,))


def test_all_that_is_used_is_there(settings: KafkaSettings) -> None:
    """Fails when upstream moves. Each client is checked as it is opened."""
    producer = open_producer(settings)
    assert producer.throttled_s == 0
    assert producer.abandon(5)
    member = open_consumer(settings, {"group_id": "nodes"})
    assert kafka_python.consumer_throttled_s(member) == 0
    assert kafka_python.heartbeat_times(member)
    member.close()
    open_consumer(settings).close()
    open_admin(settings).close()


def test_another_version_is_refused(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "__version__", "3.1.0")
    with pytest.raises(BusError, match=r"kafka-python 3\.0\.x is needed, 3\.1\.0 is installed"):
        open_producer(settings)


def test_a_missing_attribute_is_named(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*kafka_python.MEMBER_ATTRIBUTES, "_coordinator.gone")
    monkeypatch.setattr(kafka_python, "MEMBER_ATTRIBUTES", names)
    with pytest.raises(BusError, match=r"has changed inside: _coordinator\.gone"):
        open_consumer(settings, {"group_id": "nodes"})
    open_consumer(settings).close()


def test_no_other_module_reaches_inside() -> None:
    files = [path for package in ("workers", "monitoring", "api") for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    allowed = ROOT / "workers/kafka/kafka_python.py"
    assert not [str(path) for path in files if path != allowed and PRIVATE.search(path.read_text())]
