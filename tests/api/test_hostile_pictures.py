"""Pictures that cost far more to decode than to send: refused, or decoded beside everything else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client import REGISTRY

from stream.config import StreamSettings
from stream.decoding import stills
from stream.decoding.costly_lane import COSTLY_LANE, CostlyLane, GivenUpError, Place
from stream.decoding.decoder_process import DecoderBounds
from stream.decoding.stills import StillDecoders
from tests.api.conftest import Service, Start
from tests.api.push_client import encoded, pushing
from tests.peers.decoder_processes import only_process, processes
from tests.peers.hostile_pictures import packed_texts, png, progressive_jpeg, sized_jpeg
from tests.peers.numbers import numbered_image

BOMBS = {
    "50 scans": progressive_jpeg((4000, 3000), 50),
    "3000 scans": progressive_jpeg((4000, 3000), 3000),
    "13 megapixels": sized_jpeg((4160, 3120)),
}


@pytest.mark.parametrize("path", ["/v1/predict?models=number", "/v1/predict/explain?model=number"])
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
async def test_predict_and_explain_refuse(service: Service, path: str, bomb: bytes) -> None:
    async with service.http() as http:
        begun_s = time.monotonic()
        answer = await http.post(path, content=bomb)
        assert answer.status_code == 413 and answer.json()["type"] == "urn:livesight:problem:image-too-large"
        assert "12582912" in answer.json()["detail"] or "201326592" in answer.json()["detail"]
        assert "stream.image_pixels" in answer.json()["detail"]
        assert time.monotonic() - begun_s < 5


async def test_a_batch_refuses_each(service: Service) -> None:
    files = [("files", ("x.jpg", data)) for data in (encoded(3), *BOMBS.values())]
    async with service.http() as http:
        results = (await http.post("/v1/predict/batch?models=number", files=files)).json()["results"]
    assert [entry.get("error", {}).get("status") for entry in results] == [None, 413, 413, 413]


async def test_pushed_frames_have_the_limit_of_frames(start: Start) -> None:
    """Larger than an upload may be, smaller than a camera's frame; and too many scans for that."""
    service = start(stream_settings=StreamSettings(image_pixels=100 * 100, frame_pixels=640 * 480))
    async with pushing(service.ws, "cam") as push:
        await push.send(encoded(1, size_wh=(640, 480)))
        assert (await push.answer())["frame"] == 0
        for bomb in (progressive_jpeg((640, 480), 50), sized_jpeg((641, 480))):
            await push.send(bomb)
            answer = await push.answer()
            assert answer["error"]["status"] == 413 and "stream.frame_pixels" in answer["error"]["detail"]


async def test_damaged_frames_are_counted_and_not_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Who pushes them could fill the disk."""
    damaged = encoded(1, ".png")[:-300]
    before = dropped("cam", "undecoded")
    async with pushing(service.ws, "cam") as push:
        for _ in range(20):
            ordinal = await push.send(damaged)
            answer = await push.answer()
            assert (answer["frame"], answer["error"]["type"]) == (ordinal, "urn:livesight:problem:bad-image")
        await push.send(encoded(2))
        assert "detections" in await push.answer()
    assert dropped("cam", "undecoded") == before + 20
    assert "undecodable" not in caplog.text


def dropped(stream: str, reason: str) -> float:
    return REGISTRY.get_sample_value("livesight_frames_dropped_total", {"stream": stream, "reason": reason}) or 0.0


async def test_a_png_of_packed_texts_costs_nothing(service: Service) -> None:
    data = png(numbered_image(7, (320, 192))[..., ::-1], before=packed_texts(150))
    async with service.http() as http:
        begun_s = time.monotonic()
        answer = await http.post("/v1/predict?models=number", content=data)
        assert answer.status_code == 200, answer.text
        assert time.monotonic() - begun_s < 5


@pytest.fixture
def held_lane(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The only place for costly pictures is taken until the function is called."""
    lane, go_on, taken = CostlyLane(1), threading.Event(), threading.Event()

    def hold() -> bool:
        taken.set()
        return go_on.wait(60)

    for name, value in vars(lane).items():
        monkeypatch.setattr(COSTLY_LANE, name, value)
    threading.Thread(target=lane.run, args=(hold,), daemon=True).start()
    assert taken.wait(10)
    return go_on.set


async def test_large_images_hold_up_no_small_ones(service: Service, held_lane: Callable[[], None]) -> None:
    large = progressive_jpeg((1600, 1200), 12)
    async with service.http() as http:
        waiting = {asyncio.create_task(http.post("/v1/predict?models=number", content=large)) for _ in range(6)}
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 2:
            more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert [task.result().status_code for task in done] == [503, 503]
        for _ in range(5):
            assert (await http.post("/v1/predict?models=number", content=encoded(1))).status_code == 200
            assert (await http.get("/healthz")).status_code == 200
        held_lane()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 4


async def test_an_image_whose_client_has_gone_is_not_decoded(
    service: Service, held_lane: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = asyncio.Event()
    loop = asyncio.get_running_loop()
    whole = COSTLY_LANE.place

    @contextmanager
    def place(asked: Callable[[], bool] = lambda: False) -> Iterator[Place]:
        try:
            with whole(asked) as own:
                yield own
        except GivenUpError:
            loop.call_soon_threadsafe(given_up.set)
            raise

    monkeypatch.setattr(COSTLY_LANE, "place", place)
    async with service.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/v1/predict?models=number", content=progressive_jpeg((1600, 1200), 12), timeout=1)
        await asyncio.wait_for(given_up.wait(), 20)
        held_lane()
        assert (await http.post("/v1/predict?models=number", content=encoded(1))).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="decoder processes are Linux's only")
async def test_a_machine_that_is_too_busy_says_so(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its decoder gets no CPU at all; then again some."""
    before, large = processes(), progressive_jpeg((1600, 1200), 12)
    decoders = StillDecoders(CostlyLane(1), DecoderBounds(most_s=1.0))
    monkeypatch.setattr(stills, "STILL_DECODERS", decoders)
    async with service.http() as http:
        assert (await http.post("/v1/predict?models=number", content=large)).status_code == 200
        os.kill(only_process(before), signal.SIGSTOP)
        answer = await http.post("/v1/predict?models=number", content=large, timeout=60)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:livesight:problem:overloaded")
        assert "the machine is too busy: the image was not decoded in 1 s" in answer.json()["detail"]
    assert processes() <= before
    decoders.close()


async def test_a_shutdown_does_not_wait_for_costly_pictures(service: Service, held_lane: Callable[[], None]) -> None:
    async with service.http() as http, pushing(service.ws, "cam") as push:
        await push.send(progressive_jpeg((1600, 1200), 12))
        request = asyncio.create_task(
            http.post("/v1/predict?models=number", content=progressive_jpeg((1600, 1200), 12), timeout=60)
        )
        assert (await http.get("/healthz")).status_code == 200
        begun_s = time.monotonic()
        service.server.should_exit = True
        await asyncio.wait({request}, timeout=20)
        assert request.done() and time.monotonic() - begun_s < 10
        request.exception()
    held_lane()
