"""What arrives at each kind of target, by real servers: HTTP, an MQTT broker, SMTP behind Apprise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import delete

from monitoring.alerts.errors import TargetFailed, TargetUnknown
from monitoring.alerts.settings import AlertSettings
from monitoring.store.media import MediaFile
from monitoring.store.tables import events
from tests.monitoring.alerts.running_alerts import SESSION, eventually, rule, running_alerts
from tests.monitoring.boxes import kept_boxes
from tests.peers.certificate import make_certificate
from tests.peers.mailbox_server import MailServer
from tests.peers.mosquitto import Listener, Mosquitto
from tests.peers.ports import free_port
from tests.peers.webhook import WebhookServer
from workers.cli.configuration import SettingsSources, explain

pytestmark = pytest.mark.usefixtures("no_thread_left")

FAST = {"timeout_s": 2.0, "retry_min_s": 0.05, "retry_max_s": 0.3}
KEY = b"0123456789abcdef0123456789abcdef"


def signature(key: bytes, headers: dict[str, str], body: bytes) -> str:
    """What standardwebhooks.com says a receiver has to compute."""
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def test_a_webhook_carries_the_event_signed_and_named(tmp_path: Path) -> None:
    with WebhookServer() as server:
        target = {
            "type": "webhook", "name": "ops", "url": server.url, "secret": "whsec_" + base64.b64encode(KEY).decode(),
            "previous_secret": "the one until last week", "headers": {"Authorization": "Bearer abc"}, **FAST,
        }  # fmt: skip
        with running_alerts(tmp_path, targets=[target], public_url="https://cams.example/") as monitor:
            alert = monitor.raise_alert(zone="entrance", label="without_mask", count=2)
            over = monitor.end_alert(alert)
            server.wait_for(lambda: len(server.accepted) == 2)
    first, second = server.received
    assert first.headers["content-type"] == "application/json"
    assert first.headers["authorization"] == "Bearer abc"
    assert first.headers["webhook-id"] == first.headers["idempotency-key"] == first.json["id"] == str(alert.id)
    assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60
    assert first.headers["webhook-signature"].split(" ") == [
        signature(KEY, first.headers, first.body),
        signature(b"the one until last week", first.headers, first.body),
    ]
    assert first.json["schema"] == "livesight.alert/1" and first.json["type"] == "alert"
    assert first.json["data"] == json.loads(alert.to_json())
    assert first.json["links"]["clip"] == f"https://cams.example/v1/alerts/{alert.id}/clip"
    assert second.json["type"] == "alert_ended" and second.json["id"] == str(over.id)
    assert second.json["links"]["alert"].endswith(str(alert.id))


def test_who_gets_what(tmp_path: Path, database_url: str) -> None:
    """Rules name targets, targets name the least severity, and who learnt of an alert learns of its end."""
    with WebhookServer() as all_of_it, WebhookServer() as worst, WebhookServer() as begins:
        targets: list[dict[str, Any]] = [
            {"type": "webhook", "name": "all", "url": all_of_it.url, **FAST},
            {"type": "webhook", "name": "worst", "url": worst.url, "severity": "critical", **FAST},
            {"type": "webhook", "name": "begins", "url": begins.url, "ended": False, **FAST},
        ]
        with running_alerts(tmp_path, url=database_url, targets=targets) as monitor:
            monitor.rules["quiet"] = rule("quiet", targets=())
            monitor.rules["narrow"] = rule("narrow", targets=("begins", "nobody"))
            monitor.raise_alert("quiet", severity="critical")
            narrow = monitor.raise_alert("narrow")
            open_ended = monitor.raise_alert("open", severity="critical")
            monitor.end_alert(narrow)
            monitor.end_alert(open_ended)
            monitor.end_alert(open_ended)  # the same again: stored already
            last = monitor.raise_alert("last", severity="info")
            eventually(
                lambda: set(monitor.state(last)) == {"all", "begins"} and "waiting" not in str(monitor.state(last))
            )
            eventually(lambda: monitor.state(open_ended)["worst"] == ["delivered", "delivered"])

    def heard(server: WebhookServer) -> list[tuple[str, str]]:
        return [(one["type"], one["data"]["rule"]) for one in server.accepted]

    assert heard(all_of_it) == [("alert", "open"), ("alert_ended", "open"), ("alert", "last")]
    assert heard(worst) == [("alert", "open"), ("alert_ended", "open")]
    assert heard(begins) == [("alert", "narrow"), ("alert", "open"), ("alert", "last")]


def test_an_alert_and_its_end_of_one_batch(tmp_path: Path, database_url: str) -> None:
    """A monitor that catches up stores both at once; read again after retention took the events, nothing is sent."""
    with WebhookServer() as server:
        with running_alerts(
            tmp_path, url=database_url, targets=[{"type": "webhook", "name": "ops", "url": server.url, **FAST}]
        ) as monitor:
            alert = monitor.alert()
            both = [alert, monitor.end_of(alert)]
            monitor.store(both)
            server.wait_for(lambda: len(server.accepted) == 2)
            with monitor.database.write() as connection:
                connection.execute(delete(events))
            monitor.store(both)
            monitor.raise_alert()
            server.wait_for(lambda: len(server.accepted) == 3)
    assert [one["type"] for one in server.accepted] == ["alert", "alert_ended", "alert"]
    assert [one["data"]["pts_us"] for one in server.accepted] == [1_000_000, 4_000_000, 2_000_000]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mqtt_gets_them_in_order_also_after_the_broker_was_away(tmp_path: Path, qos: int) -> None:
    """Killed and started again with QoS 1 and 2; with 0, what is sent into a dead connection is lost by design."""
    with Mosquitto(tmp_path, "livesight", "a secret") as broker:
        target = {
            "type": "mqtt", "name": "home", "host": "127.0.0.1", "port": broker.port, "username": "livesight",
            "password": "a secret", "topic": "cams/{stream}/{kind}", "qos": qos, **FAST,
        }  # fmt: skip
        with running_alerts(tmp_path, targets=[target]) as monitor:
            with Listener(broker.port, ("livesight", "a secret")) as listener:
                alert = monitor.raise_alert()
                monitor.end_alert(alert)
                messages = listener.wait_for(2)
            assert [topic for topic, _ in messages] == ["cams/door/alert", "cams/door/alert_ended"]
            assert json.loads(messages[0][1])["data"] == json.loads(alert.to_json())
            if qos == 0:
                return
            broker.kill()
            monitor.raise_alert()
            eventually(lambda: monitor.alerts.queues()[0].error)
            monitor.raise_alert()
            _start_with(broker, monitor)


def _start_with(broker: Mosquitto, monitor: Any) -> None:
    """A listener that is there before the first alert comes: the broker keeps nothing for those who come later."""
    queue = monitor.alerts.queues()[0]
    really = queue.target.send

    async def not_yet(notice: Any) -> None:
        from monitoring.alerts.errors import DeliveryFailed

        raise DeliveryFailed("the test is not ready")

    queue.target.send = not_yet
    eventually(lambda: queue.error == "the test is not ready")  # no earlier try is on its way any more
    broker.start()
    with Listener(broker.port, ("livesight", "a secret")) as listener:
        queue.target.send = really
        messages = listener.wait_for(2)
    assert [json.loads(payload)["text"] for _, payload in messages] == ["Alert number 2", "Alert number 3"]


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho leaves refused ones to the collector
def test_tls_is_checked(tmp_path: Path) -> None:
    """A webhook and a broker whose certificate is trusted by configuration get it, by others they do not."""
    pem = make_certificate(tmp_path / "server.pem")
    with WebhookServer(tls=pem) as server, Mosquitto(tmp_path, tls=pem) as broker:
        hook = {"type": "webhook", "url": server.url, **FAST}
        mqtt = {"type": "mqtt", "host": "127.0.0.1", "port": broker.port, "tls": True, **FAST}
        targets = [
            {**hook, "name": "hook", "ca_file": pem},
            {**mqtt, "name": "home", "ca_file": pem},
            {**hook, "name": "wary-hook"},
            {**mqtt, "name": "wary-home"},
        ]
        with Listener(broker.port, tls=pem) as listener, running_alerts(tmp_path, targets=targets) as monitor:
            alert = monitor.raise_alert()
            server.wait_for(lambda: server.accepted)
            listener.wait_for(1)
            eventually(lambda: [monitor.state(alert)[name] for name in ("hook", "home")] == [["delivered"]] * 2)
            wary_hook, wary_home = monitor.alerts.queues()[2:]
            eventually(lambda: wary_hook.error and wary_home.error)
            assert "CERTIFICATE_VERIFY_FAILED" in str(wary_hook.error)
            assert "its certificate is not trusted" in str(wary_home.error)


def test_mqtt_a_frozen_broker_and_a_refusal(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, "livesight", "a secret") as broker:
        target = {
            "type": "mqtt", "name": "home", "host": "127.0.0.1", "port": broker.port, "username": "livesight",
            "password": "a secret", **FAST, "timeout_s": 0.5,
        }  # fmt: skip
        wrong = {**target, "name": "wrong", "password": "a guess"}
        with running_alerts(tmp_path, targets=[target, wrong]) as monitor:
            with Listener(broker.port, ("livesight", "a secret")) as listener:
                monitor.raise_alert()
                listener.wait_for(1)
                eventually(lambda: "refused the connection: Not authorized" in str(monitor.alerts.queues()[1].error))
                broker.freeze()
                late = monitor.raise_alert()
                eventually(lambda: "did not answer within 0.5 s" in str(monitor.alerts.queues()[0].error))
                broker.thaw()
                eventually(lambda: monitor.state(late)["home"] == ["delivered"])
                ids = [json.loads(payload)["id"] for _, payload in listener.wait_for(2)]
                assert ids[-1] == str(late.id)  # twice at most, by the same id: the frozen broker had it


def test_apprise_sends_a_mail_with_the_picture_and_tries_again(tmp_path: Path) -> None:
    with MailServer() as mail:
        url = f"mailto://127.0.0.1:{mail.port}?from=livesight@example.org&to=ops@example.org&mode=insecure"
        target = {"type": "apprise", "name": "mail", "url": url, **FAST}
        with running_alerts(tmp_path, targets=[target], public_url="https://cams.example") as monitor:
            jpeg = cv2.imencode(".jpg", np.full((90, 160, 3), 90, np.uint8))[1].tobytes()
            boxes = kept_boxes((0, 0, 160, 90), (7, (40, 30, 100, 80)))
            shown = MediaFile("picture", "door", SESSION, 1, time.time_ns(), "image/jpeg", 7, boxes=boxes)
            with monitor.database.write() as connection:
                monitor.media.put(connection, shown, jpeg)
            mail.refuses = True
            alert = monitor.raise_alert(track_id=7, severity="critical")
            mail.wait_for(lambda: mail.refused >= 2)
            assert "451" in str(monitor.alerts.queues()[0].error)
            mail.refuses = False
            monitor.raise_alert()
            mail.wait_for(lambda: len(mail.mails) >= 2)
    first, second = mail.mails
    assert "Critical: mask on door" in first["subject"]
    body = first.get_body(("plain", "html"))
    assert body is not None
    text = body.get_content()
    assert "Alert number 1" in text and f"https://cams.example/v1/alerts/{alert.id}" in text
    [attached] = [part.get_content() for part in first.iter_attachments()]
    seen = cv2.imdecode(np.frombuffer(attached, np.uint8), cv2.IMREAD_COLOR)
    assert seen is not None and seen.shape == (90, 160, 3)
    assert np.abs(seen[80, 50:90].astype(int) - 90).max() > 50, "the box of the track"
    assert np.abs(seen[50:70, 50:90].astype(int) - 90).max() < 20 and monitor.media.folder.exists()
    assert [path.read_bytes() for path in monitor.media.folder.glob("*/*.jpg")] == [jpeg], "stored bare"
    assert "Alert number 2" in second.as_string() and not list(second.iter_attachments())


async def test_a_target_is_tested_on_the_spot(tmp_path: Path) -> None:
    with WebhookServer() as server:
        nobody = f"mailto://user:hunter22@127.0.0.1:{free_port()}?from=b@example.org&to=a@example.org&mode=insecure"
        targets = [
            {"type": "webhook", "name": "ops", "url": server.url, **FAST},
            {"type": "apprise", "name": "mail", "url": nobody, **FAST},
        ]
        with running_alerts(tmp_path, targets=targets) as monitor:
            assert await monitor.alerts.test("ops") < 2
            assert server.accepted[0]["type"] == "test"
            server.answer = 500
            with pytest.raises(TargetFailed, match="target ops: answered 500"):
                await monitor.alerts.test("ops")
            with pytest.raises(TargetFailed) as failed:
                await monitor.alerts.test("mail")
            assert "refused" in str(failed.value) and "hunter22" not in str(failed.value)
            with pytest.raises(TargetUnknown):
                await monitor.alerts.test("pager")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"type": "webhook", "url": "ftp://files.example/x"}, "url must be http"),
        ({"type": "webhook", "url": "https://a.example", "secret": "hunter22"}, "16 bytes or more"),
        ({"type": "webhook", "url": "https://a.example", "secret": "whsec_hunter22§"}, "base64"),
        (
            {"type": "webhook", "url": "https://a.example", "ca_file": "/nowhere.pem"},
            "cannot load certificates from /nowhere.pem",
        ),
        ({"type": "webhook", "url": "https://a.example", "retry_min_s": 9, "retry_max_s": 3}, "retry_max_s"),
        ({"type": "mqtt", "host": "a.example", "topic": "cams/{camera}"}, "topic may contain"),
        ({"type": "mqtt", "host": "a.example", "topic": "cams/#"}, "nor contain"),
        ({"type": "mqtt", "host": "a.example", "password": "hunter22"}, "needs a username"),
        ({"type": "apprise", "url": "nothing://hunter22"}, "Apprise does not accept this nothing:// URL"),
        ({"type": "apprise", "url": "hunter22"}, "not an Apprise URL"),
        ({"type": "pager"}, "pager"),
    ],
)
def test_a_bad_target_is_named_and_its_secrets_are_not(
    target: dict[str, Any], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError) as refused:
        AlertSettings.model_validate({"targets": [{"name": "ops", **target}]})
    message = str(explain(refused.value, AlertSettings, SettingsSources({})))  # as the command line prints it
    assert words in message
    assert "hunter22" not in message + capfd.readouterr().err


def test_two_targets_of_a_name_are_refused() -> None:
    twice = [{"type": "mqtt", "name": "home", "host": "a"}, {"type": "mqtt", "name": "home", "host": "b"}]
    with pytest.raises(ValidationError, match="two targets are called home"):
        AlertSettings.model_validate({"targets": twice})
