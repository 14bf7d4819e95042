"""Results over WebSockets: who gets what, what a hundred viewers cost, and what becomes of one that does not read."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import threading
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.http.result_hub import ResultHub
from api.http.viewer_queue import QueuedResult, ViewerEnded, ViewerQueue
from api.settings import ApiSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import encoded, pushing
from tests.api.waiting import eventually
from workers.access.principal import ALL_STREAMS
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.bus.result import Detection, FrameResult, Latency


def message(stream: str, frame: int, objects: int = 1) -> Message:
    """A result as the workers publish it."""
    found = Detection(detector="mask", track_id=1, label="with_mask", confidence=0.9, xyxy=(1.25, 2.5, 30.75, 40.0))
    result = FrameResult(
        stream_id=stream,
        session="01JD0000000000000000000000",
        frame=frame,
        skipped=0,
        pts_us=frame * 40_000,
        captured_at_ns=1,
        size_wh=(640, 360),
        node="test",
        detections=(found,) * objects,
        models={"mask": 1},
        latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
    )
    return Message(DETECTIONS, stream, result.to_json(), (), time.monotonic())


async def test_pushed_picture_reaches_viewers_of_one_of_some_and_of_all(service: Service) -> None:
    async with pushing(service.ws, "a") as a, pushing(service.ws, "b") as b:
        for pusher in (a, b):
            await pusher.send(encoded(0))
            await pusher.answer()
        async with (
            connect(f"{service.ws}/v1/streams/a/detections") as of_a,
            connect(f"{service.ws}/v1/detections") as of_all,
            connect(f"{service.ws}/v1/detections?stream=b&stream=later") as of_b,
        ):
            await eventually(lambda: service.context.hub.viewers("a") == 2 and service.context.hub.viewers("b") == 2)
            for index in range(1, 6):
                for pusher in (a, b):
                    await pusher.send(encoded(index))
                    await pusher.answer()
            seen: dict[str, list[tuple[str, int]]] = {}
            for name, viewer, count in (("a", of_a, 5), ("b", of_b, 5), ("all", of_all, 10)):
                told = [json.loads(await asyncio.wait_for(viewer.recv(), 5)) for _ in range(count)]
                seen[name] = [(result["stream_id"], result["frame"]) for result in told]
            assert seen["a"] == [("a", frame) for frame in range(1, 6)]
            assert seen["b"] == [("b", frame) for frame in range(1, 6)]
            assert [entry for entry in seen["all"] if entry[0] == "a"] == seen["a"]
            async with service.http() as http:
                shown = (await http.get("/v1/streams/a")).json()
                assert shown["viewers"] == 2
            assert service.metric("livesight_viewers") == 3
    await eventually(lambda: service.metric("livesight_viewers") == 0)


async def test_text_is_what_the_workers_serialised(service: Service) -> None:
    async with connect(f"{service.ws}/v1/detections") as viewer:
        await eventually(lambda: service.context.hub.viewers("x") == 1)
        sent = message("x", 1)
        service.bus.publish(sent)
        told = await asyncio.wait_for(viewer.recv(), 5)
        assert isinstance(told, str) and told.encode() == sent.value


async def test_unknown_stream_is_404_before_the_handshake(service: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{service.ws}/v1/streams/nobody/detections"):
            pass
    assert refused.value.response.status_code == 404
    problem = json.loads(refused.value.response.body or b"")
    assert problem["type"] == "urn:livesight:problem:stream-unknown"


async def test_removed_stream_ends_its_viewers_only(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(encoded(0))
        await pusher.answer()
        async with (
            connect(f"{service.ws}/v1/streams/cam/detections") as viewer,
            connect(f"{service.ws}/v1/detections") as of_all,
        ):
            async with service.http() as http:
                await http.delete("/v1/streams/cam")
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(viewer.recv(), 5)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
            service.bus.publish(message("other", 1))
            assert json.loads(await asyncio.wait_for(of_all.recv(), 5))["stream_id"] == "other"


async def test_hundred_viewers_share_one_text() -> None:
    bus = LocalBus()
    hub = ResultHub(bus, ApiSettings())
    hub.start()
    viewers: list[ViewerQueue] = []
    contexts = [hub.watched(frozenset({"a"}) if index % 2 else ALL_STREAMS) for index in range(100)]
    for context in contexts:
        viewers.append(context.__enter__())
    threads = [threading.Thread(target=bus.publish, args=(message("a", index),)) for index in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    got: list[list[QueuedResult]] = [[await viewer.take() for _ in range(3)] for viewer in viewers]
    for place in range(3):
        assert len({id(results[place].text) for results in got}) == 1, "one object for all"
        assert json.loads(got[0][place].text)["frame"] == place
    for context in contexts:
        context.__exit__(None, None, None)
    hub.close()


async def test_nobody_watching_costs_no_loop_time() -> None:
    bus = LocalBus()
    hub = ResultHub(bus, ApiSettings())
    hub.start()
    with hub.watched(frozenset({"a"})):
        bus.publish(message("b", 1))
        assert not hub._handover
    bus.publish(message("a", 1))
    assert not hub._handover
    hub.close()


async def test_viewer_that_lags_skips_to_the_newest_of_each_stream() -> None:
    viewer = ViewerQueue(limit=10)
    for frame in range(1000):
        for stream in "abc":
            viewer.offer(QueuedResult(stream, f"{stream}{frame}"))
    viewer.end(1001, "over")
    got = []
    with pytest.raises(ViewerEnded):
        while True:
            got.append((await viewer.take()).text)
    assert len(got) <= 10
    assert {"a999", "b999", "c999"} <= set(got)
    assert viewer.skipped + len(got) == 3000


async def test_handover_is_bounded_while_the_loop_hangs() -> None:
    bus = LocalBus()
    hub = ResultHub(bus, ApiSettings())
    hub.start()
    with hub.watched(ALL_STREAMS) as viewer:
        for frame in range(6000):  # the loop does not run meanwhile
            bus.publish(Message(DETECTIONS, "a", str(frame).encode(), (), 0.0))
        assert len(hub._handover) == 4096
        assert (await viewer.take()).text != ""
    hub.close()


def open_raw(service: Service, path: str) -> socket.socket:
    """A WebSocket whose owner decides by hand when to read, with a small buffer."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    raw.connect(("127.0.0.1", service.port))
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += raw.recv(1)
    assert b" 101 " in head
    return raw


