"""Pictures pushed over a WebSocket: each is answered exactly once, by the right result, whatever happens."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stream.config import StreamSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import SIZE_WH, Pusher, encoded, png_bomb, pushing
from tests.api.waiting import eventually
from tests.peers.number_engine import NumberEngine, number_in


def number_of(result: dict[str, object]) -> int:
    return number_in(result["detections"][0]["xyxy"], SIZE_WH)  # type: ignore[index]


async def closed_with(pusher: Pusher) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await pusher.answer()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_result_carries_ordinal_and_is_of_that_picture(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher:
        for index, suffix in enumerate([".jpg", ".png", ".webp"] * 5):
            ordinal = await pusher.send(encoded(1000 + index, suffix))
            told = await pusher.answer()
            assert told["frame"] == ordinal == index
            assert number_of(told) == 1000 + index
            assert told["stream_id"] == "cam"


async def test_flood_is_answered_never_closed(start: Start) -> None:
    service = start(engine=NumberEngine(before=lambda numbers: time.sleep(0.05)))
    async with pushing(service.ws, "cam") as pusher:
        pictures = [encoded(number) for number in range(300)]
        for data in pictures:
            await pusher.send(data)
        await pusher.all_answers()
    assert sorted(pusher.answers) == list(range(300)), "each exactly once"
    assert 2 <= len(pusher.results) < 300
    assert all(number_of(result) == ordinal for ordinal, result in pusher.results.items())
    assert 299 in pusher.results, "the newest is never the one that is dropped"


async def test_bad_pictures_are_told_and_cost_nothing_else(service: Service) -> None:
    cut = encoded(3)[:400]
    async with pushing(service.ws, "cam") as pusher:
        for data in (encoded(0), b"no picture", png_bomb(), encoded(3, ".png")[:60], encoded(4)):
            await pusher.send(data)
            await pusher.answer()
        assert set(pusher.results) == {0, 4}
        assert pusher.errors[1]["error"]["type"] == "urn:livesight:problem:bad-image"
        assert pusher.errors[2]["error"]["type"] == "urn:livesight:problem:image-too-large"
        assert set(pusher.errors) == {1, 2, 3}
        await pusher.send(cut)
        await pusher.send(encoded(6))
        await pusher.all_answers()
        assert 6 in pusher.results


async def test_raising_model_costs_only_its_pictures(start: Start) -> None:
    def before(numbers: list[int]) -> None:
        if numbers[0] % 3 == 1:
            raise RuntimeError("no")

    service = start(engine=NumberEngine(before=before), answer_timeout_s=1.0)
    async with pushing(service.ws, "cam") as pusher:
        for number in range(8):
            await pusher.send(encoded(number))
            if number % 3 != 1:
                while number not in pusher.results:
                    await pusher.answer()
        await pusher.all_answers()  # number 7 has none after it: the time-out drops it
        assert sorted(pusher.answers) == list(range(8))
        assert pusher.dropped == [1, 4, 7]


async def test_pictures_beyond_the_limit_are_answered_at_once(service: Service) -> None:
    async with pushing(service.ws, "cam", "?models=number&max_fps=0.1") as pusher:
        await pusher.send(encoded(0))
        assert number_of(await pusher.answer()) == 0
        for number in range(1, 5):
            await pusher.send(encoded(number))
            assert (await pusher.answer()) == {"dropped": [number]}, "the client waits for no turn that does not come"
        assert service.node.streams.view("cam").max_fps == 0.1


@pytest.mark.parametrize("wrong", ["0", "-1", "241", "many"])
async def test_a_limit_that_is_none_is_refused(service: Service, wrong: str) -> None:
    with pytest.raises(InvalidStatus):
        async with pushing(service.ws, "cam", f"?max_fps={wrong}"):
            pass
    assert service.node.streams.views() == []


async def test_too_many_bytes_close_with_1009_and_harm_nobody(start: Start) -> None:
    service = start(stream_settings=StreamSettings(image_bytes=100_000))
    async with pushing(service.ws, "other") as other:
        for size in (100_001, 5_000_000):
            async with pushing(service.ws, "cam") as pusher:
                try:
                    await pusher.send(b"\xff\xd8" + b"x" * (size - 2))
                except ConnectionClosed:
                    pass
                code, reason = await closed_with(pusher)
                assert code == 1009
                assert "100001 bytes" in reason or "exceeds" in reason
            await other.send(encoded(1))
            assert number_of(await other.answer()) == 1
            await asyncio.sleep(0.2)


async def test_text_closes_with_1003(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher:
        await pusher.socket.send("hello")
        code, reason = await closed_with(pusher)
        assert code == 1003 and "binary" in reason


async def test_busy_stream_is_1013_and_unaffected(service: Service) -> None:
    async with pushing(service.ws, "cam") as first:
        await first.send(encoded(0))
        await first.answer()
        async with pushing(service.ws, "cam") as second:
            code, reason = await closed_with(second)
            assert code == 1013 and "cam" in reason
        await first.send(encoded(1))
        assert number_of(await first.answer()) == 1


@pytest.mark.parametrize("query", ["?models=nothing", "?models=No%20Name"])
async def test_unusable_models_close_with_1008(service: Service, query: str) -> None:
    async with pushing(service.ws, "cam", query) as pusher:
        code, reason = await closed_with(pusher)
        assert code == 1008 and "model" in reason
    assert service.node.streams.views() == []


async def test_bad_id_is_refused(service: Service) -> None:
    with pytest.raises(Exception, match="422"):
        async with connect(f"{service.ws}/v1/streams/No!/frames"):
            pass


async def test_ephemeral_stream_lingers_then_goes(start: Start) -> None:
    service = start(stream_settings=StreamSettings(ephemeral_s=2.0))
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(encoded(0))
        session = (await pusher.answer())["session"]
        async with service.http() as http:
            shown = (await http.get("/v1/streams/cam")).json()
            assert shown["ephemeral"] and shown["state"] == "live" and shown["session"] == session
    async with service.http() as http:
        await eventually(lambda: service.node.streams.view("cam").state == "ended", 1.5)
        async with pushing(service.ws, "cam") as pusher:  # taken over while it lingers: a new session from 0
            await pusher.send(encoded(7))
            told = await pusher.answer()
            assert told["frame"] == 0 and told["session"] != session and number_of(told) == 7
            await asyncio.sleep(2.2)  # the first push's end must not remove the second's stream
            assert (await http.get("/v1/streams/cam")).json()["state"] in ("live", "stalled")
        deadline_s = time.monotonic() + 5
        while (await http.get("/v1/streams/cam")).status_code != 404:
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.05)
        assert 'stream="cam"' not in (await http.get("/metrics")).text


async def test_removed_stream_ends_the_push(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(encoded(0))
        await pusher.answer()
        async with service.http() as http:
            assert (await http.delete("/v1/streams/cam")).status_code == 204
        code, reason = await closed_with(pusher)
        assert code == 1001 and "removed" in reason


async def test_as_many_pushes_as_settings_allow(start: Start) -> None:
    service = start(pushes=1)
    async with pushing(service.ws, "a") as first:
        await first.send(encoded(0))
        await first.answer()
        async with pushing(service.ws, "b") as second:
            assert (await closed_with(second))[0] == 1013


async def test_client_that_takes_no_answers_is_held_back(start: Start) -> None:
    """What it sends stays in its own socket; nothing gathers in the service."""
    service = start()
    async with connect(
        f"{service.ws}/v1/streams/cam/frames?models=number", max_size=None, compression=None, max_queue=1
    ) as socket:
        data = encoded(1, ".png", (1280, 720))
        sent = 0
        try:
            async with asyncio.timeout(3):
                while True:
                    await socket.send(data)
                    sent += 1
        except TimeoutError:
            pass
        pusher = Pusher(socket)
        pusher.sent = sent
        await pusher.all_answers()
        assert sorted(pusher.answers)[:sent] == list(range(sent))


async def test_shutdown_answers_and_leaves_no_thread(start: Start) -> None:
    service = start()
    async with pushing(service.ws, "cam") as pusher:
        await pusher.send(encoded(0))
        await pusher.answer()
        ending = asyncio.create_task(asyncio.to_thread(service.node.close))
        service.server.should_exit = True
        code, _ = await closed_with(pusher)
        assert code in (1001, 1012)
        await ending
    ours = ("frames-", "picture", "predict", "api_", "server", "inference-")
    await eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith(ours)])
