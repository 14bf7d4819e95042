"""A blurred stream: no face leaves by any endpoint, and no picture that was not analysed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import connect

from stream.config import StreamConfig
from tests.api.conftest import Service, running
from tests.api.push_client import pushing
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.numbers import numbered_image
from tests.peers.video_client import PICTURE, viewing
from tests.peers.yunet import YuNet
from workers.model_card import ModelStore, shipped_models_dir


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Service]:
    """A service with the mask model that ships."""
    with running(tmp_path, store=ModelStore([shipped_models_dir()])) as service:
        yield service


def decoded(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("clip", ["head-pose-face-detection-male.mp4", "head-pose-face-detection-female-and-male.mp4"])
async def test_no_face_leaves(real: Service, data_dir: Path, clip: str) -> None:
    yunet = YuNet()
    config = StreamConfig(id="cam", url=f"file:{data_dir / 'videos' / clip}", blur=True)
    await asyncio.to_thread(real.node.streams.add, config, allow_local=True)
    async with real.http() as http, viewing(real.ws, "cam") as client:
        await client.until(lambda client: len(client.data) >= 12, 60)
        pictures = list(client.data.values())
        for overlay in (0, 1):
            answer = await http.get(f"/v1/streams/cam/snapshot.jpg?overlay={overlay}")
            assert answer.status_code == 200
            pictures.append(answer.content)
        async with http.stream("GET", "/v1/streams/cam/mjpeg?overlay=0") as response:
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if body.count(b"\xff\xd9\r\n--livesight-frame") >= 3:
                    break
        pictures += [b"\xff\xd8" + part.split(b"\r\n--")[0] for part in body.split(b"\r\n\r\n\xff\xd8")[1:4]]
        assert set(client.kinds) == {PICTURE}
        refused = await http.post("/v1/streams/cam/clips", json={"from_us": 0, "to_us": 10**9})
        assert refused.status_code == 409 and "blurred" in refused.json()["detail"]
        assert len(pictures) == 17
        assert [yunet.faces(decoded(picture)) for picture in pictures] == [0] * 17
        assert (await http.get("/v1/streams/cam")).json()["blur"] is True
        answer = await http.patch("/v1/streams/cam", json={"blur": False})
        assert answer.status_code == 200 and answer.json()["blur"] is False
        await client.until(lambda client: client.configs[-1]["codec"].startswith("avc1."))
        seen = len(client.numbers)
        await client.until(lambda client: len(client.numbers) >= seen + 3)
        shown = await http.get("/v1/streams/cam/snapshot.jpg")
        if shown.status_code == 200:
            assert yunet.faces(decoded(shown.content)) > 0, "it is the blur that hides them"


async def test_only_analysed_pictures_leave(service: Service, tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=100, b_frames=2))
    config = StreamConfig(id="cam", url=f"file:{clip}", models=("number",), blur=True)
    results: set[tuple[str, int]] = set()
    async with connect(f"{service.ws}/v1/detections?stream=cam", max_size=None) as socket:

        async def note() -> None:
            async for text in socket:
                result = json.loads(text)
                results.add((result["session"], result["pts_us"]))

        task = asyncio.create_task(note())
        await asyncio.to_thread(service.node.streams.add, config, allow_local=True)
        async with viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(client.data) >= 15)
            await asyncio.sleep(0)
            last = list(client.data)[-1]
            async with asyncio.timeout(20):
                while last not in results:
                    await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert set(client.data) <= results and set(client.kinds) == {PICTURE}


async def test_pushed_pictures_are_blurred_too(service: Service) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (192, 320, 3), np.uint8)
    pushed = cv2.imencode(".jpg", numbered_image(5, (320, 192), noise))[1].tobytes()
    async with pushing(service.ws, "cam", "?models=number&blur=true") as pusher:
        await pusher.send(pushed)
        x1, y1, x2, y2 = (round(value) for value in (await pusher.answer())["detections"][0]["xyxy"])
        async with viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(client.data) == 1)
        (picture,) = client.data.values()
        assert picture != pushed
        before, after = (decoded(data)[y1:y2, x1:x2].astype(int) for data in (pushed, picture))
        assert np.abs(before - after).mean() > 10
