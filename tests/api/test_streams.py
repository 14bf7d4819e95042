"""Streams over HTTP: added, listed, changed, removed, kept; and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from stream.config import StreamSettings
from tests.api.conftest import Service, Start, running
from tests.api.push_client import encoded, pushing
from tests.api.waiting import eventually
from tests.peers.number_engine import number_in
from tests.peers.ports import free_port


def new(stream_id: str = "cam", url: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": stream_id, "url": url or f"rtsp://127.0.0.1:{free_port()}/x", "models": ["number"], **more}


async def test_added_stream_is_analysed_and_shown(service: Service, clip_url: str) -> None:
    async with service.http() as http:
        answer = await http.post("/v1/streams", json=new(url=clip_url))
        assert answer.status_code == 201
        assert answer.headers["location"] == "/v1/streams/cam"
        async with asyncio.timeout(20):
            while (shown := (await http.get("/v1/streams/cam")).json())["analysed"] < 5:
                await asyncio.sleep(0.1)
        assert shown["url"] == clip_url and shown["models"] == ["number"] and not shown["ephemeral"]
        listed = (await http.get("/v1/streams")).json()["streams"]
        assert [stream["id"] for stream in listed] == ["cam"]
        assert (await http.delete("/v1/streams/cam")).status_code == 204
        assert (await http.get("/v1/streams/cam")).status_code == 404
        assert (await http.delete("/v1/streams/cam")).status_code == 404


async def test_a_limit_is_given_changed_and_ended(service: Service, clip_url: str) -> None:
    async with service.http() as http:
        added = await http.post("/v1/streams", json=new(url=clip_url, max_fps=5))
        assert added.status_code == 201 and added.json()["max_fps"] == 5
        for change in (2.5, None):
            changed = await http.patch("/v1/streams/cam", json={"max_fps": change})
            assert changed.status_code == 200 and changed.json()["max_fps"] == change
            assert (await http.get("/v1/streams/cam")).json()["max_fps"] == change
        assert (await http.patch("/v1/streams/cam", json={"max_fps": 4})).json()["max_fps"] == 4
        assert (await http.patch("/v1/streams/cam", json={"blur": True})).json()["max_fps"] == 4, "left out: it stays"
        for wrong in (0, -1, 241, "many"):
            answer = await http.patch("/v1/streams/cam", json={"max_fps": wrong})
            assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "max_fps"


async def test_taken_id_is_409(service: Service) -> None:
    async with service.http() as http:
        assert (await http.post("/v1/streams", json=new())).status_code == 201
        answer = await http.post("/v1/streams", json=new())
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:livesight:problem:stream-exists"


@pytest.mark.parametrize(
    "url",
    [
        "file:/etc/passwd",
        "FILE:///etc/passwd",
        "device:0",
        "demo:",
        "/etc/passwd",
        "clips/a.mp4",
        "rtsp:///x",
        "http://",
        "concat:http://a/|file:/etc/passwd",
        "ftp://host/x",
        "http://[broken",
        "images:/tmp",
    ],
)
async def test_only_the_network_may_be_named_over_http(service: Service, url: str) -> None:
    async with service.http() as http:
        answer = await http.post("/v1/streams", json=new(url=url))
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:livesight:problem:source-refused"
        assert (await http.post("/v1/streams", json=new())).status_code == 201
        answer = await http.patch("/v1/streams/cam", json={"url": url})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "No!", "url": "rtsp://host/x"}, "id"),
        ({"id": "cam"}, "url"),
        ({"id": "cam", "url": None}, "url"),
        ({"id": "cam", "url": "rtsp://host/x", "models": []}, "models"),
        ({"id": "cam", "url": "rtsp://host/x", "models": ["../x"]}, "models.0"),
        ({"id": "cam", "url": "rtsp://host/x", "surprise": 1}, "surprise"),
        ({"id": "cam", "url": "rtsp://host/x", "max_fps": 0}, "max_fps"),
        ({"id": "cam", "url": "rtsp://host/" + "x" * 3000}, "url"),
        ([], "body"),
    ],
)
async def test_invalid_body_names_the_field(service: Service, body: Any, field: str) -> None:
    async with service.http() as http:
        answer = await http.post("/v1/streams", json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:livesight:problem:invalid-request"
    assert problem["errors"][0]["field"] == field
    assert field in problem["detail"]


async def test_unreadable_json_is_400(service: Service) -> None:
    async with service.http() as http:
        answer = await http.post("/v1/streams", content="{", headers={"content-type": "application/json"})
    assert answer.status_code == 400 and answer.json()["type"] == "urn:livesight:problem:bad-request"


async def test_unknown_model_is_told(service: Service) -> None:
    async with service.http() as http:
        answer = await http.post("/v1/streams", json=new(models=["nothing"]))
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:livesight:problem:model-unavailable"
        assert (await http.get("/v1/streams")).json() == {"streams": []}


async def test_credentials_show_nowhere(service: Service) -> None:
    url = f"rtsp://admin:hunter2@127.0.0.1:{free_port()}/x?token=hunter2"
    async with service.http() as http:
        told = [await http.post("/v1/streams", json=new(url=url))]
        told.append(await http.post("/v1/streams", json=new(url=url)))
        told.append(await http.patch("/v1/streams/cam", json={"url": "ftp://admin:hunter2@host/x"}))
        await asyncio.sleep(0.5)
        told += [await http.get(path) for path in ("/v1/streams", "/v1/streams/cam", "/metrics", "/readyz")]
    for answer in told:
        assert "hunter2" not in answer.text, answer.request.url


async def test_patch_changes_and_disables(service: Service, clip_url: str) -> None:
    async with service.http() as http:
        await http.post("/v1/streams", json=new(url=clip_url))
        changed = await http.patch("/v1/streams/cam", json={"enabled": False})
        assert changed.status_code == 200
        assert changed.json()["enabled"] is False and changed.json()["state"] == "disabled"
        changed = await http.patch("/v1/streams/cam", json={"enabled": True, "models": ["mask"]})
        assert changed.json()["models"] == ["mask"] and changed.json()["url"] == clip_url
        assert (await http.patch("/v1/streams/nobody", json={"enabled": True})).status_code == 404
        for body in ({}, {"id": "other"}, {"enabled": None}):
            answer = await http.patch("/v1/streams/cam", json=body)
            assert answer.status_code == 422, body


async def test_pushed_stream_cannot_be_patched_nor_added_over(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher, service.http() as http:
        await pusher.send(encoded(0))
        await pusher.answer()
        assert (await http.patch("/v1/streams/cam", json={"enabled": False})).status_code == 409
        assert (await http.post("/v1/streams", json=new())).status_code == 409


async def test_added_takes_the_place_of_a_pushed_one_that_is_over(start: Start) -> None:
    service = start(stream_settings=StreamSettings(ephemeral_s=2.0))
    async with service.http() as http:
        async with pushing(service.ws, "cam") as pusher:
            await pusher.send(encoded(0))
            await pusher.answer()
        await eventually(lambda: service.node.streams.view("cam").state == "ended", 1.5)
        assert (await http.post("/v1/streams", json=new())).status_code == 201
        await asyncio.sleep(2.2)  # the pushed stream's time is over; it must not take the new one with it
        assert not (await http.get("/v1/streams/cam")).json()["ephemeral"]


async def test_added_streams_survive_a_restart_and_pushed_ones_do_not(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        async with service.http() as http, pushing(service.ws, "pushed") as pusher:
            await pusher.send(encoded(0))
            await pusher.answer()
            await http.post("/v1/streams", json=new("kept"))
            await http.post("/v1/streams", json=new("gone"))
            await http.delete("/v1/streams/gone")
    with running(tmp_path) as service:
        async with service.http() as http:
            assert [stream["id"] for stream in (await http.get("/v1/streams")).json()["streams"]] == ["kept"]


async def test_removing_slow_streams_keeps_nobody_waiting(service: Service) -> None:
    """Removals join threads; meanwhile health and lists answer."""
    async with service.http() as http:
        ids = [f"cam{index}" for index in range(12)]
        for stream_id in ids:
            assert (await http.post("/v1/streams", json=new(stream_id))).status_code == 201
        removals = [asyncio.create_task(http.delete(f"/v1/streams/{stream_id}")) for stream_id in ids]
        began = asyncio.get_running_loop().time()
        assert (await http.get("/healthz")).status_code == 200
        assert asyncio.get_running_loop().time() - began < 1
        assert {answer.status_code for answer in await asyncio.gather(*removals)} == {204}


async def test_results_of_an_added_stream_are_of_its_pictures(service: Service, clip_url: str) -> None:
    async with service.http() as http:
        async with connect(f"{service.ws}/v1/detections?stream=cam") as viewer:
            await http.post("/v1/streams", json=new(url=clip_url))
            seen = [json.loads(await asyncio.wait_for(viewer.recv(), 20)) for _ in range(20)]
    for result in seen:
        assert number_in(result["detections"][0]["xyxy"], tuple(result["size_wh"])) == result["frame"] % 100


async def test_one_stream_too_many_is_a_conflict_that_names_the_setting(start: Start) -> None:
    service = start(stream_settings=StreamSettings(max_streams=2))
    async with service.http() as http:
        for number in range(2):
            assert (await http.post("/v1/streams", json=new(f"cam-{number}"))).status_code == 201
        refused = await http.post("/v1/streams", json=new("cam-2"))
        assert refused.status_code == 409 and "stream.max_streams" in refused.json()["detail"]
        assert refused.json()["type"].endswith(":quota-reached")
        async with connect(f"{service.ws}/v1/streams/pushed/frames?models=number") as socket:
            await socket.wait_closed()
            assert socket.close_code == 1013 and "stream.max_streams" in (socket.close_reason or "")
        assert (await http.patch("/v1/streams/cam-1", json={"max_fps": 1})).status_code == 200
        assert (await http.patch("/v1/streams/cam-1", json={"max_fps": 1e-320})).status_code == 422
        assert (await http.delete("/v1/streams/cam-0")).status_code == 204
        assert (await http.post("/v1/streams", json=new("cam-2"))).status_code == 201
