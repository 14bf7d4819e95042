"""What lists, sockets, counts, metrics and readiness show to principals that may see some streams only."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from api.http.result_hub import ResultHub
from api.http.viewer_queue import ViewerQueue
from api.routes.streams import without_addresses
from api.settings import ApiSettings
from tests.api.conftest import Service
from tests.api.waiting import eventually
from tests.api.with_accounts import FOREIGN, MINE, Answer, accounted, ask, knock
from workers.access.principal import StreamScope
from workers.bus.message_bus import DETECTIONS, LocalBus, Message


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with accounted(tmp_path_factory.mktemp("state")) as service:
        yield service


def get(service: Service, path: str, key: str) -> Any:
    answer = httpx.get(service.url + path, headers={"x-api-key": key})
    assert answer.is_success, answer.text
    return answer.json()


def test_streams_of_others_are_not_there(service: Service) -> None:
    assert [one["id"] for one in get(service, "/v1/streams", "viewer *")["streams"]] == [FOREIGN, MINE]
    assert [one["id"] for one in get(service, "/v1/streams", f"viewer {MINE}")["streams"]] == [MINE]
    assert get(service, f"/v1/streams/{MINE}", f"viewer {MINE}")["id"] == MINE
    with httpx.Client(base_url=service.url) as http:
        for stream_id in (FOREIGN, "never-was"):
            for what in ("", "/snapshot.jpg", "/mjpeg"):
                answer = http.get(f"/v1/streams/{stream_id}{what}", headers={"x-api-key": f"viewer {MINE}"})
                assert (answer.status_code, answer.json()["detail"]) == (404, f"stream {stream_id} does not exist")


async def test_where_a_camera_is_concerns_who_may_change_it(service: Service) -> None:
    def last_error() -> str | None:
        return service.node.streams.view(MINE).last_error

    await eventually(lambda: "127.0.0.1" in (last_error() or ""))
    for key in ("admin *", f"admin {MINE}"):
        shown = get(service, f"/v1/streams/{MINE}", key)
        assert shown["url"].startswith("http://127.0.0.1:9/") and "127.0.0.1" in shown["last_error"]
    for key in ("operator *", f"viewer {MINE}"):
        shown = get(service, f"/v1/streams/{MINE}", key)
        assert shown["url"] is None and shown["last_error"].startswith("the camera: ")
        assert "127.0.0.1" not in json.dumps(shown)
        assert "127.0.0.1" not in json.dumps(get(service, "/v1/streams", key))


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("rtsp://10.0.0.5/x: Connection refused", "the camera: Connection refused"),
        ("no answer from 10.0.0.5:554 for 5.0 s", "no answer from the camera for 5.0 s"),
        ("10.0.0.5 is not in stream.networks", "the camera is not in stream.networks"),
        ("[fd00::5]:554: refused", "the camera: refused"),
        ("no route to fd00::12:5.", "no route to the camera."),
        ("Door.lan:554: Name or service not known", "the camera: Name or service not known"),
        ("door.lan does not resolve; outdoor.lan does", "the camera does not resolve; outdoor.lan does"),
        (
            "at 12:30:05 libav 61.3.100 said 404: a frame of 1.5 MB",
            "at 12:30:05 libav 61.3.100 said 404: a frame of 1.5 MB",
        ),
    ],
)
def test_no_spelling_of_an_address_is_shown(reason: str, shown: str) -> None:
    assert without_addresses(reason, "rtsp://door.lan:554/main") == shown


def test_no_stream_is_made_outside_of_ones_patterns(service: Service) -> None:
    body = b'{"id": "%s", "url": "rtsp://127.0.0.1:9/x", "models": ["number"]}'
    with httpx.Client(base_url=service.url) as http:
        for stream_id in (FOREIGN, "never-was"):
            refused = ask(http, "POST", "/v1/streams", f"admin {MINE}", body % stream_id.encode())
            assert refused == Answer(403, "forbidden"), "whether it exists or not"
            for path in (f"/v1/streams/{stream_id}/whip", f"/v1/streams/{stream_id}/whip/1"):
                method = "DELETE" if path.endswith("1") else "POST"
                assert ask(http, method, path, f"operator {MINE}") == Answer(403, "forbidden")
            pushed = knock(f"{service.ws}/v1/streams/{stream_id}/frames", f"operator {MINE}")
            assert pushed == Answer(403, "forbidden")
        assert ask(http, "POST", "/v1/streams", f"admin {MINE}", body % MINE.encode()) == Answer(409, "stream-exists")
    assert not service.node.streams.runs("never-was")


async def test_all_results_are_those_of_ones_streams(service: Service) -> None:
    def headers(key: str) -> dict[str, str]:
        return {"x-api-key": key}

    async with (
        connect(f"{service.ws}/v1/detections", additional_headers=headers(f"viewer {MINE}")) as some,
        connect(f"{service.ws}/v1/detections", additional_headers=headers("viewer *")) as every,
    ):
        await eventually(lambda: service.context.hub.viewers(MINE) == 2)
        assert service.context.hub.viewers(FOREIGN) == 1, "who may not see it does not count"
        for stream_id in (FOREIGN, MINE, FOREIGN):
            value = json.dumps({"stream_id": stream_id}).encode()
            service.bus.publish(Message(DETECTIONS, stream_id, value, (), 0.0))
        seen = [json.loads(await asyncio.wait_for(every.recv(), 10))["stream_id"] for _ in range(3)]
        assert seen == [FOREIGN, MINE, FOREIGN]
        assert json.loads(await asyncio.wait_for(some.recv(), 10))["stream_id"] == MINE
        service.bus.publish(Message(DETECTIONS, MINE, b'{"stream_id": "last"}', (), 0.0))
        assert json.loads(await asyncio.wait_for(some.recv(), 10))["stream_id"] == "last"
    await eventually(lambda: service.context.hub.viewers(MINE) == 0)


def test_results_of_streams_by_name_are_refused_where_one_is_not_seen(service: Service) -> None:
    socket = f"{service.ws}/v1/detections?stream={MINE}"
    assert knock(socket, f"viewer {MINE}") == Answer(101)
    assert knock(f"{socket}&stream={FOREIGN}", f"viewer {MINE}") == Answer(404, "stream-unknown")
    assert knock(f"{socket}&stream={FOREIGN}", "viewer *") == Answer(101)
    assert knock(f"{service.ws}/v1/streams/{FOREIGN}/detections", f"viewer {MINE}") == Answer(404, "stream-unknown")


def test_refused_sockets_write_no_errors(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for key in (None, "unknown", f"viewer {FOREIGN}"):
            assert knock(f"{service.ws}/v1/streams/{MINE}/video", key).status in (401, 404)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_metrics_have_ones_streams_only(service: Service) -> None:
    def streams(key: str) -> set[str]:
        text = httpx.get(f"{service.url}/metrics", headers={"x-api-key": key}).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        assert "livesight_viewers" in {sample.name for sample in samples}
        return {sample.labels["stream"] for sample in samples if "stream" in sample.labels}

    assert {MINE, FOREIGN} <= streams("metrics *")
    for key in (f"metrics {MINE}", f"admin {MINE}"):
        assert streams(key) == {MINE}


def test_readiness_tells_strangers_no_reasons(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.bus, "problems", lambda: ["camera foreign at 10.0.0.9 is away"])
    assert get(service, "/readyz", "viewer *")["reasons"] == ["camera foreign at 10.0.0.9 is away"]
    assert get(service, "/health", "viewer *")["node"] == "test"
    for headers in ({}, {"x-api-key": f"viewer {MINE}"}, {"x-api-key": "metrics *"}):
        readiness = httpx.get(f"{service.url}/readyz", headers=headers)
        assert readiness.json() == {"status": "degraded", "reasons": [], "notes": []}
        assert httpx.get(f"{service.url}/health", headers=headers).json() == {
            "live": {"status": "ok"},
            "ready": {"status": "degraded", "reasons": [], "notes": []},
            "node": None,
        }


async def test_a_scope_is_asked_once_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many results and viewers there are."""
    asked: list[str] = []
    contains = StreamScope.__contains__
    monkeypatch.setattr(StreamScope, "__contains__", lambda scope, key: asked.append(key) or contains(scope, key))
    bus = LocalBus()
    hub = ResultHub(bus, ApiSettings())
    hub.start()
    queues = [ViewerQueue(1000) for _ in range(50)]
    contexts = [hub.attached(queue, StreamScope(("mi*",))) for queue in queues]
    for context in contexts:
        context.__enter__()
    for _ in range(20):
        for stream_id in (MINE, FOREIGN):
            bus.publish(Message(DETECTIONS, stream_id, b"{}", (), 0.0))
    for queue in queues:
        assert [(await asyncio.wait_for(queue.take(), 10)).stream_id for _ in range(20)] == [MINE] * 20
    assert sorted(asked) == [FOREIGN, MINE]
    for context in contexts:
        context.__exit__(None, None, None)
    bus.publish(Message(DETECTIONS, "one-more", b"{}", (), 0.0))
    await asyncio.sleep(0)  # the loop hands over what came until now
    await asyncio.sleep(0)
    hub.close()
    assert len(asked) == 2, "who has left costs nothing"
