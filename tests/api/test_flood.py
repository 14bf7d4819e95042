"""1,300 connections that never become requests, against a process that may open 1,024 files: cameras go on.

Figures on a quiet machine: `python deployment/bench/flood.py`.
"""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.flood import Flood
from tests.peers.livesight_process import LivesightProcess
from tests.peers.rtsp import Mount, RtspServer

CONNECTIONS = 1300
SHORT = ("/bin/sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", sys.executable, "-m", "livesight")
WAIT_S = 90  # of a machine whose cores are busy with other things


@pytest.fixture
def cameras(tmp_path: Path) -> Iterator[RtspServer]:
    """A camera that is there before, and one that comes during the flood."""
    mount = Mount(make_numbered(tmp_path / "camera.h264", ClipSpec()), fps=10)
    with RtspServer({"early": mount, "late": mount}) as server:
        yield server


@pytest.fixture
def livesight(cameras: RtspServer) -> Iterator[LivesightProcess]:
    """With no more descriptors than many systems give."""
    early = f"early={cameras.url('early')}"
    with LivesightProcess(["--source", early], {"LOG_FORMAT": "json"}, python=SHORT) as process:
        process.wait_for(lambda: analysed(process, "early") > 3, WAIT_S, "analysed frame")
        yield process


def analysed(process: LivesightProcess, stream: str) -> float:
    """Frames analysed so far."""
    return process.metric("livesight_frames_analysed_total", stream=stream)


def add(process: LivesightProcess, stream: str, url: str) -> None:
    """A camera, over HTTP."""
    body = json.dumps({"id": stream, "url": url}).encode()
    asked = urllib.request.Request(f"{process.url}/v1/streams", body, {"content-type": "application/json"})
    urllib.request.urlopen(asked, timeout=WAIT_S).close()


class Visitor:
    """Asks for /healthz all the time, in a thread, on a new connection each time."""

    def __init__(self, process: LivesightProcess) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = 0
        self.failures: list[str] = []

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            try:
                self._process.get("/healthz", timeout_s=20)
                self.answered += 1
            except OSError as error:
                self.failures.append(repr(error))


@pytest.mark.timeout(400)
def test_a_flood_costs_no_camera_and_no_answer(cameras: RtspServer, livesight: LivesightProcess) -> None:
    with Flood(livesight.port, CONNECTIONS):
        with Visitor(livesight) as visitor:
            before = analysed(livesight, "early")
            add(livesight, "late", cameras.url("late"))
            livesight.wait_for(lambda: analysed(livesight, "late") > 3, WAIT_S, "frame of the camera that came late")
            livesight.wait_for(lambda: analysed(livesight, "early") > before + 3, WAIT_S, "frame of the first camera")
            livesight.wait_for(lambda: visitor.answered > 5, WAIT_S, "answered visitor")
        assert not visitor.failures
        streams = livesight.get_json("/v1/streams")["streams"]
        assert [(stream["id"], stream["reconnects"]) for stream in streams] == [("early", 0), ("late", 0)]
        reasons = livesight.get_json("/readyz")["reasons"]
        assert any(reason.startswith("connections: ") and "1024 descriptors" in reason for reason in reasons), reasons
        assert livesight.metric("livesight_connections") < 1024 - 100, "a reserve is left for cameras and files"
        code, took_s = livesight.stop(15)
    assert code == 0 and took_s < 10
    log = livesight.log(10**9)
    assert "Errno 24" not in log and "Traceback" not in log and '"level": "error"' not in log
    assert len(log.splitlines()) < 60
