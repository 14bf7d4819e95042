"""Clips: the pictures that were asked for, from the key frame before them, as they came."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from stream.config import StreamConfig
from tests.api.conftest import Service
from tests.api.push_client import encoded, pushing
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import number_in
from tests.peers.numbers import read_number


def shown(picture: av.VideoFrame) -> Any:
    """As u8 BGR."""
    return picture.to_ndarray(format="bgr24")


def numbers(data: bytes) -> dict[int, int]:
    """The painted number by time in microseconds of each picture of a clip."""
    with av.open(io.BytesIO(data), "r") as container:
        return {
            round(picture.pts * picture.time_base * 1_000_000): read_number(shown(picture))
            for picture in container.decode(video=0)
            if picture.pts is not None and picture.time_base is not None
        }


async def cut(http: httpx.AsyncClient, from_us: int, to_us: int) -> httpx.Response:
    return await http.post("/v1/streams/cam/clips", json={"from_us": from_us, "to_us": to_us})


async def until_kept(http: httpx.AsyncClient, from_us: int, to_us: int) -> httpx.Response:
    """The clip, as soon as all of it has arrived."""
    async with asyncio.timeout(40):
        while True:
            answer = await cut(http, from_us, to_us)
            if answer.status_code == 200 and int(answer.headers["x-livesight-to-us"]) >= to_us:
                return answer
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("codec", "suffix", "media"),
    [("h264", ".mp4", "video/mp4"), ("hevc", ".mp4", "video/mp4"), ("vp9", ".webm", "video/webm")],
)
async def test_a_clip_holds_what_was_asked_for(
    service: Service, tmp_path: Path, codec: str, suffix: str, media: str
) -> None:
    b_frames = 2 if suffix == ".mp4" else 0
    clip = make_numbered(tmp_path / f"clip{suffix}", ClipSpec(frames=250, codec=codec, b_frames=b_frames, gop=25))
    config = StreamConfig(id="cam", url=f"file:{clip}", models=("number",))
    await asyncio.to_thread(service.node.streams.add, config, allow_local=True)
    async with service.http() as http:
        answer = await until_kept(http, 1_200_000, 2_000_000)
        assert answer.headers["content-type"] == media
        assert answer.headers["x-livesight-from-us"] == "1000000", "the key frame before"
        assert 2_000_000 <= int(answer.headers["x-livesight-to-us"]) <= 2_080_000
        painted = numbers(answer.content)
        assert {time_us // 40_000 + 25 for time_us in painted} >= set(range(30, 51))
        assert all(number == round(time_us / 40_000) + 25 for time_us, number in painted.items()), painted
        begin_us, end_us = (int(answer.headers[f"x-livesight-{end}-us"]) for end in ("from", "to"))
        span = {"from_us": begin_us, "to_us": end_us, "session": answer.headers["x-livesight-session"]}
        beside = await http.get("/v1/streams/cam/results", params=span)
        assert beside.headers["content-type"] == "application/jsonl"
        seen = {result["pts_us"] - begin_us: result for result in map(json.loads, beside.text.splitlines())}
        assert len(seen) > 15 and set(seen) <= set(painted), "each is of a frame of the clip, by its very time"
        for time_us, result in seen.items():
            assert number_in(result["detections"][0]["xyxy"], (320, 180)) == painted[time_us]
        over = await http.get("/v1/streams/cam/results", params={**span, "session": "another"})
        assert over.status_code == 409 and "is over" in over.json()["detail"]
        late = await cut(http, 10**12, 10**12 + 1)
        assert late.status_code == 416 and late.json()["type"] == "urn:livesight:problem:range-unavailable"
        assert late.json()["to_us"] >= 2_000_000 and "holds video" in late.json()["detail"]
        other = await http.post("/v1/streams/cam/clips", json={"from_us": 0, "to_us": 1, "session": "another"})
        assert other.status_code == 409


async def test_clips_that_cannot_be_cut(service: Service, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(encoded(1, ".png"))
    config = StreamConfig(id="cam", url=f"file:{tmp_path}/*.png", models=("number",))
    await asyncio.to_thread(service.node.streams.add, config, allow_local=True)
    async with service.http() as http:
        nothing = await cut(http, 0, 1)
        assert nothing.status_code == 404 and nothing.json()["type"] == "urn:livesight:problem:clip-unavailable"
        backwards = await cut(http, 2, 1)
        assert backwards.status_code == 422 and "to_us" in backwards.json()["detail"]
        backwards = await http.get("/v1/streams/cam/results?from_us=2&to_us=1")
        assert backwards.status_code == 422 and "to_us" in backwards.json()["detail"]
        assert (await http.get("/v1/streams/cam/results")).text == "", "no packets to cut a clip from"
        assert (await http.get("/v1/streams/nobody/results")).status_code == 404
        unknown = await http.post("/v1/streams/nobody/clips", json={"from_us": 0, "to_us": 1})
        assert unknown.status_code == 404 and unknown.json()["type"] == "urn:livesight:problem:stream-unknown"


async def test_pushed_jpegs_make_a_clip(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher, service.http() as http:
        pts = []
        for number in range(6):
            await pusher.send(encoded(number))
            pts.append((await pusher.answer())["pts_us"])
        answer = await cut(http, pts[0], pts[-1])
        assert answer.status_code == 200 and answer.headers["x-livesight-pictures"] == "6"
        assert set(numbers(answer.content).values()) >= set(range(5))
