"""Alerts of a real service: a demo camera, a rule, a webhook and a broker, kill -9 while nobody takes them."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import av
import pytest

from tests.peers.livesight_process import LivesightProcess
from tests.peers.mosquitto import Listener, Mosquitto
from tests.peers.webhook import WebhookServer

pytestmark = pytest.mark.timeout(300)

RULE = {"name": "somebody", "when": {"type": "seen"}, "severity": "critical", "cooldown_s": 1}
FAST = {"timeout_s": 2, "retry_min_s": 0.1, "retry_max_s": 0.5}


def settings(hook: WebhookServer, broker: Mosquitto) -> dict[str, str]:
    """One rule, two targets, short clips."""
    targets = [
        {"type": "webhook", "name": "ops", "url": hook.url, "secret": "a secret of the tests", **FAST},
        {"type": "mqtt", "name": "home", "host": "127.0.0.1", "port": broker.port, **FAST},
    ]
    return {
        "STREAMS": json.dumps([{"id": "demo", "url": "demo:", "max_fps": 5}]),
        "MONITORING__RULES": json.dumps([RULE]),
        "MONITORING__ALERTS__TARGETS": json.dumps(targets),
        "MONITORING__ALERTS__CLIP_BEFORE_S": "1",
        "MONITORING__ALERTS__CLIP_AFTER_S": "1",
    }


def post(service: LivesightProcess, path: str) -> Any:
    """The JSON of a POST."""
    request = urllib.request.Request(service.url + path, b"{}", {"content-type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_alerts_of_a_camera_survive_a_kill_and_arrive_once(tmp_path: Path) -> None:
    with WebhookServer() as hook, Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        hook.answer = 500
        state = tmp_path / "state"
        first = LivesightProcess((), settings(hook, broker), state_dir=state)
        with first:
            hook.wait_for(lambda: len(hook.received) >= 2, 120)
            listener.wait_for(1)
            (alert, *_) = first.get_json("/v1/alerts?state=open")["alerts"]
            assert alert["rule"] == "somebody" and alert["stream_id"] == "demo" and alert["track_id"] is not None
            states = {one["target"]: one["state"] for one in alert["deliveries"]}
            assert states == {"ops": "waiting", "home": "delivered"}
            first.wait_for(lambda: "ops" in str(first.get_json("/readyz")["reasons"]), 30, "a reason in readiness")
            assert first.metric("livesight_alert_deliveries_total", target="ops", outcome="failed") >= 2
            with pytest.raises(urllib.error.HTTPError) as broken:
                post(first, "/v1/alerts/test/ops")
            assert broken.value.code == 502 and b"answered 500" in broken.value.read()
            first.kill()
        assert hook.accepted == []
        hook.answer = 200
        with LivesightProcess((), settings(hook, broker), state_dir=state) as service:
            hook.wait_for(lambda: hook.accepted, 60)
            assert hook.accepted[0]["id"] == alert["id"], "the oldest first"
            assert post(service, f"/v1/alerts/{alert['id']}/acknowledge")["acknowledged_at_ns"]

            def with_clip() -> Any:
                found = service.get_json("/v1/alerts?limit=20")["alerts"]
                return next((one for one in found if one["clip_url"] and one["clip"] == "kept"), None)

            shown = service.wait_for(with_clip, 60, "an alert with a clip")
            data = service.get(f"/v1/alerts/{shown['id']}/clip")
            with av.open(io.BytesIO(data), "r") as clip:
                frames = sum(1 for _ in clip.decode(video=0))
            assert frames >= 20, "a second before, a second after"
            code, seconds = service.stop()
            assert code == 0 and seconds < 10
        ids = [one["id"] for one in hook.accepted]
        assert len(ids) == len(set(ids)), "none twice"
        times = [one["data"]["captured_at_ns"] for one in hook.accepted if one["type"] == "alert"]
        assert times == sorted(times)
