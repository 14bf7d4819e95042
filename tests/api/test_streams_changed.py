"""A change of one stream is nobody else's business: the others answer, and what fails leaves the stream as it was."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from stream.config import StreamConfig
from stream.sources.frames_source import FramesSource
from tests.api.conftest import Service, running
from tests.api.push_client import encoded
from tests.api.test_streams import new
from tests.api.waiting import eventually
from tests.peers.number_engine import NumberEngine, number_card
from tests.peers.video_client import viewing
from workers.bus.event import Event
from workers.bus.message_bus import EVENTS
from workers.engines import hot_swap
from workers.engines.engine import Engine
from workers.errors import EngineError
from workers.node.local_streams import LocalStreams
from workers.secrets.keys import KeyMaterial, SecretKeys


class SlowLoad:
    """Takes the place of loading a model: each load waits until `go` is set, then gives the test engine, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.error: Exception | None = None
        self.loads: list[str] = []
        monkeypatch.setattr(hot_swap, "load_engine", self._load)

    def _load(self, store: Any, name: str, *_: Any) -> Engine:
        self.loads.append(name)
        self.asked.set()
        assert self.go.wait(60)
        if self.error is not None:
            raise self.error
        engine = NumberEngine()
        engine.card = number_card(name)
        return engine


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> SlowLoad:
    return SlowLoad(monkeypatch)


async def analysed(service: Service) -> FramesSource:
    """A pushed stream `other` with a result."""
    config = StreamConfig(id="other", models=("number",))
    source = FramesSource(config, service.node.stream_settings)
    service.node.streams.attach(source, config)
    source.push(0, encoded(1))
    await eventually(lambda: service.node.streams.view("other").analysed == 1, 10)
    return source


async def took_s(ask: Callable[[], Awaitable[httpx.Response]], status: int = 200) -> float:
    started = time.perf_counter()
    answer = await asyncio.wait_for(ask(), 10)
    assert answer.status_code == status, answer.text
    return time.perf_counter() - started


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_others_answer_while_a_model_is_loaded(service: Service, load: SlowLoad, method: str) -> None:
    await analysed(service)
    async with service.http() as http:
        if method == "PATCH":
            assert (await http.post("/v1/streams", json=new())).status_code == 201
            change = asyncio.create_task(http.patch("/v1/streams/cam", json={"models": ["slow"]}))
        else:
            change = asyncio.create_task(http.post("/v1/streams", json=new(models=["slow"])))
        await eventually(load.asked.is_set, 10)
        begun_s = time.monotonic()
        times = []
        while time.monotonic() - begun_s < 5:
            for path in ("/v1/streams/other", "/v1/streams/other/snapshot.jpg", "/v1/streams", "/readyz"):
                times.append(await took_s(lambda path=path: http.get(path)))  # type: ignore[misc]
            assert not change.done(), "the others are to answer while the model is being loaded"
            await asyncio.sleep(0.05)
        await took_s(lambda: http.post("/v1/predict?models=number", content=encoded(2)))
        await took_s(lambda: http.post("/v1/streams", json=new("third")), 201)
        await took_s(lambda: http.delete("/v1/streams/third"), 204)
        assert not change.done()
        load.go.set()
        shown = (await change).json()
        assert shown["models"] == ["slow"] and (await http.get("/v1/streams/cam")).json()["models"] == ["slow"]
    assert statistics.median(times) < 0.1, sorted(times)[-5:]


async def test_others_answer_while_many_changes_wait(service: Service, load: SlowLoad) -> None:
    await analysed(service)
    async with service.http() as http:
        assert (await http.post("/v1/streams", json=new())).status_code == 201
        change = asyncio.create_task(http.patch("/v1/streams/cam", json={"models": ["slow"]}))
        await eventually(load.asked.is_set, 10)
        async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=httpx.Limits()) as others:
            waiting = [
                asyncio.create_task(others.patch("/v1/streams/cam", json={"max_fps": 1 + fps})) for fps in range(40)
            ]
            done, _ = await asyncio.wait([change, *waiting], timeout=1)
            assert not done
            for path in ("/v1/streams/other", "/v1/streams/other/snapshot.jpg", "/v1/streams"):
                await took_s(lambda path=path: http.get(path))  # type: ignore[misc]
            load.go.set()
            assert {answer.status_code for answer in await asyncio.gather(change, *waiting)} == {200}


async def test_changes_of_one_stream_come_one_after_another(service: Service, load: SlowLoad, tmp_path: Path) -> None:
    async with service.http() as http:
        assert (await http.post("/v1/streams", json=new())).status_code == 201
        first = asyncio.create_task(http.patch("/v1/streams/cam", json={"models": ["slow"]}))
        await eventually(load.asked.is_set, 10)
        second = asyncio.create_task(http.patch("/v1/streams/cam", json={"max_fps": 2}))
        again = asyncio.create_task(http.post("/v1/streams", json=new(models=["slow"])))
        done, _ = await asyncio.wait([second, again], timeout=0.3)
        assert not done, "they wait for the first"
        load.go.set()
        assert [(await one).status_code for one in (first, second, again)] == [200, 200, 409]
        shown = (await http.get("/v1/streams/cam")).json()
    assert (shown["models"], shown["max_fps"]) == (["slow"], 2), "neither change is lost"
    assert load.loads == ["slow"]
    assert '"max_fps": 2' in (tmp_path / "streams.json").read_text()


