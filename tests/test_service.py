"""The real process with real peers on every side: what comes out belongs to what went in, and it ends in time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.peers.broken_servers import FreezingServer, GarbageServer, SilentServer
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.faces import PLACES, face_picture, place_of
from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess
from tests.peers.numbers import read_number
from tests.peers.rtsp import Mount, RtspServer
from tests.peers.whip_client import NumberedTrack, WhipClient, loopback_ice

SIZE_WH = (640, 360)
FPS = 25
CAMERA = ClipSpec(frames=150, fps=FPS, size_wh=SIZE_WH, gop=25, bit_rate=4_000_000)
WHIP_FPS = 15
TOPIC = "livesight.detections"
STREAMS = ("one", "two", "pushed", "whipped")
Result = dict[str, Any]

# As `livesight`, but WebRTC stays on 127.0.0.1.
ON_LOOPBACK = """
from unittest.mock import patch
with patch("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"]):
    import livesight
    livesight.main()
"""


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that jumps with each picture's number; the loop goes on with the right place."""
    assert CAMERA.frames % PLACES == 0
    path = tmp_path_factory.mktemp("service") / "camera.h264"
    return make_numbered(path, CAMERA, lambda number: face_picture(number, SIZE_WH))


@pytest.fixture
def broker(broker: Broker) -> Broker:
    """With the topic that is read."""
    broker.create_topic(TOPIC, 8)
    return broker


class Clients:
    """A viewer of all results and a pusher of numbered pictures, for as long as the service lets them."""

    def __init__(self, service: LivesightProcess) -> None:
        self.service = service
        self.results: list[Result] = []
        self.texts: list[str] = []
        self.answers: list[Result] = []
        self.closed: dict[str, int | None] = {}
        self.stills: list[tuple[str, str, int, int, int]] = []

    async def watch(self) -> None:
        async with connect(f"{self.service.ws_url}/v1/detections") as socket:
            with suppress(ConnectionClosed):
                async for message in socket:
                    self.texts.append(str(message))
                    self.results.append(json.loads(message))
            self.closed["viewer"] = socket.close_code

    async def push(self, fps: float = 12) -> None:
        async with connect(f"{self.service.ws_url}/v1/streams/pushed/frames") as socket:
            answering = asyncio.create_task(self._answered(socket))
            with suppress(ConnectionClosed):
                for ordinal in range(10_000):
                    await socket.send(cv2.imencode(".jpg", face_picture(ordinal, SIZE_WH))[1].tobytes())
                    await asyncio.sleep(1 / fps)
            await answering
            self.closed["pusher"] = socket.close_code

    async def _answered(self, socket: Any) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                self.answers.append(json.loads(message))

    async def snapshot(self, http: httpx.AsyncClient, stream: str) -> None:
        """Note which number the picture shows that the service says is frame n of a session."""
        answer = await http.get(f"{self.service.url}/v1/streams/{stream}/snapshot.jpg")
        answer.raise_for_status()
        picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        told = {key: answer.headers[f"x-livesight-{key}"] for key in ("session", "frame", "pts-us")}
        number = read_number(np.asarray(picture, np.uint8))
        self.stills.append((stream, told["session"], int(told["frame"]), int(told["pts-us"]), number))

    def of(self, stream: str) -> list[Result]:
        return [result for result in self.results if result["stream_id"] == stream]


def place_in(result: Result) -> int:
    """Where the one face of a picture was found."""
    (found,) = result["detections"]
    return place_of(found["xyxy"], tuple(result["size_wh"]))


def check_camera(results: list[Result], fps: int, most_blank: float) -> None:
    """Frames, times, skipped pictures and boxes of one session of a camera of constant rate agree."""
    assert len({result["session"] for result in results}) == 1
    for before, after in pairwise(results):
        assert after["frame"] > before["frame"]
        assert after["captured_at_ns"] > before["captured_at_ns"]
        shown = (after["pts_us"] - before["pts_us"]) * fps / 1e6
        assert round(shown) == 1 + after["skipped"], (before, after)
    seen = [result for result in results if len(result["detections"]) == 1]
    assert len(seen) >= (1 - most_blank) * len(results)
    offsets = {(place_in(result) - round(result["pts_us"] * fps / 1e6)) % PLACES for result in seen}
    assert len(offsets) == 1, offsets


