"""The picture for browsers: every packet untouched with the time of its result, for viewers fast and slow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import api.video.mjpeg
from stream.config import StreamConfig, StreamSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import encoded, pushing
from tests.api.test_detections import open_raw, read_to_end
from tests.api.waiting import eventually
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import number_in
from tests.peers.rtsp import Mount, RtspServer
from tests.peers.video_client import DELTA, KEY, PICTURE, Shown, VideoClient, viewing
from tests.peers.whip_client import NumberedTrack, WhipClient, loopback_ice
from workers.images.draw import jpeg
from workers.node.passthrough import Passthrough


@pytest.fixture
def b_frames_h264(tmp_path: Path) -> Path:
    """For an RTSP camera: ten seconds with two B-frames between the others."""
    return make_numbered(tmp_path / "b.h264", ClipSpec(frames=250, b_frames=2, gop=24))


def add(service: Service, url: str, **more: Any) -> None:
    """A pulled stream `cam` with the engine that reads the painted numbers. Blocking."""
    config = StreamConfig(id="cam", url=url, models=("number",), **more)
    service.node.streams.add(config, allow_local=True)


@contextlib.asynccontextmanager
async def results(service: Service) -> AsyncIterator[dict[Shown, int]]:
    """The number in each result of `cam`, by the picture it belongs to, as they come."""
    seen: dict[Shown, int] = {}
    async with connect(f"{service.ws}/v1/detections?stream=cam", max_size=None) as socket:

        async def read() -> None:
            async for text in socket:
                result = json.loads(text)
                for found in result["detections"]:
                    number = number_in(tuple(found["xyxy"]), tuple(result["size_wh"]))
                    seen[result["session"], result["pts_us"]] = number

        task = asyncio.create_task(read())
        try:
            yield seen
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def both(client: VideoClient, seen: dict[Shown, int]) -> list[tuple[int, int | None]]:
    """(number in the result, number in the picture) of all pictures that were analysed and decoded."""
    return [(seen[shown], client.numbers[shown]) for shown in client.numbers if shown in seen]


async def test_rtsp_with_b_frames_shows_the_numbers_of_its_results(service: Service, b_frames_h264: Path) -> None:
    with RtspServer({"cam": Mount(b_frames_h264)}) as server:
        await asyncio.to_thread(add, service, server.url("cam"))
        async with results(service) as seen, viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(both(client, seen)) >= 100)
            pairs = both(client, seen)
        assert all(result == picture for result, picture in pairs), pairs
        config = client.configs[0]
        assert len(client.configs) == 1 and config["codec"].startswith("avc1.") and config["description"] is None
        assert config["coded_wh"] == [320, 180]
        assert client.kinds[0] == KEY and DELTA in client.kinds
        order = [pts_us for _, pts_us in client.data]
        assert order != sorted(order), "decode order, and B-frames in it"


@pytest.mark.parametrize(
    ("codec", "suffix", "b_frames", "begins"),
    [
        ("h264", ".mp4", 2, "avc1."),
        ("hevc", ".mp4", 2, "hvc1.1.6."),
        ("vp8", ".webm", 0, "vp8"),
        ("vp9", ".webm", 0, "vp09.00."),
        ("av1", ".mp4", 0, "av01.0."),
    ],
)
async def test_files_of_each_codec_pass_untouched(
    service: Service, tmp_path: Path, codec: str, suffix: str, b_frames: int, begins: str
) -> None:
    clip = make_numbered(tmp_path / f"clip{suffix}", ClipSpec(frames=40, codec=codec, b_frames=b_frames, gop=20))
    await asyncio.to_thread(add, service, f"file:{clip}")
    async with results(service) as seen, viewing(service.ws, "cam") as client:
        await client.until(lambda client: len(both(client, seen)) >= 60)  # more than one round of the loop
        pairs = both(client, seen)
    assert all(result == picture for result, picture in pairs), pairs
    assert client.configs[0]["codec"].startswith(begins)
    assert (client.configs[0]["description"] is not None) == (codec in ("h264", "hevc"))
    assert len(client.configs) == 1 and client.configs[0]["coded_wh"] == [320, 180]
    assert PICTURE not in client.kinds


@pytest.mark.parametrize(("codec", "suffix", "b_frames"), [("mpeg4", ".mp4", 2), ("h264", ".avi", 2)])
async def test_what_browsers_cannot_decode_exactly_goes_as_pictures(
    service: Service, tmp_path: Path, codec: str, suffix: str, b_frames: int
) -> None:
    clip = make_numbered(tmp_path / f"clip{suffix}", ClipSpec(frames=50, codec=codec, b_frames=b_frames))
    await asyncio.to_thread(add, service, f"file:{clip}")
    async with results(service) as seen, viewing(service.ws, "cam") as client:
        await client.until(lambda client: len(both(client, seen)) >= 15 and set(client.kinds[-10:]) == {PICTURE})
        pairs = [(seen[shown], client.numbers[shown]) for shown in list(client.numbers)[-10:] if shown in seen]
    assert pairs and all(result == picture for result, picture in pairs), pairs
    assert client.configs[-1]["codec"] == "jpeg" and client.configs[-1]["coded_wh"] == [320, 180]


async def test_a_new_viewer_gets_the_group_of_pictures_at_once(service: Service, tmp_path: Path) -> None:
    """With a key frame each ten seconds only, a second viewer must not wait for the next."""
    clip = make_numbered(tmp_path / "long.mp4", ClipSpec(frames=300, gop=300, size_wh=(160, 90)))
    await asyncio.to_thread(add, service, f"file:{clip}")
    async with viewing(service.ws, "cam") as first:
        await first.until(lambda client: len(client.kinds) >= 40)
        async with viewing(service.ws, "cam") as second:
            await second.until(lambda client: len(client.kinds) >= 40)
        assert second.kinds[0] == KEY and KEY not in second.kinds[1:]
        shared = [shown for shown in second.data if shown in first.data]
        assert len(shared) >= 35 and all(first.data[shown] == second.data[shown] for shown in shared)


@pytest.fixture
def on_loopback() -> Iterator[None]:
    with loopback_ice():
        yield


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_own_camera_with_changing_size(service: Service, on_loopback: None, codec: Any) -> None:
    track = NumberedTrack(size_wh=(320, 180), fps=20)
    async with service.http() as http, results(service) as seen, WhipClient(track, codec) as camera:
        await camera.connect_http(http, "/v1/streams/cam/whip?models=number")
        async with viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(both(client, seen)) >= 10)
            track.size_wh = (480, 270)
            await client.until(lambda client: list(client.sizes.values())[-1:] == [(480, 270)])
            await client.until(lambda client: len(both(client, seen)) >= 30)
            pairs = both(client, seen)
        sizes = [config["coded_wh"] for config in client.configs]
        assert sizes[0] == [320, 180] and sizes[-1] == [480, 270]
        assert {config["session"] for config in client.configs} == {client.configs[0]["session"]}
        assert all(result == picture for result, picture in pairs if picture is not None), pairs
        assert sum(picture is not None for _, picture in pairs) >= 20


async def test_a_camera_that_returns_is_a_new_session(start: Start, b_frames_h264: Path) -> None:
    service = start(stream_settings=StreamSettings(backoff_min_s=0.2, backoff_max_s=0.5))
    with RtspServer({"cam": Mount(b_frames_h264)}) as server:
        await asyncio.to_thread(add, service, server.url("cam"))
        async with viewing(service.ws, "cam") as client, results(service) as seen:
            await client.until(lambda client: len(client.kinds) >= 20)
            await asyncio.to_thread(server.restart)
            await client.until(lambda client: len({config["session"] for config in client.configs}) == 2)
            later = client.configs[-1]["session"]
            await client.until(lambda client: sum(s == later for s, _ in client.numbers if (s, _) in seen) >= 10)
            assert all(result == picture for result, picture in both(client, seen))


async def test_changing_the_stream_keeps_its_viewers(service: Service, tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=50))
    await asyncio.to_thread(add, service, f"file:{clip}")
    async with viewing(service.ws, "cam") as client:
        await client.until(lambda client: len(client.kinds) >= 5)
        async with service.http() as http:
            for enabled in (False, True):
                answer = await http.patch("/v1/streams/cam", json={"enabled": enabled})
                assert answer.status_code == 200
        await client.until(lambda client: len({config["session"] for config in client.configs}) == 2)


async def test_pushed_jpegs_pass_as_they_are_and_pngs_as_jpegs(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher:
        jpegs = [encoded(number) for number in range(5)]
        await pusher.send(jpegs[0])
        pts = [(await pusher.answer())["pts_us"]]
        async with viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(client.kinds) == 1)
            for data in jpegs[1:]:
                await pusher.send(data)
                pts.append((await pusher.answer())["pts_us"])
            await client.until(lambda client: len(client.kinds) == 5)
            assert list(client.data.values()) == jpegs and [pts_us for _, pts_us in client.data] == pts
            assert set(client.kinds) == {PICTURE} and [config["codec"] for config in client.configs] == ["jpeg"]
            await pusher.send(encoded(77, ".png"))
            result = await pusher.answer()
            await client.until(lambda client: len(client.kinds) == 6)
            assert client.numbers[result["session"], result["pts_us"]] == 77


async def test_nothing_is_encoded_while_it_is_not_known_what_the_source_gives(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = threading.Event()
    outlet = service.node.streams.passthrough

    def drawing(*arguments: Any) -> bytes:
        encoding.set()
        return jpeg(*arguments)

    def looking(stream_id: str) -> Passthrough:
        encoding.wait(1)  # long enough for who does not wait for the answer
        return outlet(stream_id)

    monkeypatch.setattr(api.video.mjpeg, "jpeg", drawing)
    monkeypatch.setattr(service.node.streams, "passthrough", looking)
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(encoded(1))
        pts_us = (await pusher.answer())["pts_us"]
        async with viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(client.kinds) == 1)
            assert [(*shown[1:], data) for shown, data in client.data.items()] == [(pts_us, encoded(1))]
    assert not encoding.is_set()


async def test_pictures_are_encoded_once_for_all_viewers(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encodes: list[int] = []

    def counting(frame: Any, result: Any, overlay: bool, *how: Any) -> bytes:
        encodes.append(frame.number)
        return jpeg(frame, result, overlay, *how)

    monkeypatch.setattr(api.video.mjpeg, "jpeg", counting)
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(encoded(number, ".png"))
    await asyncio.to_thread(add, service, f"file:{tmp_path}/*.png")
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(viewing(service.ws, "cam")) for _ in range(5)]
        for client in clients:
            await client.until(lambda client: len(client.kinds) >= 6)
        numbers = [number for client in clients for number in client.numbers.values()]
        assert None not in numbers and len(set(numbers)) >= 6
    assert len(encodes) == len(set(encodes))


class NoisyPusher:
    """Large pictures that do not compress, so that buffers fill."""

    def __init__(self) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
        self.data = _jpeg(noise)


def _jpeg(image_bgr: Any) -> bytes:
    import cv2

    return cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


async def test_a_viewer_that_lags_is_told_what_it_missed(start: Start) -> None:
    service = start(viewer_timeout_s=60, video_queue_bytes=2**20, video_lag_s=60)
    data = NoisyPusher().data
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(data)
        await pusher.answer()
        url = f"{service.ws}/v1/streams/cam/video"
        async with connect(url, max_size=None, max_queue=1, compression=None) as socket:
            await eventually(lambda: service.context.hub.viewers("cam") == 1)
            client, sent = VideoClient(socket), 1
            await client.until(lambda client: len(client.kinds) == 1)  # what is pushed from now on is this viewer's
            while service.metric("livesight_video_skipped_total") == 0:
                await pusher.send(data)
                await pusher.answer()
                sent += 1
                assert sent < 400, "nothing was skipped"
            await client.until(lambda client: len(client.skipped) > 0)
            await client.until(lambda client: len(client.kinds) + sum(client.skipped) >= sent)
            assert len(client.kinds) + sum(client.skipped) == sent


async def test_a_viewer_that_never_reads_is_cut_off(start: Start) -> None:
    service = start(viewer_timeout_s=1.0)
    data = NoisyPusher().data
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(data)
        await pusher.answer()
        raw = open_raw(service, "/v1/streams/cam/video")
        try:
            await eventually(lambda: service.context.hub.viewers("cam") == 1)
            async with viewing(service.ws, "cam") as good:
                for _ in range(600):
                    await pusher.send(data)
                    await pusher.answer()
                    await good.take()
                    if service.context.hub.viewers("cam") == 1:
                        break
                assert service.context.hub.viewers("cam") == 1, "it was not cut off"
            assert (await asyncio.to_thread(read_to_end, raw)).endswith(b"the viewer read nothing for 1 s")
        finally:
            raw.close()


async def test_unknown_and_removed_streams(service: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with viewing(service.ws, "nobody"):
            pass
    assert refused.value.response.status_code == 404
    async with pushing(service.ws, "cam") as pusher, service.http() as http:
        await pusher.send(encoded(1))
        await pusher.answer()
        async with viewing(service.ws, "cam") as client:
            await client.until(lambda client: len(client.kinds) == 1)
            await http.delete("/v1/streams/cam")
            with pytest.raises(ConnectionClosed) as closed:
                await client.until(lambda client: False)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        assert "removed" in closed.value.rcvd.reason
    await eventually(lambda: service.context.hub.viewers("cam") == 0)
    assert not service.context.channels._channels