async def test_what_fails_leaves_the_stream_as_it_was(
    service: Service, load: SlowLoad, tmp_path: Path, clip_url: str
) -> None:
    load.go.set()
    load.error = EngineError("out of memory")
    async with service.http() as http:
        assert (await http.post("/v1/streams", json=new(url=clip_url))).status_code == 201
        await eventually(lambda: service.node.streams.view("cam").analysed > 0, 10)
        before, stored = (await http.get("/v1/streams/cam")).json(), (tmp_path / "streams.json").read_text()
        answer = await http.patch("/v1/streams/cam", json={"models": ["slow"]})
        assert answer.status_code == 503 and "out of memory" in answer.json()["detail"]
        (tmp_path / "streams.json").unlink()
        (tmp_path / "streams.json").mkdir()  # the disk refuses
        for answer in (
            await http.patch("/v1/streams/cam", json={"max_fps": 2}),
            await http.delete("/v1/streams/cam"),
            await http.post("/v1/streams", json=new("more")),
        ):
            assert answer.status_code == 503 and "streams.json" in answer.json()["detail"], answer.text
        (tmp_path / "streams.json").rmdir()
        (stream,) = (await http.get("/v1/streams")).json()["streams"]
        assert {stream[key] == before[key] for key in ("id", "url", "models", "max_fps")} == {True}
        assert stream["session"] == before["session"], "it was never stopped"
        assert (await http.patch("/v1/streams/cam", json={"max_fps": 2})).status_code == 200
        assert (await http.delete("/v1/streams/cam")).status_code == 204
    assert '"cam"' in stored and (tmp_path / "streams.json").read_text() == "[]"


async def test_a_change_that_the_source_does_not_see_interrupts_nothing(service: Service, clip_url: str) -> None:
    """Another `max_fps`: the same session and track, no socket closed, and results at the new rate."""
    events: list[Event] = []
    end = service.bus.subscribe(lambda message: events.append(Event.model_validate_json(message.value)), (EVENTS,))
    async with service.http() as http:
        assert (await http.post("/v1/streams", json=new(url=clip_url))).status_code == 201
        await eventually(lambda: service.node.streams.view("cam").analysed > 10, 20)
        async with connect(f"{service.ws}/v1/streams/cam/detections") as results, viewing(service.ws, "cam") as viewer:
            await viewer.until(lambda viewer: len(viewer.kinds) > 5)
            before = await tracked(results)
            for change in ({"max_fps": 5}, {"max_fps": 5, "models": ["number"], "url": clip_url, "enabled": True}):
                shown = (await http.patch("/v1/streams/cam", json=change)).json()
                assert (shown["max_fps"], shown["session"], shown["state"]) == (5, before["session"], "live")
            seen = len(viewer.kinds)
            after = [await tracked(results) for _ in range(10)][-4:]
            await viewer.until(lambda viewer: len(viewer.kinds) > seen + 20)
            assert {result["session"] for result in after} == {before["session"]}
            tracks = {result["detections"][0]["track_id"] for result in after}
            assert tracks == {before["detections"][0]["track_id"]}
            spaces = [late["pts_us"] - early["pts_us"] for early, late in itertools.pairwise(after)]
            assert min(spaces) >= 150_000, f"five a second: {spaces}"
            assert len(viewer.configs) == 1 and viewer.configs[0]["session"] == before["session"]
        assert (await http.patch("/v1/streams/cam", json={"max_fps": None})).json()["session"] == before["session"]
        assert (await http.patch("/v1/streams/cam", json={"blur": True})).json()["session"] != before["session"]
    end()
    assert [(event.kind, event.reason) for event in events[:2]] == [("stream_up", None), ("stream_down", "replaced")]


async def tracked(results: ClientConnection) -> dict[str, Any]:
    """The next result with a track."""
    async with asyncio.timeout(20):
        while True:
            result: dict[str, Any] = json.loads(await results.recv())
            if any(found["track_id"] is not None for found in result["detections"]):
                return result


async def test_a_camera_whose_address_cannot_be_decrypted_is_shown_kept_and_given_anew(
    tmp_path: Path, clip_url: str
) -> None:
    keys = SecretKeys([KeyMaterial(b"of another process, or lost since", "secrets.key")])
    config = StreamConfig(id="cam", url="rtsp://camera.example/x?token=hunter2", password="hunter2", models=("number",))
    LocalStreams(tmp_path, keys).put(config)
    stored = (tmp_path / "streams.json").read_text()
    why = f"its secret cannot be read: it is encrypted with key {keys.current}"
    with running(tmp_path) as service:
        async with service.http() as http:
            (shown,) = (await http.get("/v1/streams")).json()["streams"]
            assert (shown["state"], shown["kind"], shown["url"]) == ("failed", "rtsp", "rtsp://camera.example/x…")
            assert why in shown["last_error"] and why in (await http.get("/readyz")).json()["reasons"][0]
            for refused in (
                await http.get("/v1/streams/cam/address"),
                await http.patch("/v1/streams/cam", json={"password": "another"}),
            ):
                assert refused.status_code == 409, refused.text
                assert refused.json()["type"] == "urn:livesight:problem:secret-locked" and why in refused.text
            assert (await http.post("/v1/streams", json=new())).status_code == 409, "the id is taken"
            assert (tmp_path / "streams.json").read_text() == stored
            assert (await http.patch("/v1/streams/cam", json={"blur": True})).json()["blur"] is True
            assert [one.changed({"blur": False}) for one in LocalStreams(tmp_path, keys).read()] == [config]
            changed = await http.patch("/v1/streams/cam", json={"url": clip_url, "blur": False})
            assert changed.status_code == 200, changed.text
            await eventually(lambda: service.node.streams.view("cam").analysed > 0, 10)
            assert (await http.get("/readyz")).json()["reasons"] == []
            assert (await http.get("/v1/streams/cam/address")).json()["has_password"] is False
