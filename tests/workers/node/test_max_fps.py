"""A stream with `max_fps`: analysed at that rate, and what is beyond it looks like no overload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from stream.config import StreamConfig
from tests.peers.number_engine import NumberEngine
from tests.peers.rtsp import Mount, RtspServer
from tests.stream.consume import QUICK
from tests.workers.inference.test_pipeline import Results, frame
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlot
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings

FPS = 25
SECONDS = 5


@pytest.fixture
def results() -> Results:
    return Results()


@pytest.fixture
def node(results: Results) -> Iterator[Node]:
    """A node with the test engine, whose results are gathered."""
    bus = LocalBus()

    def keep(message: Message) -> None:
        results(frame("cam", "s", 0), FrameResult.model_validate_json(message.value))

    bus.subscribe(keep, (DETECTIONS,))
    made = Node(NodeSettings("node-1", WorkerSettings(threads=1), QUICK), ModelStore([]), bus)
    made.models.slots["number"] = EngineSlot(NumberEngine())
    made.start(())
    yield made
    made.close()


def count(reason: str) -> float:
    """Images of `cam` not analysed for a reason."""
    labels = {"stream": "cam", "reason": reason}
    return REGISTRY.get_sample_value("livesight_frames_dropped_total", labels) or 0.0


@pytest.mark.parametrize("max_fps", [3.0, 10.0])
@pytest.mark.parametrize("kind", ["rtsp", "file"])
def test_a_live_source_is_analysed_at_its_cap(
    kind: str, max_fps: float, node: Node, results: Results, numbered_h264: Path
) -> None:
    """A camera, and a file played at its own rate; of both every image is received, and the view tells it all."""
    with RtspServer({"cam": Mount(numbered_h264)}) as camera:
        url = camera.url("cam") if kind == "rtsp" else f"file:{numbered_h264}"
        node.streams.add(StreamConfig(id="cam", url=url, models=("number",), max_fps=max_fps), allow_local=True)
        got = results.wait("cam", round(SECONDS * max_fps) + 1)
        view, lost, beyond = node.streams.view("cam"), count("newer"), count("max_fps")
    assert len({result.session for result in got}) == 1
    span_s = (got[-1].pts_us - got[0].pts_us) / 1e6
    assert (len(got) - 1) / span_s == pytest.approx(max_fps, rel=0.15)
    assert sum(result.skipped for result in got) == got[-1].frame + 1 - len(got), "skipped tells all of them"
    assert view.max_fps == max_fps and view.fps > 0.8 * FPS
    assert beyond >= 0.85 * span_s * (FPS - max_fps)
    assert view.dropped <= lost, "what nobody wanted is not shown as lost"
