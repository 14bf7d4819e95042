"""RTSP cameras with habits, through the relay: keep-alives and TEARDOWN reach them; TLS, UDP, IPv6, odd times."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import av
import pytest

from stream.config import StreamSettings
from stream.network.camera_address import parse_address
from stream.network.networks import NetworkPolicy, NetworkSettings
from stream.network.rtsp_relay import RtspRelay
from tests.peers.certificate import make_certificate
from tests.peers.rtsp import Mount, RtspServer
from tests.peers.scripted_rtsp import Habits, ScriptedRtsp
from tests.stream.consume import QUICK, Seen, opened, wait_for, watch

pytestmark = pytest.mark.usefixtures("no_thread_left")


def played(url: str, pictures: int, settings: StreamSettings = QUICK) -> Seen:
    """The first frames of a camera, of one session and in order."""
    source = opened(url, live=True, settings=settings)
    try:
        seen = watch(source, lambda seen: len(seen.frames) >= pictures)
        assert len({frame.session for frame in seen.frames}) == 1 and source.status().reconnects == 0
        assert all(before.pts_us < after.pts_us for before, after in pairwise(seen.frames))
        return seen
    finally:
        source.close()


def test_keep_alives_and_the_farewell_reach_the_camera(numbered_h264: Path) -> None:
    """The camera drops whoever says nothing for 3 s; FFmpeg asks at half of that."""
    with ScriptedRtsp(numbered_h264, Habits(timeout_s=3)) as camera:
        assert isinstance(camera, ScriptedRtsp)
        source = opened(camera.url, live=True)
        watch(source, lambda _: camera.requests.count("GET_PARAMETER") >= 3)
        assert camera.expired == 0 and camera.connections == 1 and source.status().reconnects == 0
        source.close()
        wait_for(lambda: camera.requests[-1] == "TEARDOWN")


def test_nobody_else_on_this_machine_gets_the_camera(numbered_h264: Path) -> None:
    """Who connects to the relay first, asks, or says nothing, is not served, and FFmpeg is."""
    with ScriptedRtsp(numbered_h264) as camera:
        assert isinstance(camera, ScriptedRtsp)
        relay = RtspRelay(parse_address(camera.url), NetworkPolicy(NetworkSettings()), 20)
        place = ("127.0.0.1", parse_address(relay.url).port_used)
        with ExitStack() as stack:
            silent = [stack.enter_context(socket.create_connection(place, 20)) for _ in range(3)]
            asking = stack.enter_context(socket.create_connection(place, 20))
            asking.sendall(f"OPTIONS {relay.url} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf\r\n\r\n".encode())
            assert asking.recv(100) == b"" and not camera.requests
            options = {"rtsp_transport": "tcp", "user_agent": relay.user_agent}
            with av.open(relay.url, format="rtsp", options=options, timeout=(20, 20)) as container:
                assert next(container.demux(video=0)).size
            assert all(one.recv(100) == b"" for one in silent)
        relay.close()
    assert camera.requests[0] == "OPTIONS" and relay.user_agent not in camera.agents
    assert all(agent.startswith("Lavf") for agent in camera.agents)


@pytest.mark.parametrize(
    "habits",
    [
        Habits(rtp_time=lambda index: index * 3600 + (30 * 90_000 if index > 12 else 0)),
        Habits(rtp_time=lambda index: 10**6 + index * 3600 - (8 * 90_000 if index > 12 else 0)),
        Habits(rtp_time=lambda index: 2**32 - 12 * 3600 + index * 3600),
        Habits(sets="sdp"),
        Habits(sets="sdp", first=7),
        Habits(first=7),
        Habits(audio=True),
    ],
    ids=["leaps", "goes back", "wraps", "sets in the SDP", "joined, sets in the SDP", "joined", "audio unasked"],
)
def test_odd_cameras_play(numbered_h264: Path, habits: Habits) -> None:
    with ScriptedRtsp(numbered_h264, habits) as camera:
        seen = played(camera.url, 25)
    numbers = [number for number in seen.numbers if number is not None]
    assert all(0 < (after - before) % 500 < 100 for before, after in pairwise(numbers)), numbers


def test_rtsps_is_rtsp_over_tls(numbered_h264: Path, tmp_path: Path) -> None:
    with ScriptedRtsp(numbered_h264, Habits(certificate=make_certificate(tmp_path / "camera.pem"))) as camera:
        assert isinstance(camera, ScriptedRtsp) and camera.url.startswith("rtsps://")
        played(camera.url, 25)
        wait_for(lambda: camera.requests[-1] == "TEARDOWN")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_media_over_udp(numbered_h264: Path, address: str) -> None:
    with RtspServer({"cam": Mount(numbered_h264)}, address=address) as server:
        seen = played(server.url("cam"), 25, QUICK.model_copy(update={"rtsp_transport": "udp"}))
    assert len(seen.frames) >= 25


def test_tls_of_another_server(numbered_h264: Path, tmp_path: Path) -> None:
    """GStreamer's, which needs glib-networking."""
    with RtspServer({"cam": Mount(numbered_h264)}, certificate=make_certificate(tmp_path / "c.pem")) as server:
        played(server.url("cam"), 25)
