"""TLS, SASL and what goes wrong with them: said in words, soon, and by readiness."""

from __future__ import annotations

import gc
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.peers.apache_kafka import Login
from tests.peers.certificate import make_certificate
from tests.peers.kafka import Broker, chosen
from tests.peers.ports import free_port
from tests.peers.sasl_gate import SaslGate
from tests.workers.kafka.test_kafka_bus import message, wait_until
from workers.bus.message_bus import DETECTIONS, EVENTS, LocalBus
from workers.kafka.client import open_admin
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import ALL_TOPICS, ensure_topics

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # kafka-python, of refused connections
]
USER, PASSWORD = "livesight", "s3cret"
NAMED_WITHIN_S = 15.0


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What the client left is collected here."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, as PEM."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "broker.pem")


@pytest.fixture(scope="module")
def secure_port(certificate: Path) -> Iterator[int]:
    """Where a broker wants TLS and SASL: its own on Apache Kafka, those of a gate before Tansu."""
    port = free_port()
    if chosen().jars is not None:
        with Broker(login=Login(certificate, {USER: PASSWORD}, port=port)):
            yield port
        return
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Broker(advertised_port=port) as broker, SaslGate(broker.port, USER, PASSWORD, tls, port):
        yield port


def settings(port: int, **changes: Any) -> KafkaSettings:
    quick = {"retry_s": 0.2, "request_timeout_s": 5.0, "connect_timeout_s": 5.0, "topics": {"partitions": 4}}
    return KafkaSettings.model_validate({"bootstrap_servers": f"127.0.0.1:{port}", **quick, **changes})


def secured(port: int, certificate: Path, **changes: Any) -> KafkaSettings:
    login = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": USER, "sasl_password": PASSWORD}
    return settings(port, **{"security_protocol": "SASL_SSL", "ssl_cafile": certificate, **login, **changes})


def named(options: KafkaSettings) -> str:
    """What readiness says, within the time that is promised."""
    bus = KafkaBus(options, LocalBus())
    began_s = time.monotonic()
    wait_until(bus.problems, 60)
    took_s, said = time.monotonic() - began_s, "; ".join(bus.problems())
    bus.close(0.5)
    assert took_s < NAMED_WITHIN_S
    return said


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_results_go_through_tls_and_sasl(secure_port: int, certificate: Path, mechanism: str) -> None:
    bus = KafkaBus(secured(secure_port, certificate, sasl_mechanism=mechanism), LocalBus())
    bus.publish(message(1))
    assert bus.flush(30), bus.problems()
    bus.close(5)


def test_a_wrong_password_is_named(secure_port: int, certificate: Path) -> None:
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        said = named(secured(secure_port, certificate, sasl_mechanism=mechanism, sasl_password="wrong"))
        assert "SaslAuthenticationFailed" in said
        assert f"user {USER}, {mechanism}" in said
        assert "wrong" not in said


def test_wrong_certificates_protocols_and_hosts_are_named(secure_port: int, certificate: Path, broker: Broker) -> None:
    assert "TLS: self-signed certificate" in named(secured(secure_port, certificate, ssl_cafile=None))
    assert "security_protocol PLAINTEXT right?" in named(settings(secure_port))
    assert "kafka.invalid:9092: " in named(settings(1, bootstrap_servers="kafka.invalid:9092"))
    assert "is it a TLS port?" in named(settings(broker.port, security_protocol="SSL"))


def test_topics_are_created_as_configured_and_what_is_missing_is_named(broker: Broker) -> None:
    topics = {"prefix": "site-7", "partitions": 3, "events": {"partitions": 2}}
    options = settings(broker.port, topics=topics)
    admin = open_admin(options)
    assert ensure_topics(admin, options) == {}
    everything = {found["name"]: len(found["partitions"]) for found in admin.describe_topics()}
    admin.close()
    made = {name: count for name, count in everything.items() if not name.startswith("__")}  # those are the broker's
    assert made == {name.replace("livesight", "site-7"): 2 if name == EVENTS else 3 for name in ALL_TOPICS}
    assert "topic other.events is unavailable: it does not exist or is hidden from this principal" in named(
        settings(broker.port, topics={"prefix": "other", "create": False})
    )


class Unauthorised:
    """An admin client of a broker that lets this user create nothing."""

    def list_topics(self) -> list[str]:
        return []

    def create_topics(self, topics: dict[str, Any], raise_errors: bool) -> dict[str, Any]:
        return {
            "topics": [{"name": name, "error_code": 29, "error_message": "Authorization failed."} for name in topics]
        }


def test_a_topic_that_is_not_authorised_is_named() -> None:
    refused = ensure_topics(Unauthorised(), settings(1))
    assert refused[DETECTIONS] == (
        "access denied: needs WRITE on topic livesight.detections, or CREATE if there is no such topic "
        "(see `livesight topics`)"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"security_protocol": "SASL_SSL"}, "needs sasl_mechanism, sasl_username, sasl_password"),
        ({"sasl_mechanism": "PLAIN"}, "sasl_mechanism needs security_protocol"),
        ({"security_protocol": "SSL", "ssl_cafile": "/nowhere/ca.pem"}, "there is no file /nowhere/ca.pem"),
        ({"topics": {"streams": {"cleanup": "compact", "retention_s": 5}}}, "a compacted topic has no retention_s"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(1, **changes)