def read_to_end(raw: socket.socket) -> bytes:
    raw.settimeout(10)
    data = b""
    try:
        while chunk := raw.recv(1 << 16):
            data += chunk
    except ConnectionError:
        pass
    return data


class Publisher:
    """Publishes large results from a worker's thread, as fast as a camera or faster."""

    def __init__(self, service: Service) -> None:
        self.slowest_s = 0.0
        self.count = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(service,))

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join()

    def _run(self, service: Service) -> None:
        while not self._over.wait(0.005):
            large = message("busy", self.count, objects=200)
            began = time.perf_counter()
            service.bus.publish(large)
            self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
            self.count += 1


async def test_viewer_that_never_reads_is_cut_off_and_the_others_go_on(start: Start) -> None:
    service = start(viewer_timeout_s=1.0)
    raw = open_raw(service, "/v1/detections")
    try:
        async with connect(f"{service.ws}/v1/detections", max_size=None) as good:
            await eventually(lambda: service.context.hub.viewers("busy") == 2)
            with Publisher(service) as publisher:
                got: list[int] = []
                deadline_s = time.monotonic() + 30
                while service.context.hub.viewers("busy") == 2:
                    got.append(json.loads(await asyncio.wait_for(good.recv(), 5))["frame"])
                    assert time.monotonic() < deadline_s, "it was not cut off"
                for _ in range(50):
                    got.append(json.loads(await asyncio.wait_for(good.recv(), 5))["frame"])
            assert got == list(range(got[0], got[0] + len(got))), "a viewer that reads misses nothing"
            assert publisher.slowest_s < 0.1
            # the connection itself is gone too, not only the viewer
            await eventually(lambda: len(service.server.server_state.connections) <= 1)
            await eventually(lambda: service.metric("livesight_viewers_cut_off_total") >= 1)
    finally:
        raw.close()


async def test_viewer_that_wakes_up_after_the_cut_reads_why(start: Start) -> None:
    service = start(viewer_timeout_s=1.0)
    raw = open_raw(service, "/v1/detections")
    try:
        await eventually(lambda: service.context.hub.viewers("busy") == 1)
        with Publisher(service):
            await eventually(lambda: service.context.hub.viewers("busy") == 0, 30)
        data = await asyncio.to_thread(read_to_end, raw)
        reason = b"the viewer read nothing for 1 s"
        assert data.endswith(b"\x88" + bytes([2 + len(reason)]) + (1013).to_bytes(2, "big") + reason)
    finally:
        raw.close()


async def test_slow_viewer_sees_the_newest_not_the_past(start: Start) -> None:
    service = start(viewer_timeout_s=30.0, viewer_queue=4)
    async with connect(f"{service.ws}/v1/detections", max_size=None, max_queue=1) as slow:
        await eventually(lambda: service.context.hub.viewers("busy") == 1)
        with Publisher(service) as publisher:
            await asyncio.sleep(6)  # far more than the kernel's buffers hold
        assert publisher.count > 300
        seen = []
        try:
            while True:
                seen.append(json.loads(await asyncio.wait_for(slow.recv(), 1))["frame"])
        except TimeoutError:
            pass
        assert seen == sorted(set(seen))
        assert seen[-1] == publisher.count - 1, "the newest comes"
        assert len(seen) < publisher.count, "and what it was too slow for does not"


async def test_as_many_viewers_as_settings_allow(start: Start) -> None:
    service = start(viewers=1)
    async with connect(f"{service.ws}/v1/detections"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{service.ws}/v1/detections"):
                pass
        assert refused.value.response.status_code == 503


async def test_shutdown_tells_viewers(start: Start) -> None:
    service = start()
    async with connect(f"{service.ws}/v1/detections") as viewer:
        await eventually(lambda: service.context.hub.viewers("x") == 1)
        service.server.should_exit = True
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(viewer.recv(), 5)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