@pytest.mark.timeout(400)  # of a machine whose cores are busy with other things
async def test_every_ingress_at_once_then_sigterm_under_load(camera: Path, broker: Broker) -> None:
    with (
        loopback_ice(),
        RtspServer({"one": Mount(camera, FPS), "two": Mount(camera, FPS)}) as cameras,
        LivesightProcess(
            ["--source", f"one={cameras.url('one')}", "--source", f"two={cameras.url('two')}"],
            broker.settings,
            python=(sys.executable, "-c", ON_LOOPBACK),
        ) as service,
    ):
        clients = Clients(service)
        track = NumberedTrack(WHIP_FPS, SIZE_WH, draw=face_picture)
        async with httpx.AsyncClient() as http, WhipClient(track) as whip, asyncio.TaskGroup() as tasks:
            tasks.create_task(clients.watch())
            tasks.create_task(clients.push())
            await whip.connect_http(http, f"{service.url}/v1/streams/whipped/whip")
            await whip.connected()
            await _until(lambda: all(len(clients.of(stream)) > 10 for stream in STREAMS))
            for _ in range(8):
                await asyncio.gather(*(clients.snapshot(http, stream) for stream in STREAMS))
                seen = {stream: len(clients.of(stream)) for stream in STREAMS}
                await _until(lambda seen=seen: all(len(clients.of(stream)) > seen[stream] + 2 for stream in STREAMS))
            code, seconds = await asyncio.to_thread(service.stop, 15)
        ended = json.loads(next(line for line in reversed(service.log().splitlines()) if '"stopped"' in line))

    assert (code, ended["threads_left"]) == (0, [])
    assert seconds <= 10
    assert clients.closed == {"viewer": 1001, "pusher": 1001}
    for stream in ("one", "two"):
        check_camera(clients.of(stream), FPS, most_blank=0.02)
    check_camera(clients.of("whipped"), WHIP_FPS, most_blank=0.2)
    _check_answers(clients.answers)
    _check_stills(clients)
    _check_kafka(clients, broker)


def _check_answers(answers: list[Result]) -> None:
    """Each ordinal once, in order, and the face where that ordinal's picture had it."""
    results = [answer for answer in answers if "schema" in answer]
    dropped = [ordinal for answer in answers for ordinal in answer.get("dropped", [])]
    ordinals = [result["frame"] for result in results]
    assert len(results) > 20
    assert ordinals == sorted(set(ordinals)) and not set(ordinals) & set(dropped)
    assert sorted([*ordinals, *dropped])[: max(ordinals) + 1] == list(range(max(ordinals) + 1))
    assert all(place_in(result) == result["frame"] % PLACES for result in results)


def _check_stills(clients: Clients) -> None:
    """The number in the picture of frame n is the one that the result of frame n saw."""
    known = {(result["session"], result["frame"]): result for result in clients.results}
    compared = 0
    for stream, session, frame, pts_us, number in clients.stills:
        result = known[session, frame]
        assert (result["stream_id"], result["pts_us"]) == (stream, pts_us)
        if len(result["detections"]) == 1:
            assert place_in(result) == number % PLACES
            compared += 1
    assert compared >= 0.8 * len(clients.stills)


def _check_kafka(clients: Clients, broker: Broker) -> None:
    """What a viewer got is in the topic, byte for byte, in order per stream, keyed by it; to the last result."""
    records = broker.read(TOPIC, 1_000_000, timeout_s=6)  # all that is there
    assert {record.headers["schema"] for record in records} == {b"livesight.frame/1"}
    assert all(json.loads(record.value)["stream_id"] == record.key for record in records)
    for stream in STREAMS:
        published = [record.value.decode() for record in records if record.key == stream]
        watched = [
            text for text, result in zip(clients.texts, clients.results, strict=True) if result["stream_id"] == stream
        ]
        assert watched == published[-len(watched) :]


