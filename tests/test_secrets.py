"""Secrets in addresses of cameras reach nothing that leaves: events, CSV, report, alerts, Kafka, commands, logs.

Nor are they in plain text in anything that is stored: the state directory, and what Kafka has of a camera.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from stream.config import StreamConfig
from tests.peers.kafka import Broker
from tests.peers.livesight_process import ROOT, LivesightProcess
from tests.peers.ports import free_port
from tests.peers.webhook import WebhookServer
from tests.workers.secrets.test_secret_commands import NEW, OLD, Location, run
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.stream_spec import read_spec
from workers.kafka.settings import KafkaSettings
from workers.secrets.keys import KeyMaterial, SecretKeys
from workers.secrets.settings import SecretSettings

pytestmark = pytest.mark.timeout(300)

SECRET = "hunter2"
FORMS = (
    "rtsp://admin:hunter2@{}/x",
    "rtsps://hunter2@{}/x",
    "rtsp://admin:p@hunter2@{}/x",
    "rtsp://admin:p%23hunter2@{}/x",
    "rtsp://{}/user=admin_password=hunter2_channel=1_stream=0.sdp",
    "rtsp://{}/live/hunter2/1",
    "rtsp://{}/hunter2-9f8a7b",
    "rtsp://{}/x?pswd=hunter2",
    "rtsp://{}/x?p=hunter2&channel=1",
    "rtsp://{}/x?user=admin&password=hunter2",
    "rtsp://{}/AbCdEfhunter2GhIj?enableSrtp",
    "http://admin:hunter2@{}/video",
    "http://{}/video;pwd=hunter2",
    "http://{}/video?access_token=hunter2",
    "http://{}/abcDEF-hunter2-0123",
    "http://{}/a/hunter2%40c",
    "https://{}/x?X-Amz-Signature=hunter2",
    "http://{}/x?loginuse=admin&loginpas=hunter2",
    "http://{}/cgi-bin/hunter2/mjpg",
    "http://{}/x?token=%68unter2&u=hunter2",
)
ADDED = {"id": "added", "url": f"rtsp://127.0.0.1:{free_port()}/x?token={SECRET}", "user": "admin", "password": SECRET}
READ = ("/v1/events?limit=200", "/v1/events.csv", "/v1/report?since=1d", "/v1/alerts", "/v1/streams")
READ += ("/health", "/metrics", "/v1/models", "/v1/rules")


def printed(config: Path, state: Path, *arguments: str) -> str:
    """What a command says."""
    environment = {**os.environ, "LIVESIGHT_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "livesight", *arguments, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120, check=False)
    assert "No such option" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def test_no_secret_of_an_address_leaves(tmp_path: Path, broker: Broker) -> None:
    streams = [{"id": f"cam{at}", "url": form.format(f"127.0.0.1:{free_port()}")} for at, form in enumerate(FORMS)]
    config = tmp_path / "livesight.yaml"
    with WebhookServer() as hook:
        target = {"type": "webhook", "name": "ops", "url": hook.url}
        rule = {"name": "gone", "when": {"type": "stream_down", "for_s": 0}, "severity": "critical"}
        settings = {
            "log_level": "debug",
            "streams": streams,
            "kafka": {"bootstrap_servers": broker.address},
            "secrets": {"key": OLD},
            "monitoring": {"rules": [rule], "alerts": {"targets": [target]}},
        }
        config.write_text(json.dumps(settings))
        with LivesightProcess(["--config", str(config)], state_dir=tmp_path / "state") as service:
            assert httpx.post(f"{service.url}/v1/streams", json=ADDED, timeout=60).status_code == 201
            hook.wait_for(lambda: len({body["data"]["stream_id"] for body in hook.accepted}) > len(FORMS), 90)
            told = {path: service.get(path).decode() for path in READ}
            for topic in ("livesight.events", "livesight.status"):
                records = broker.read(topic, len(FORMS), 30)
                assert len(records) >= len(FORMS), topic
                told[topic] = str(records)
            told["hooks"] = str([(one.headers, one.body) for one in hook.received])
            told["log"] = service.log(10**8)
        for command in (("doctor",), ("models", "list"), ("secrets", "status")):
            told[" ".join(command)] = printed(config, tmp_path / "state", *command)
        assert "livesight.streams: 1 with key" in told["secrets status"], told["secrets status"]
        told |= {str(path): str(path.read_bytes()) for path in (tmp_path / "state").rglob("*") if path.is_file()}
        told["livesight.streams"] = str(broker.read("livesight.streams", 2, 30))
        both = SecretSettings(key=SecretStr(NEW), older_keys=(SecretStr(OLD),))
        location = Location(tmp_path / "state", both, kafka=KafkaSettings(bootstrap_servers=(broker.address,)))
        code, told["secrets rotate"] = run(location, "rotate")
        assert code == 0, told["secrets rotate"]
        rotated = [record for record in broker.read("livesight.streams", 3, 30) if record.key == "added"]
    keys = SecretKeys([KeyMaterial(NEW.encode(), "secrets.key")])
    before, after = (read_spec("added", record.value, keys) for record in rotated)
    assert before.locked and before.version == after.version and after.stream == StreamConfig.model_validate(ADDED)
    assert SpecRegistry(tmp_path / "state", keys=keys).all() == {"added": after}
    assert "livesight.streams: 1 encrypted anew" in told["secrets rotate"]
    assert "remove it from secrets.older_keys" in told["secrets rotate"]
    assert any(name.endswith("wishes.json") for name in told)
    assert all(f"cam{at}" in told["/v1/events?limit=200"] for at in range(len(FORMS)))
    assert "127.0.0.1" in told["log"] and "cam0" in told["/v1/events.csv"]
    assert [name for name, text in told.items() if SECRET in text] == []
