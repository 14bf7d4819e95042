"""Clips around alerts: from a real camera, cut in process and by another node; what becomes of failures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from api.video.clip_cutter import ClipCutter
from monitoring.store.media import of_events
from monitoring.store.tables import media
from stream.config import StreamConfig, StreamSettings
from tests.api.conftest import Service, running
from tests.api.test_clips import numbers
from tests.monitoring.alerts.running_alerts import AlertMonitor, eventually, running_alerts
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import number_in
from workers.access.principal import ALL_STREAMS
from workers.bus.event import Event
from workers.bus.media import Clip
from workers.bus.message_bus import DETECTIONS, Message
from workers.cluster.status import StatusBoard, StreamStatus
from workers.errors import ClipNotYet, ClipUnavailable

STEP_US = 40_000


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A camera with numbered frames, 25 a second, a key frame each second; its packets stay for 20 s."""
    folder = tmp_path_factory.mktemp("camera")
    clip = make_numbered(folder / "clip.mp4", ClipSpec(frames=400, gop=25))
    with running(folder / "state", StreamSettings(ring_s=20)) as service:
        service.node.streams.add(StreamConfig(id="cam", url=f"file:{clip}", models=("number",)), allow_local=True)
        yield service


def newest(service: Service, at_least_us: int) -> dict[str, Any]:
    """The newest result, once it is so far on."""
    found: list[dict[str, Any]] = []

    def take(message: Message) -> None:
        found.append(json.loads(message.value))

    end = service.bus.subscribe(take, (DETECTIONS,))
    try:
        eventually(lambda: found and found[-1]["pts_us"] >= at_least_us, 60)
        return found[-1]
    finally:
        end()


def elsewhere(service: Service) -> ClipCutter:
    """As another process would ask: over HTTP, where the status board says that the camera is."""
    board = StatusBoard(away_s=600)
    view = service.node.streams.view("cam")
    board.apply("cam", StreamStatus.of(view, service.url).to_json())
    node: Any = SimpleNamespace(streams=SimpleNamespace(runs=lambda stream_id: False))
    return ClipCutter(node, SimpleNamespace(board=board, assertions=None))  # type: ignore[arg-type]


def of_result(monitor: AlertMonitor, result: dict[str, Any]) -> Event:
    """An alert that this frame raised."""
    return monitor.raise_alert(
        stream="cam", session=result["session"], pts_us=result["pts_us"], captured_at_ns=result["captured_at_ns"]
    )


def stored_clip(monitor: AlertMonitor, alert: Event) -> bytes | None:
    """The clip's file, once no better one is awaited."""
    if monitor.alerts.store.one(alert.id, ALL_STREAMS)["clip"] != "kept":
        return None
    with monitor.database.read() as connection:
        rows = of_events(connection, [alert.id])
    return monitor.media.path(rows[0]).read_bytes()


def stored_results(monitor: AlertMonitor) -> tuple[int, list[dict[str, Any]]]:
    """The time of the clip's first frame, and the results beside it."""
    with monitor.database.read() as connection:
        [row] = connection.execute(select(media).where(media.c.kind == "results")).mappings().all()
    return row["pts_us"], [json.loads(line) for line in monitor.media.results(row).splitlines()]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_clip_shows_what_came_before_and_after(tmp_path: Path, camera: Service, where: str) -> None:
    cut = ClipCutter(camera.node, None) if where == "here" else elsewhere(camera)
    with running_alerts(tmp_path, cut, clip_before_s=2, clip_after_s=1) as monitor:
        result = newest(camera, 3_000_000)
        alert = of_result(monitor, result)
        data = eventually(lambda: stored_clip(monitor, alert))
        first_us, results = stored_results(monitor)
    painted = numbers(data)
    shown = result["pts_us"] // STEP_US
    first = min(painted.values())
    assert shown - 50 - 25 <= first <= shown - 50, "from the key frame before"
    assert set(painted.values()) >= set(range(shown - 50, shown + 13))
    assert all(round(time_us / STEP_US) + first == number for time_us, number in painted.items())
    assert len(results) > len(painted) / 4, "a busy machine analyses fewer"
    for one in results:
        assert one["session"] == result["session"]
        assert number_in(one["detections"][0]["xyxy"], (320, 180)) == painted[one["pts_us"] - first_us]


def test_a_session_that_is_over_has_no_clip(tmp_path: Path, camera: Service) -> None:
    with running_alerts(tmp_path, ClipCutter(camera.node, None), clip_after_s=0) as monitor:
        alert = of_result(monitor, newest(camera, 0) | {"session": "01JD0000000000000000000000"})
        eventually(lambda: monitor.alerts.store.one(alert.id, ALL_STREAMS)["clip"] == "failed")
        assert "is over" in monitor.alerts.store.one(alert.id, ALL_STREAMS)["clip_why"]


def test_what_there_is_is_kept_and_replaced_by_more(tmp_path: Path) -> None:
    """A camera that goes down in between leaves the first half; the files that were replaced are gone, results too."""
    answers: list[Clip | ClipUnavailable] = [
        ClipNotYet("the node is away"),
        Clip(b"\0\0\0\x18ftypone", "video/mp4", 0, 1_100_000, b"{}\n"),
        Clip(b"\0\0\0\x18ftyptwo", "video/mp4", 0, 1_500_000),
        ClipUnavailable("the session is over"),
    ]

    def cut(stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Clip):
            return answer
        raise answer

    with running_alerts(tmp_path, cut, clip_after_s=5) as monitor:
        alert = monitor.raise_alert(captured_at_ns=time.time_ns() - 6_000_000_000)
        assert eventually(lambda: stored_clip(monitor, alert)) == b"\0\0\0\x18ftyptwo"
        with monitor.database.read() as connection:
            paths = list(connection.scalars(select(media.c.path)))
        assert len(paths) == 1
        assert [str(path.relative_to(monitor.media.folder)) for path in monitor.media.folder.glob("*/*")] == paths


def test_a_clip_that_was_awaited_is_cut_after_a_restart(tmp_path: Path) -> None:
    clip = Clip(b"\0\0\0\x18ftypall", "video/mp4", 0, 10**12)
    with running_alerts(tmp_path, lambda *_: clip, clip_after_s=1) as monitor:
        monitor.is_active = False  # so that it is not cut before the end
        alert = monitor.raise_alert()
    with running_alerts(tmp_path, lambda *_: clip, clip_after_s=1) as monitor:
        assert eventually(lambda: stored_clip(monitor, alert)) == clip.data


def test_a_rule_may_want_no_clip(tmp_path: Path) -> None:
    from tests.monitoring.alerts.running_alerts import rule

    with running_alerts(tmp_path, clip_after_s=0) as monitor:
        monitor.rules["mask"] = rule(clip=False)
        alert = monitor.raise_alert()
        assert monitor.alerts.store.one(alert.id, ALL_STREAMS)["clip"] == "none"
