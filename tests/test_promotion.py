"""Versions from outside: a running service is promoted over HTTP and rolled back by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.colour_models import coloured, write_square_model
from tests.peers.livesight_process import ROOT, LivesightProcess

T = TypeVar("T")
PATIENCE_S = 200.0
RENAMED = ("covered", "bare", "wrong")


def candidate(state_dir: Path, version: int) -> Path:
    """A version with other labels, downloaded but not promoted."""
    return write_square_model(state_dir / "models", version, RENAMED)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A service that has `squares` 1 and a clip with a red one in it."""
    folder = tmp_path_factory.mktemp("service")
    write_square_model(folder / "own")
    red = coloured("red", (100, 100, 228, 228), (640, 384)).to_ndarray(format="bgr24")
    clip = make_numbered(folder / "clip.mp4", ClipSpec(frames=50, size_wh=(640, 384)), lambda number: red)
    stream = {"id": "yard", "url": f"file:{clip}", "models": ["squares"]}
    (folder / "config.yaml").write_text(json.dumps({"streams": [stream]}))
    return {"CONFIG": str(folder / "config.yaml"), "WORKERS__MODELS_DIR": str(folder / "own")}


def command(settings: dict[str, str], state_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LIVESIGHT_")}
    return subprocess.run(
        [sys.executable, "-m", "livesight", "models", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**kept, **{f"LIVESIGHT_{key}": value for key, value in {**settings, "STATE_DIR": str(state_dir)}.items()}},
        cwd=ROOT,
        check=False,
    )


def results(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """Results as they come; what was skipped is told."""
    before: dict[str, Any] | None = None
    while True:
        result = json.loads(socket.recv(PATIENCE_S))
        if before is not None:
            assert result["frame"] == before["frame"] + 1 + result["skipped"], "a picture is missing unsaid"
        before = result
        yield result


def meanwhile(stream: Iterator[dict[str, Any]], work: Future[T]) -> T:
    """What `work` gives; results are read while it is under way."""
    while not work.done():
        next(stream)
    return work.result()


def first_of(stream: Iterator[dict[str, Any]], version: int) -> dict[str, Any]:
    """The next result of this version of a picture with a face."""
    deadline_s = time.monotonic() + PATIENCE_S
    for result in stream:
        if result["models"] == {"squares": version} and result["detections"]:
            return result
        assert time.monotonic() < deadline_s, result
    raise AssertionError("the stream ended")


def promote(service: LivesightProcess, version: int) -> httpx.Response:
    return httpx.post(
        f"{service.url}/v1/models/squares/promote",
        json={"version": version},
        headers={"prefer": "wait=120"},
        timeout=PATIENCE_S,
    )


@pytest.mark.timeout(900)
def test_a_running_service_changes_versions(settings: dict[str, str], tmp_path: Path) -> None:
    candidate(tmp_path, 2)
    (candidate(tmp_path, 3) / "model.bin").write_bytes(b"cut off")
    with (
        LivesightProcess(settings=settings, state_dir=tmp_path) as service,
        connect(f"{service.ws_url}/v1/streams/yard/detections") as socket,
        ThreadPoolExecutor(1) as beside,
    ):
        stream = results(socket)
        session = first_of(stream, 1)["session"]
        answer = meanwhile(stream, beside.submit(promote, service, 2))
        assert (answer.status_code, answer.json()) == (200, {"name": "squares", "version": 2, "before": 1})
        seen = first_of(stream, 2)
        assert {found["label"] for found in seen["detections"]} <= set(RENAMED)
        assert seen["session"] == session, "streams go on"
        assert service.metric("livesight_model_info", version="2") == 1
        assert service.metric("livesight_model_info", version="1") == 0
        listed = service.get_json("/v1/models")["models"]
        models = {model["version"]: model for model in listed if model["name"] == "squares"}
        assert (models[2]["in_service"], models[1]["in_service"]) == (True, False)

        damaged = meanwhile(stream, beside.submit(promote, service, 3))
        assert damaged.status_code == 422
        assert damaged.json()["type"] == "urn:livesight:problem:model-damaged"
        assert "model.bin: sha256 is" in damaged.json()["detail"]
        assert first_of(stream, 2)["session"] == session

        rolled = meanwhile(stream, beside.submit(command, settings, tmp_path, "rollback", "squares"))
        assert (rolled.returncode, rolled.stdout) == (0, "squares 1 is now in service; it replaced 2\n"), rolled.stderr
        assert first_of(stream, 1)["session"] == session, "the service follows the command line"
        assert httpx.post(f"{service.url}/v1/models/squares/rollback", timeout=60).status_code == 409
        assert meanwhile(stream, beside.submit(promote, service, 2)).status_code == 200
    with (
        LivesightProcess(settings=settings, state_dir=tmp_path) as service,
        connect(f"{service.ws_url}/v1/streams/yard/detections") as socket,
    ):
        assert next(results(socket))["models"] == {"squares": 2}, "it survives a restart"
        code, _ = service.stop(30)
        assert code == 0, service.log()


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/models/squares/promote", {"version": 99}, 404, "model-unknown"),
        ("/v1/models/nose/promote", {"version": 1}, 404, "model-unknown"),
        ("/v1/models/nose/rollback", None, 404, "model-unknown"),
        ("/v1/models/squares/promote", {"version": 0}, 422, "invalid-request"),
        ("/v1/models/squares/promote", {}, 422, "invalid-request"),
        ("/v1/models/squares/promote", {"version": 1, "force": True}, 422, "invalid-request"),
        ("/v1/models/..%2Fx/promote", {"version": 1}, 400, "bad-request"),
        ("/v1/models/X/promote", {"version": 1}, 422, "invalid-request"),
        ("/v1/models/squares/rollback", None, 409, "promotion-refused"),
    ],
)
def test_refusals(idle: LivesightProcess, path: str, body: Any, status: int, kind: str) -> None:
    answer = httpx.post(f"{idle.url}{path}", json=body, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:livesight:problem:{kind}"), answer.text


@pytest.fixture(scope="module")
def idle(settings: dict[str, str]) -> Iterator[LivesightProcess]:
    with LivesightProcess(settings=settings) as service:
        yield service


@pytest.mark.timeout(900)
def test_the_command_line_promotes_and_names_what_is_wrong(settings: dict[str, str], tmp_path: Path) -> None:
    candidate(tmp_path, 2)
    listed = json.loads(command(settings, tmp_path, "list", "--json").stdout)
    used = {card["version"]: card["in_service"] for card in listed if card["name"] == "squares"}
    assert used[1] and not used[2], "downloaded is not promoted"
    done = command(settings, tmp_path, "promote", "squares", "2", "--json")
    assert json.loads(done.stdout) == {"name": "squares", "version": 2, "before": 1}, done.stderr
    assert json.loads(command(settings, tmp_path, "show", "squares").stdout)["version"] == 2
    damaged = candidate(tmp_path, 3) / "model.xml"
    damaged.write_text(damaged.read_text() + " ")
    for arguments, told in [
        (["promote", "squares", "3"], "3/model.xml: sha256 is"),
        (["promote", "squares", "4"], "there is no model squares version 4"),
        (["promote", "squares", "0"], "Invalid value for 'version'"),
        (["rollback", "nose"], "there is no model nose"),
    ]:
        failed = command(settings, tmp_path, *arguments)
        assert failed.returncode == 2 and told in failed.stderr and "Traceback" not in failed.stderr, failed.stderr
    assert json.loads(command(settings, tmp_path, "show", "squares").stdout)["version"] == 2
