"""Alerts where camera and monitor are processes of their own: over Kafka, in PostgreSQL, the clip asked over HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.monitoring.alerts.test_service import FAST, RULE
from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess
from tests.peers.postgres import Postgres
from tests.peers.webhook import WebhookServer
from workers.bus.result import FrameResult
from workers.model_card import CARD_FILE, ModelStore, shipped_models_dir

pytestmark = pytest.mark.timeout(300)

KEY, GUEST = "admin-0123456789-0123456789-0123456789", "guest-0123456789-0123456789-0123456789"


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """A key that may see another camera only."""
    path = tmp_path / "keys.yaml"
    digest = hashlib.sha256(GUEST.encode()).hexdigest()
    grants = [{"role": "viewer", "streams": ["yard"]}]
    path.write_text(json.dumps({"keys": [{"name": "guest", "hash": f"sha256:{digest}", "grants": grants}]}))
    return path


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """The detector that ships, with words of its own: on the node's disk, not on the monitor's."""
    shipped = ModelStore([shipped_models_dir()]).folder("mask")
    folder = shutil.copytree(shipped, tmp_path / "models" / "mask" / shipped.name)
    card = json.loads((folder / CARD_FILE).read_text())
    guest = {"one": "a guest of ours", "many": "guests of ours"}
    (folder / CARD_FILE).write_text(json.dumps(card | {"words": dict.fromkeys(card["classes"], guest)}))
    return tmp_path / "models"


def test_an_alert_and_its_clip_come_from_another_process(
    postgres: Postgres, keys_file: Path, models_dir: Path, broker: Broker
) -> None:
    """Node, api and monitor apart, with accounts: who has a key asks the api, which asks the others in their name."""
    database = postgres.emptied()
    with WebhookServer() as hook:
        shared = {
            **broker.settings,
            "AUTH__MODE": "accounts",
            "AUTH__API_KEYS_ROLE": "admin",
            "CLUSTER__SECRET": "secret-0123456789-0123456789-abcdef",
        }
        watching = {
            **shared,
            "NODE_NAME": "watch",
            "MONITORING__DATABASE_URL": database,
            "MONITORING__RULES": json.dumps([RULE]),
            "MONITORING__ALERTS__TARGETS": json.dumps([{"type": "webhook", "name": "ops", "url": hook.url, **FAST}]),
            "MONITORING__ALERTS__CLIP_BEFORE_S": "1",
            "MONITORING__ALERTS__CLIP_AFTER_S": "1",
        }
        asked = {**shared, "NODE_NAME": "door", "AUTH__DATABASE_URL": database, "AUTH__KEYS_FILE": str(keys_file)}
        known = {"API_KEYS": KEY}
        streams = json.dumps([{"id": "demo", "url": "demo:", "max_fps": 10}])
        seeing = {**shared, "NODE_NAME": "eye", "WORKERS__MODELS_DIR": str(models_dir), "STREAMS": streams}
        eye = LivesightProcess(["--roles", "node"], seeing)
        door = LivesightProcess(["--roles", "api"], asked, environment=known)
        watch = LivesightProcess(["--roles", "monitor"], watching)
        with ExitStack() as stack:
            for process in (eye, door, watch):
                stack.push(process)
            with ThreadPoolExecutor() as all_of_them:
                list(all_of_them.map(LivesightProcess.start, (eye, door, watch)))
            hook.wait_for(lambda: hook.accepted, 90)
            assert hook.accepted[0]["text"].startswith("demo: A guest of ours "), "in the words of the node's card"
            admin = stack.enter_context(httpx.Client(base_url=door.url, headers={"x-api-key": KEY}, timeout=30))
            guest = stack.enter_context(httpx.Client(base_url=door.url, headers={"x-api-key": GUEST}, timeout=30))

            def with_clip() -> Any:
                found = admin.get("/v1/alerts").raise_for_status().json()["alerts"]
                return next((one for one in found if one["clip"] == "kept"), None)

            alert = door.wait_for(with_clip, 60, "an alert with a clip")
            assert alert["id"] == hook.accepted[0]["id"] and alert["node"] == "eye"
            shown = admin.get(f"/v1/alerts/{alert['id']}/clip", follow_redirects=True).raise_for_status()
            with av.open(io.BytesIO(shown.content), "r") as clip:
                assert sum(1 for _ in clip.decode(video=0)) >= 20
            beside = admin.get(f"{alert['clip_url']}/results").raise_for_status()
            first_us = int(beside.headers["x-livesight-from-us"])
            results = [FrameResult.model_validate_json(line) for line in beside.text.splitlines()]
            assert {(one.session, one.node) for one in results} == {(alert["session"], "eye")}
            assert all(0 <= one.pts_us - first_us <= 4_000_000 for one in results)
            assert alert["pts_us"] in {one.pts_us for one in results}, "what raised it is among them"
            assert admin.get("/v1/streams/demo/snapshot.jpg").raise_for_status().content.startswith(b"\xff\xd8")
            with live(door, "/v1/streams/demo/detections", KEY) as results:
                assert json.loads(results.recv(30))["node"] == "eye"
            with live(door, "/v1/streams/demo/video", KEY) as video:
                assert "codec" in json.loads(video.recv(30))
            listed = admin.get("/v1/models").raise_for_status().json()["models"]
            assert "guests of ours" in [one["words"]["with_mask"]["many"] for one in listed if one["chosen"]]
            only_own(guest)
            for other in (eye, watch):
                assert httpx.get(f"{other.url}/v1/streams/demo/snapshot.jpg", timeout=30).status_code == 401
            for process in (eye, door, watch):
                code, seconds = process.stop()
                assert code == 0 and seconds < 10


def live(process: LivesightProcess, path: str, key: str) -> ClientConnection:
    """A socket of a client with that key."""
    return connect(process.ws_url + path, additional_headers={"x-api-key": key}, proxy=None, open_timeout=30)


def only_own(guest: httpx.Client) -> None:
    """A viewer of another camera sees nothing of this one, wherever it is answered."""
    assert guest.get("/v1/alerts").raise_for_status().json()["alerts"] == []
    assert guest.get("/v1/streams").raise_for_status().json()["streams"] == []
    for path in ("/v1/streams/demo/snapshot.jpg", "/v1/streams/none/snapshot.jpg", "/v1/streams/demo/mjpeg"):
        assert guest.get(path).status_code == 404, path
    assert httpx.get(f"{guest.base_url}/v1/streams/demo/snapshot.jpg", timeout=30).status_code == 401
