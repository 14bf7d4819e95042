"""Addresses of cameras over HTTP: what is refused, what is shown, and what is connected to."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from stream.config import StreamSettings
from stream.network.networks import NetworkSettings
from tests.api.conftest import Service, running
from tests.peers.ports import free_port
from tests.peers.redirecting import Recorder

FORMS = (
    "rtsp://admin:hunter2@{}/x",
    "rtsp://hunter2@{}/x",
    "rtsp://admin:p@hunter2@{}/x",
    "rtsp://admin:p#hunter2@{}/x",
    "rtsp://{}/user=admin_password=hunter2_channel=1",
    "rtsp://{}/live/hunter2/1",
    "rtsp://{}/x?pswd=hunter2",
    "rtsp://{}/x?p=hunter2",
    "http://{}/video;pwd=hunter2",
    "http://{}/abcDEF-hunter2-0123",
    "rtsp://admin:p@x/hunter2@{}/x",
    "rtsp://admin:p@x?hunter2@{}/x",
    "rtsp://admin:hunter2 @{}/x",
    "rtsp://admin:hunter2\\@{}/x",
    "rtsp://admin:hunter2@{}:99999/x",
    "rtsp://admin:hunter2@[{}/x",
    "ftp://admin:hunter2@{}/x",
)


async def test_no_form_of_secret_is_shown_anywhere(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "stream")
    told: list[str] = []
    async with service.http() as http:
        for number, form in enumerate(FORMS):
            url = form.format(f"127.0.0.1:{free_port()}")
            body = {"id": f"cam{number}", "url": url, "models": ["number"]}
            for answer in (
                await http.post("/v1/streams", json=body),
                await http.post("/v1/streams/test", json={"url": url}),
                await http.patch("/v1/streams/cam0", json={"url": url}),
            ):
                problem = answer.json()
                suggestion = problem.pop("suggestion", "")
                assert "hunter2" not in suggestion or "percent-encode" in problem["detail"]
                told.append(str(problem))
        async with asyncio.timeout(20):
            while not all(view.last_error for view in service.node.streams.views()):
                await asyncio.sleep(0.05)
        for path in ("/v1/streams", "/v1/streams/cam0", "/metrics", "/health", "/readyz"):
            told.append((await http.get(path)).text)
    told += [str(service.node.streams.views()), caplog.text]
    assert len(service.node.streams.views()) == 10
    assert [text for text in told if "hunter2" in text] == []


async def test_the_whole_address_is_there_for_who_may_change_it(service: Service) -> None:
    async with service.http() as http:
        url = "rtsp://127.0.0.1:9/live/token-1?x=2"
        camera = {"id": "gate", "url": url, "user": "admin", "password": "p@ss", "models": ["number"]}
        assert (await http.post("/v1/streams", json=camera)).json()["url"] == "rtsp://127.0.0.1:9/live/…"
        path = "/v1/streams/gate/address"
        assert (await http.get(path)).json() == {"url": url, "user": "admin", "has_password": True}
        await http.patch("/v1/streams/gate", json={"url": "rtsp://127.0.0.1:10/live"})
        assert (await http.get(path)).json() == {
            "url": "rtsp://127.0.0.1:10/live",
            "user": None,
            "has_password": False,
        }


@pytest.mark.parametrize("hidden", ["\r\n", "%0d%0a", "\n", "%0A", "\\", " "])
async def test_nothing_is_written_to_other_ports(service: Service, hidden: str) -> None:
    with Recorder() as redis:
        url = f"rtsp://127.0.0.1:{redis.port}/x{hidden}SET{hidden}a"
        async with service.http() as http:
            for path, body in (("/v1/streams", {"id": "cam", "url": url}), ("/v1/streams/test", {"url": url})):
                answer = await http.post(path, json=body)
                assert answer.status_code == 422
                assert answer.json()["type"] == "urn:livesight:problem:source-refused"
        assert redis.connections == 0


async def test_a_denied_network_is_told_the_same_open_or_closed(tmp_path: Path) -> None:
    denied = StreamSettings(networks=NetworkSettings(loopback=False))
    with running(tmp_path, denied) as service, Recorder() as there:
        async with service.http() as http:
            answers = [
                await http.post("/v1/streams/test", json={"url": f"{scheme}://{host}:{port}/x"})
                for scheme in ("rtsp", "http")
                for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost")
                for port in (there.port, free_port())
            ]
        assert {answer.status_code for answer in answers} == {403}
        assert {answer.json()["type"] for answer in answers} == {"urn:livesight:problem:address-refused"}
        assert len({answer.json()["detail"].partition("refused by policy")[2] for answer in answers}) == 1
        assert there.connections == 0
