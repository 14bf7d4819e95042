"""Alerts where camera and monitor are processes of their own: over Kafka, in PostgreSQL, the clip asked over HTTP."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import av
import pytest

from tests.monitoring.alerts.test_service import FAST, RULE
from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess
from tests.peers.postgres import Postgres
from tests.peers.webhook import WebhookServer

pytestmark = pytest.mark.timeout(300)


def test_an_alert_and_its_clip_come_from_another_process(postgres: Postgres) -> None:
    """The monitor tells the webhook; whoever asks the node's process is answered by the monitor."""
    with WebhookServer() as hook, Broker() as broker:
        kafka = broker.settings
        watching = {
            **kafka,
            "NODE_NAME": "watch",
            "MONITORING__DATABASE_URL": postgres.emptied(),
            "MONITORING__RULES": json.dumps([RULE]),
            "MONITORING__ALERTS__TARGETS": json.dumps([{"type": "webhook", "name": "ops", "url": hook.url, **FAST}]),
            "MONITORING__ALERTS__CLIP_BEFORE_S": "1",
            "MONITORING__ALERTS__CLIP_AFTER_S": "1",
        }
        eye = LivesightProcess(["--roles", "node,api", "--source", "demo:"], {**kafka, "NODE_NAME": "eye"})
        watch = LivesightProcess(["--roles", "monitor"], watching)
        with ExitStack() as stack:
            for process in (eye, watch):
                stack.push(process)
            with ThreadPoolExecutor() as both:
                list(both.map(LivesightProcess.start, (eye, watch)))
            hook.wait_for(lambda: hook.accepted, 90)

            def with_clip() -> Any:
                found = eye.get_json("/v1/alerts")["alerts"]
                return next((one for one in found if one["clip"] == "kept"), None)

            alert = eye.wait_for(with_clip, 60, "an alert with a clip")
            assert alert["id"] == hook.accepted[0]["id"] and alert["node"] == "eye"
            with av.open(io.BytesIO(eye.get(f"/v1/alerts/{alert['id']}/clip")), "r") as clip:
                assert sum(1 for _ in clip.decode(video=0)) >= 20
            for process in (eye, watch):
                code, seconds = process.stop()
                assert code == 0 and seconds < 10
