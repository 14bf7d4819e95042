"""Viewers anywhere: an api process shows what other processes have. Real processes, a real broker."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import cv2
import httpx
import numpy as np
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.cluster.conftest import Site
from tests.peers.cluster import ask
from tests.peers.numbers import numbered_image

pytestmark = pytest.mark.timeout(600)

PATIENCE_S = 120.0


def test_an_api_process_gives_the_picture_of_another_node(site: Site, stream: str) -> None:
    with urllib.request.urlopen(
        f"{site.cluster.api.url}/v1/streams/{stream}/snapshot.jpg?overlay=1", timeout=30
    ) as got:
        assert got.headers["content-type"] == "image/jpeg"
        assert got.headers["x-livesight-session"] == site.cluster.streams()[stream]["session"]
        picture = cv2.imdecode(np.frombuffer(got.read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (180, 320, 3)


async def test_mjpeg_flows_and_ends_with_its_viewer(site: Site, stream: str) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        url = f"{site.cluster.api.url}/v1/streams/{stream}/mjpeg"
        async with client.stream("GET", url) as answer:
            assert answer.status_code == 200
            body = b""
            async for chunk in answer.aiter_raw():
                body += chunk
                if body.count(b"content-type: image/jpeg") >= 3:
                    break
    node = site.cluster.nodes[site.cluster.streams()[stream]["node"]]
    await asyncio.to_thread(
        node.wait_for, lambda: node.metric("livesight_viewers") == 0, PATIENCE_S, "node without viewers"
    )


async def test_results_of_any_stream_come_from_kafka(site: Site, stream: str) -> None:
    async with connect(f"{site.cluster.api.ws_url}/v1/streams/{stream}/detections") as socket:
        for _ in range(3):
            result = json.loads(await asyncio.wait_for(socket.recv(), 30))
            assert result["stream_id"] == stream
            assert result["node"].startswith("node-")
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        await connect(f"{site.cluster.api.ws_url}/v1/streams/nobody/detections")
    assert refused.value.response.status_code == 404


async def test_a_push_through_an_api_process_stays_on_the_node_that_took_it(site: Site) -> None:
    picture = numbered_image(7, (320, 180))
    data = cv2.imencode(".png", picture)[1].tobytes()
    async with connect(f"{site.cluster.api.ws_url}/v1/streams/pushed/frames") as socket:
        for ordinal in range(3):
            await socket.send(data)
            answer = json.loads(await asyncio.wait_for(socket.recv(), 30))
            assert answer.get("frame", answer.get("dropped", [None])[0]) == ordinal
        listed = await asyncio.to_thread(
            site.cluster.wait, lambda: site.cluster.streams().get("pushed"), PATIENCE_S, "pushed stream in the list"
        )
        assert listed["ephemeral"]
        assert listed["node"] in site.cluster.nodes
        got = await asyncio.to_thread(site.cluster.api.get, "/v1/streams/pushed/snapshot.jpg", 30)
        assert got.startswith(b"\xff\xd8")
        async with connect(f"{site.cluster.api.ws_url}/v1/streams/pushed/frames") as second:
            with pytest.raises(websockets.exceptions.ConnectionClosed) as busy:
                await asyncio.wait_for(second.recv(), 30)
        assert busy.value.rcvd is not None
        assert busy.value.rcvd.code == 1013
    await asyncio.to_thread(
        site.cluster.wait, lambda: "pushed" not in site.cluster.streams(), PATIENCE_S, "list without the ended push"
    )


def test_predict_goes_to_some_node(site: Site) -> None:
    data = cv2.imencode(".png", numbered_image(5, (320, 180)))[1].tobytes()
    found = ask(f"{site.cluster.api.url}/v1/predict", "POST", data, headers={"content-type": "image/png"})
    assert found["node"].startswith("node-")
    assert len(found["detections"]) == 1


def test_a_stream_that_nobody_knows_is_unknown_here_too(site: Site) -> None:
    with pytest.raises(AssertionError, match=r"404 .*stream-unknown"):
        ask(f"{site.cluster.api.url}/v1/streams/nobody/snapshot.jpg")
    with pytest.raises(AssertionError, match=r"404 .*stream-unknown"):
        ask(f"{site.cluster.api.url}/v1/streams/nobody", "DELETE")


def test_the_page_and_its_health_are_there_without_a_node(site: Site) -> None:
    assert b"<html" in site.cluster.api.get("/").lower()
    assert site.cluster.api.get_json("/readyz")["status"] == "ready"


def test_a_change_reaches_the_node(site: Site, stream: str) -> None:
    before = site.cluster.streams()[stream]["session"]
    shown = ask(f"{site.cluster.api.url}/v1/streams/{stream}", "PATCH", b'{"max_fps": 4}')
    assert (shown["max_fps"], shown["session"], shown["state"]) == (4, before, "live")
    site.cluster.wait(lambda: site.cluster.streams()[stream]["max_fps"] == 4, PATIENCE_S, "node that has the limit")
    assert site.cluster.streams()[stream]["session"] == before, "the camera was not connected anew"
    ask(f"{site.cluster.api.url}/v1/streams/{stream}", "PATCH", b'{"max_fps": null}')
    ask(f"{site.cluster.api.url}/v1/streams/{stream}", "PATCH", b'{"enabled": false}')
    site.cluster.wait(lambda: site.cluster.streams()[stream]["state"] == "disabled", PATIENCE_S, "disabled stream")
    ask(f"{site.cluster.api.url}/v1/streams/{stream}", "PATCH", b'{"enabled": true}')
    site.cluster.wait(lambda: site.cluster.streams()[stream]["state"] == "live", PATIENCE_S, "live stream again")
    assert site.cluster.streams()[stream]["session"] != before
