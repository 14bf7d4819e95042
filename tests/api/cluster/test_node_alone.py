"""A node by itself, with accounts and no database: it believes the other processes of its cluster, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.auth.access_control import AccessControl
from api.auth.settings import AuthSettings
from api.settings import ApiSettings
from api.video.clip_cutter import process_identity
from stream.config import StreamConfig, StreamSettings
from tests.api.cluster.conftest import PEOPLE, SECRET
from tests.peers.number_engine import NumberEngine
from tests.peers.ports import free_port
from workers.access.assertion import Assertions
from workers.access.cluster_keys import ClusterKeys
from workers.bus.message_bus import LocalBus
from workers.cluster.cluster import Cluster, Member
from workers.cluster.settings import ClusterSettings
from workers.cluster.trust import LOOPBACK, ClusterTrust
from workers.engines.hot_swap import EngineSlot
from workers.kafka.settings import KafkaSettings
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings

API = Assertions(ClusterKeys([SECRET]), "api-1")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """It runs the streams `door` and `yard`, whose camera is away."""
    kafka = KafkaSettings(bootstrap_servers=(f"127.0.0.1:{free_port()}",), connect_timeout_s=0.5)
    trust = ClusterTrust(ClusterKeys([SECRET]), LOOPBACK, unsigned=False)
    cluster = Cluster(kafka, ClusterSettings(), Member("node-1", "http://127.0.0.1:1", None), trust)
    bus = LocalBus()
    own = NodeSettings("node-1", WorkerSettings(threads=1), StreamSettings(), tmp_path)
    runs = Node(own, ModelStore([]), bus)
    runs.models.slots["mask"] = EngineSlot(NumberEngine())
    runs.start(())
    for name in ("door", "yard"):
        url = f"rtsp://127.0.0.1:{free_port()}/"
        runs.streams.add(StreamConfig(id=name, url=url, models=("mask",)))
    access = AccessControl(AuthSettings(mode="accounts"), tmp_path, roles=("node",))
    app = create_app(runs, bus, ApiSettings(), ("node",), cluster, access=access)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client
    await app.state.node_client.aclose()
    runs.close()
    cluster.close(2)


async def test_nobody_else_gets_anything(node: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/v1/streams/door/snapshot.jpg"),
        ("GET", "/v1/streams/none/snapshot.jpg"),
        ("POST", "/v1/streams/door/clips"),
        ("POST", "/v1/predict"),
        ("GET", "/v1/models"),
        ("GET", "/metrics"),
    ):
        for headers in ({}, {"x-livesight-via": "1"}, {"x-livesight-assertion": "x"}, {"cookie": "a=b"}):
            answer = await node.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path, headers)
    assert (await node.get("/healthz")).status_code == 200


async def test_whoever_is_asserted_may_do_what_they_may(node: httpx.AsyncClient) -> None:
    for name, door, yard in (("anna", 503, 404), ("otto", 503, 503)):
        for stream, status in (("door", door), ("yard", yard)):
            path = f"/v1/streams/{stream}/snapshot.jpg"
            answer = await node.get(path, headers=API.headers(PEOPLE[name], "node-1", "GET", path))
            assert answer.status_code == status, answer.text


async def test_the_monitor_may_have_the_clip_that_it_asks_for_and_no_more(node: httpx.AsyncClient) -> None:
    path, wanted = "/v1/streams/door/clips", {"from_us": 0, "to_us": 1}
    monitor = Assertions(ClusterKeys([SECRET]), "monitor-1")
    clip = await node.post(path, json=wanted, headers=process_identity(monitor, "node-1", path, "door"))
    assert clip.json()["type"] == "urn:livesight:problem:clip-unavailable", "the camera has sent nothing yet"
    beside = "/v1/streams/door/results?from_us=0&to_us=1"
    results = await node.get(beside, headers=process_identity(monitor, "node-1", beside, "door", "GET"))
    assert (results.status_code, results.text) == (200, "")
    other = "/v1/streams/yard/clips"
    elsewhere = await node.post(other, json=wanted, headers=process_identity(monitor, "node-1", other, "door"))
    assert elsewhere.json()["type"] == "urn:livesight:problem:stream-unknown"
    reused = await node.post(other, json=wanted, headers=process_identity(monitor, "node-1", path, "door"))
    assert reused.status_code == 401