async def _until(found: Callable[[], bool], timeout_s: float = 120.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not found():
            await asyncio.sleep(0.05)


BRISK = {
    "STREAM__BACKOFF_MIN_S": "0.5",
    "STREAM__BACKOFF_MAX_S": "0.5",
    "STREAM__STALL_TIMEOUT_S": "2",
    "STREAM__STALLED_AFTER_S": "1",
    "STREAM__CONNECT_TIMEOUT_S": "2",
}


class Outage:
    """Looks at a service from outside."""

    def __init__(self, service: LivesightProcess) -> None:
        self.service = service

    def stream(self, stream: str) -> Result:
        found: Result = self.service.get_json(f"/v1/streams/{stream}")
        return found

    def analysed(self, stream: str) -> float:
        return self.service.metric("livesight_frames_analysed_total", stream=stream)

    def read(self, stream: str) -> float:
        decoded = self.service.metric("livesight_frames_decoded_total", stream=stream)
        return decoded + sum(
            self.service.metric("livesight_frames_dropped_total", stream=stream, reason=reason)
            for reason in ("undecoded", "late")
        )

    def reconnects(self, stream: str) -> float:
        return self.service.metric("livesight_stream_reconnects_total", stream=stream)

    def rates(self, stream: str, seconds: float) -> tuple[float, float]:
        """Pictures read and pictures analysed a second, from now on."""
        began_s, read, analysed = time.monotonic(), self.read(stream), self.analysed(stream)
        time.sleep(seconds)
        lasted_s = time.monotonic() - began_s
        return (self.read(stream) - read) / lasted_s, (self.analysed(stream) - analysed) / lasted_s

    def becomes(self, stream: str, *states: str, within_s: float) -> None:
        self.service.wait_for(lambda: self.stream(stream)["state"] in states, within_s, f"{stream} {states}")


@pytest.mark.timeout(150)
def test_dead_frozen_and_broken_cameras_change_nothing_for_the_others(camera: Path) -> None:
    with (
        RtspServer({"steady": Mount(camera, FPS)}) as steady,
        RtspServer({"killed": Mount(camera, FPS, "ada", "s3cret")}) as killed,
        RtspServer({"frozen": Mount(camera, FPS)}) as frozen,
        SilentServer() as silent,
        GarbageServer() as garbage,
        FreezingServer() as freezing,
    ):
        names = {"steady": steady.url("steady"), "killed": killed.url("killed"), "frozen": frozen.url("frozen")}
        names |= {"silent": silent.url, "garbage": garbage.url, "freezing": freezing.url}
        arguments = [part for name, url in names.items() for part in ("--source", f"{name}={url}")]
        with LivesightProcess(arguments, BRISK) as service:
            look = Outage(service)
            for stream in ("steady", "killed", "frozen"):
                look.becomes(stream, "live", within_s=30)
            session = look.stream("killed")["session"]
            steady_session = look.stream("steady")["session"]
            seen = look.analysed("steady")
            service.wait_for(lambda: look.analysed("steady") > seen + FPS, 60, "a second of the steady camera")
            before = look.rates("steady", 5)

            killed.kill()
            frozen.freeze()
            look.becomes("frozen", "stalled", "reconnecting", within_s=20)
            look.becomes("killed", "reconnecting", within_s=20)
            meanwhile = look.rates("steady", 6)
            assert min(before[0], meanwhile[0]) >= 0.92 * FPS
            assert meanwhile[1] >= 0.8 * before[1]
            service.wait_for(lambda: look.reconnects("frozen") >= 1, 20, "reconnect of the frozen camera")
            assert look.reconnects("killed") >= 1
            assert look.stream("frozen")["last_error"]
            assert "s3cret" not in json.dumps(service.get_json("/v1/streams"))

            killed.start()
            look.becomes("killed", "live", within_s=5)
            assert look.stream("killed")["session"] != session
            frozen.thaw()
            look.becomes("frozen", "live", within_s=8)
            assert look.rates("killed", 3)[0] >= 0.5 * FPS

            for stream in ("silent", "garbage", "freezing"):
                view = look.stream(stream)
                assert view["state"] in ("connecting", "reconnecting") and look.analysed(stream) == 0
                assert view["last_error"], stream
            assert look.stream("steady")["session"] == steady_session
            assert look.reconnects("steady") == 0
            assert service.stop(12)[0] == 0
            assert "s3cret" not in service.log_path.read_text()


@pytest.mark.timeout(120)
def test_the_demo_is_live_and_shows_faces() -> None:
    with LivesightProcess(command="demo") as service:

        def live() -> bool:
            (stream,) = service.get_json("/v1/streams")["streams"]
            return bool(stream["state"] == "live" and stream["fps"] > 5 and stream["analysed_fps"] > 5)

        service.wait_for(live, 30, "live demo stream")
        service.wait_for(lambda: service.metric("livesight_detections_total", stream="demo") > 20, 30, "faces")
        assert service.metric("livesight_detections_total", stream="demo", label="with_mask") > 0
        assert b"<html" in service.get("/").lower()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{service.url}/v1/streams/none"), timeout=5)
        assert json.loads(refused.value.read())["type"]


SIGNALLED_EARLY = """
import os, signal, threading
from contextlib import suppress
from api.app import create_app
from api.server.lifecycle import EarlySignals, Service
from api.http.listening import listen
from api.settings import ApiSettings
from workers.bus.message_bus import LocalBus
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings

early, bus = EarlySignals(), LocalBus()
app = create_app(Node(NodeSettings("test"), ModelStore([]), bus), bus, ApiSettings(port=0))
with early.listening(), listen("127.0.0.1", 0) as sock:
    with suppress(SystemExit):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(60)
    assert early.signalled == signal.SIGTERM
    service = Service(app, lambda: print("drained"), lambda: None, early)
    service.run([sock])
service.over([])
print("over")
"""


STUCK = """
import os, signal, threading, time
import api.server.lifecycle as lifecycle

lifecycle.GIVE_UP_S = 0.5
with lifecycle.EarlySignals().listening():
    signal.signal(signal.SIGTERM, lambda *_: time.sleep(60))  # as native code that does not return
    os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_start_that_does_not_react_to_a_signal_is_ended() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=50)
    assert ended.returncode == 1 and "shutdown_timed_out" in ended.stdout + ended.stderr


THREADS_LEFT = """
import os, signal, threading
import numpy as np
import openvino as ov
from api.server.lifecycle import EarlySignals
from tests.peers.colour_models import SHAPE_WH, square_graph

def infer():
    request = model.create_infer_request()
    while True:
        request.infer({0: np.zeros((1, SHAPE_WH[1], SHAPE_WH[0], 3), np.uint8)})
        begun.set()

model, begun = ov.Core().compile_model(square_graph(), "CPU"), threading.Event()
with EarlySignals().listening():
    for _ in range(4):
        threading.Thread(target=infer, daemon=True).start()
    begun.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60)
"""


def test_a_thread_in_native_code_does_not_crash_a_start_that_is_interrupted() -> None:
    """It would be ended while the interpreter is torn down: "terminate called without an active exception"."""
    ended = subprocess.run([sys.executable, "-c", THREADS_LEFT], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_signal_whose_exception_was_lost_while_it_started_still_ends_it() -> None:
    """Raised in a destructor or a library's callback, SystemExit goes nowhere. In a process that may be ended."""
    ended = subprocess.run([sys.executable, "-c", SIGNALLED_EARLY], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout.splitlines()[-2:]) == (0, ["drained", "over"]), ended.stderr
