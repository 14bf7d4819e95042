"""WHIP over HTTP with a real WebRTC peer: the requests of RFC 9725, and what becomes of streams and sessions."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from api.routes.whip import ice_links
from stream.config import StreamSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import encoded, pushing
from tests.api.waiting import eventually
from tests.peers.number_engine import number_in
from tests.peers.whip_client import NumberedTrack, WhipClient, loopback_ice

SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}


@pytest.fixture(autouse=True)
def on_loopback() -> Iterator[None]:
    with loopback_ice():
        yield


async def test_pushed_video_comes_back_as_results_of_its_pictures(service: Service) -> None:
    track = NumberedTrack(size_wh=(640, 360))
    async with (
        service.http() as http,
        connect(f"{service.ws}/v1/detections?stream=cam") as viewer,
        WhipClient(track) as client,
    ):
        answer = await client.connect_http(http, "/v1/streams/cam/whip?models=number")
        assert answer.headers["location"].startswith("/v1/streams/cam/whip/")
        assert answer.headers["etag"].startswith('"')
        assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
        seen = [json.loads(await asyncio.wait_for(viewer.recv(), 20)) for _ in range(30)]
        readable = [result for result in seen if result["detections"]]
        assert len(readable) >= 20
        for earlier, later in itertools.pairwise(readable):
            apart = [number_in(r["detections"][0]["xyxy"], tuple(r["size_wh"])) for r in (earlier, later)]
            pts_90khz = [track.sent[number] for number in apart]
            apart_us = later["pts_us"] - earlier["pts_us"]
            assert abs(apart_us - (pts_90khz[1] - pts_90khz[0]) * 100 / 9) < 1000, "number and pts belong together"
        shown = (await http.get("/v1/streams/cam")).json()
        assert shown["kind"] == "whip" and shown["ephemeral"] and shown["state"] == "live"
        assert shown["models"] == ["number"]
        ended = await http.delete(client.url)
        assert ended.status_code == 200
        assert (await http.delete(client.url)).status_code == 404
        assert (await http.get("/v1/streams/cam")).json()["state"] == "ended"
    assert len(service.context.whip.sessions) == 0


async def test_busy_stream_is_409(service: Service) -> None:
    async with service.http() as http, WhipClient(NumberedTrack()) as first, WhipClient(NumberedTrack()) as second:
        await first.connect_http(http, "/v1/streams/cam/whip?models=number")
        refused = await http.post("/v1/streams/cam/whip", content=await second.offer(), headers=SDP)
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:livesight:problem:stream-busy"
        async with pushing(service.ws, "other") as pusher:
            await pusher.send(encoded(0))
            await pusher.answer()
            refused = await http.post("/v1/streams/other/whip", content=await second.offer(), headers=SDP)
            assert refused.status_code == 409
        assert len(service.context.whip.sessions) == 1


async def test_peer_that_leaves_frees_the_id_after_a_while(start: Start) -> None:
    service = start(stream_settings=StreamSettings(ephemeral_s=0.5, whip_timeout_s=1.0))
    async with service.http() as http:
        async with WhipClient(NumberedTrack()) as client:
            await client.connect_http(http, "/v1/streams/cam/whip?models=number")
            await client.connected()
            client.vanish()
            async with asyncio.timeout(10):
                while (await http.get("/v1/streams/cam")).status_code != 404:
                    await asyncio.sleep(0.1)
    await eventually(lambda: len(service.context.whip.sessions) == 0)
    assert service.node.streams.views() == []


async def test_deleting_the_stream_ends_the_session(service: Service) -> None:
    async with service.http() as http, WhipClient(NumberedTrack()) as client:
        await client.connect_http(http, "/v1/streams/cam/whip?models=number")
        assert (await http.delete("/v1/streams/cam")).status_code == 204
        await eventually(lambda: len(service.context.whip.sessions) == 0)
        assert (await http.delete(client.url)).status_code == 404
        assert (await http.get("/v1/streams/cam")).status_code == 404


async def test_trickle(service: Service) -> None:
    async with service.http() as http, WhipClient(NumberedTrack()) as client:
        await client.connect_http(http, "/v1/streams/cam/whip?models=number")
        lines = client.connection.localDescription.sdp.splitlines()
        credentials = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd"))][:2]
        candidates = [line for line in lines if line.startswith("a=candidate")][:1]
        fragment = "\r\n".join([*credentials, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *candidates, ""])
        match = {"if-match": client.etag}
        fine = await http.patch(client.url, content=fragment, headers={**FRAGMENT, **match})
        assert fine.status_code == 204, fine.text
        for headers, status in (
            ({**FRAGMENT}, 428),
            ({**FRAGMENT, "if-match": '"other"'}, 412),
            ({**FRAGMENT, "if-match": "*"}, 422),
            ({**SDP, **match}, 415),
        ):
            refused = await http.patch(client.url, content=fragment, headers=headers)
            assert refused.status_code == status, (headers, refused.text)
            assert refused.headers["content-type"] == "application/problem+json"
        wrong_stream = client.url.replace("/cam/", "/other/")
        for url in (wrong_stream, client.url + "x"):
            assert (await http.patch(url, content=fragment, headers={**FRAGMENT, **match})).status_code == 404
            assert (await http.delete(url)).status_code == 404


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        ("v=0", {"content-type": "application/json"}, 415),
        ("v=0", {}, 415),
        ("this is no offer", SDP, 400),
        (b"\xff\xfe", SDP, 400),
        ("", SDP, 400),
        ("v=0\r\n" * 100_000, SDP, 413),
    ],
)
async def test_bad_offers(service: Service, content: str | bytes, headers: dict[str, str], status: int) -> None:
    async with service.http() as http:
        refused = await http.post("/v1/streams/cam/whip", content=content, headers=headers)
        assert refused.status_code == status, refused.text
        assert refused.json()["status"] == status
        if status == 415:
            assert refused.headers["accept-post"] == "application/sdp"
    assert service.node.streams.views() == [] and len(service.context.whip.sessions) == 0


async def test_unknown_model_ends_the_session_again(service: Service) -> None:
    async with service.http() as http, WhipClient(NumberedTrack()) as client:
        refused = await http.post("/v1/streams/cam/whip?models=nothing", content=await client.offer(), headers=SDP)
        assert refused.status_code == 422
    await eventually(lambda: len(service.context.whip.sessions) == 0)


async def test_as_many_sessions_as_settings_allow(start: Start) -> None:
    service = start(stream_settings=StreamSettings(whip_sessions=1))
    async with service.http() as http, WhipClient(NumberedTrack()) as first, WhipClient(NumberedTrack()) as second:
        await first.connect_http(http, "/v1/streams/a/whip?models=number")
        refused = await http.post("/v1/streams/b/whip", content=await second.offer(), headers=SDP)
        assert refused.status_code == 503 and refused.json()["type"] == "urn:livesight:problem:overloaded"


async def test_options_say_what_may_be_sent(service: Service) -> None:
    async with service.http() as http:
        answer = await http.options("/v1/streams/cam/whip")
        assert answer.status_code == 200
        assert answer.headers["accept-post"] == "application/sdp" and "POST" in answer.headers["allow"]
        answer = await http.options("/v1/streams/cam/whip/session")
        assert "PATCH" in answer.headers["allow"]
        assert (await http.get("/v1/streams/cam/whip")).status_code == 405


async def test_ice_servers_are_told(start: Start) -> None:
    service = start(stream_settings=StreamSettings(ice_servers=("turn:user:secret@127.0.0.1:9",)))
    links = ice_links(service.context.stream_settings)
    assert links == [
        '<turn:127.0.0.1:9>; rel="ice-server"; username="user"; credential="secret"; credential-type="password"'
    ]
    assert ice_links(StreamSettings(ice_servers=("stun:127.0.0.1:9",))) == ['<stun:127.0.0.1:9>; rel="ice-server"']


async def test_shutdown_ends_sessions(service: Service) -> None:
    async with service.http() as http, WhipClient(NumberedTrack()) as client:
        await client.connect_http(http, "/v1/streams/cam/whip?models=number")
        await client.connected()
        service.server.should_exit = True
        await eventually(lambda: len(service.context.whip.sessions) == 0)
