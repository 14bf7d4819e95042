"""Snapshots and MJPEG: the right picture, one encode for all that look, and an end for each stream."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

import api.video.mjpeg
from tests.api.conftest import Service, Start
from tests.api.push_client import SIZE_WH, Pusher, encoded, pushing
from tests.api.waiting import eventually
from tests.peers.numbers import read_number
from workers.images.draw import color_of, jpeg


def decoded(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@contextlib.asynccontextmanager
async def camera(service: Service, fps: float = 25, size_wh: tuple[int, int] = SIZE_WH) -> AsyncIterator[Pusher]:
    """Pushes numbered pictures to `cam` until the context ends."""
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(encoded(0, size_wh=size_wh))
        await pusher.answer()

        async def feed() -> None:
            for number in itertools.count(1):
                await pusher.send(encoded(number, size_wh=size_wh))
                await pusher.answer()
                await asyncio.sleep(1 / fps)

        task = asyncio.create_task(feed())
        try:
            yield pusher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_snapshot_is_the_picture_its_headers_name(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher, service.http() as http:
        for number in (3, 900):
            await pusher.send(encoded(number, ".png"))
            result = await pusher.answer()
            for overlay in (0, 1):
                answer = await http.get(f"/v1/streams/cam/snapshot.jpg?overlay={overlay}")
                assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["x-livesight-session"] == result["session"]
                assert answer.headers["x-livesight-pts-us"] == str(result["pts_us"])
                assert answer.headers["x-livesight-frame"] == str(result["frame"])
                assert answer.headers["x-livesight-captured-at-ns"] == str(result["captured_at_ns"])
                if not overlay:
                    assert read_number(decoded(answer.content)) == number
                else:
                    assert drawn(decoded(answer.content), result)


def drawn(image_bgr: Any, result: dict[str, Any]) -> bool:
    """Whether the left edge of the first box is drawn in its label's colour."""
    found = result["detections"][0]
    x1, y1, _, y2 = (round(value) for value in found["xyxy"])
    edge = image_bgr[y1 + 20 : y2 - 20, x1].astype(int)
    return bool(np.abs(edge - np.array(color_of(found["label"]))).mean() < 60)


async def test_no_picture_yet_is_503(service: Service) -> None:
    async with pushing(service.ws, "cam"), service.http() as http:
        await eventually(lambda: len(service.node.streams.views()) == 1)
        answer = await http.get("/v1/streams/cam/snapshot.jpg")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:livesight:problem:no-picture"
        assert answer.headers["retry-after"] == "1"


async def parts(response: httpx.Response) -> AsyncIterator[tuple[dict[str, str], bytes]]:
    """The parts of a multipart stream; a part counts as soon as its boundary came."""
    boundary = response.headers["content-type"].split("boundary=")[1].encode()
    buffer = b""
    async for chunk in response.aiter_raw():
        buffer += chunk
        while (end := buffer.find(b"\r\n--" + boundary + b"\r\n")) >= 0:
            part, buffer = buffer[:end], buffer[end + len(boundary) + 6 :]
            head, _, data = part.removeprefix(b"--" + boundary + b"\r\n").partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            assert int(fields["content-length"]) == len(data)
            yield fields, data


async def test_mjpeg_shows_the_newest_at_most_so_often(service: Service) -> None:
    async with camera(service), service.http() as http:
        async with http.stream("GET", "/v1/streams/cam/mjpeg?overlay=0&fps=10") as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
            numbers, times = [], []
            async for fields, data in parts(response):
                number = read_number(decoded(data))
                assert fields["x-livesight-frame"] == str(number)
                numbers.append(number)
                times.append(asyncio.get_running_loop().time())
                if len(numbers) == 12:
                    break
        assert numbers == sorted(set(numbers))
        assert times[-1] - times[1] > 0.8, "ten a second, not more"
        await eventually(lambda: not service.context.jpeg_encoder._streams)
    await eventually(lambda: service.context.hub.viewers("cam") == 0)


async def test_viewers_of_a_variant_share_one_encoder(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    encodes: list[tuple[int, bool]] = []

    def counting(frame: Any, result: Any, overlay: bool, *how: Any) -> bytes:
        encodes.append((frame.number, overlay))
        return jpeg(frame, result, overlay, *how)

    monkeypatch.setattr(api.video.mjpeg, "jpeg", counting)

    async def look(http: httpx.AsyncClient, overlay: int) -> None:
        async with http.stream("GET", f"/v1/streams/cam/mjpeg?overlay={overlay}") as response:
            count = 0
            async for _ in parts(response):
                count += 1
                if count == 10:
                    return

    async with camera(service), service.http() as http:
        async with asyncio.TaskGroup() as group:
            for index in range(10):
                group.create_task(look(http, index % 2))
        for _ in range(5):
            await asyncio.gather(*(http.get("/v1/streams/cam/snapshot.jpg?overlay=1") for _ in range(4)))
    assert len(encodes) - len(set(encodes)) <= 2, "each picture once a variant, but for a rare tie"
    assert len(encodes) < 80


async def test_mjpeg_ends_with_the_stream(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher, service.http() as http:
        await pusher.send(encoded(1))
        await pusher.answer()
        async with http.stream("GET", "/v1/streams/cam/mjpeg") as response:
            stream = parts(response)
            assert (await anext(stream))[1]
            await http.delete("/v1/streams/cam")
            async with asyncio.timeout(5):
                with pytest.raises(StopAsyncIteration):
                    await anext(stream)
        await eventually(lambda: service.context.hub.viewers("cam") == 0)


async def test_mjpeg_ends_with_the_service(service: Service) -> None:
    async with camera(service), service.http() as http:
        async with http.stream("GET", "/v1/streams/cam/mjpeg") as response:
            stream = parts(response)
            await anext(stream)
            service.server.should_exit = True
            async with asyncio.timeout(5):
                async for _ in stream:
                    pass


async def test_player_that_never_reads_is_cut_off(start: Start) -> None:
    service = start(viewer_timeout_s=1.0, mjpeg_fps=60, jpeg_quality=100)
    async with camera(service, size_wh=(1920, 1080)):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", service.port))
        raw.sendall(f"GET /v1/streams/cam/mjpeg?fps=60 HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n\r\n".encode())
        try:
            await eventually(lambda: service.context.hub.viewers("cam") == 1)
            before = service.metric("livesight_viewers_cut_off_total")
            began_s = asyncio.get_running_loop().time()
            await eventually(lambda: service.context.hub.viewers("cam") == 0, 60)
            assert asyncio.get_running_loop().time() - began_s >= 1
            assert service.metric("livesight_viewers_cut_off_total") == before + 1
        finally:
            raw.close()


async def test_bad_rates_are_refused(service: Service) -> None:
    async with service.http() as http:
        for fps in ("0", "-1", "1000", "x"):
            answer = await http.get(f"/v1/streams/cam/mjpeg?fps={fps}")
            assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "fps"
