"""A node that says who is seen: through RTSP with a real film, switched off and on, and where the model is missing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext
from prometheus_client import REGISTRY

from stream.config import StreamConfig
from tests.peers import enrolled
from tests.peers.number_engine import NumberEngine
from tests.peers.ports import free_port
from tests.peers.rtsp import Mount, RtspServer
from tests.stream.consume import QUICK
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlot
from workers.identity.gallery import Gallery
from workers.model_card import ModelStore, shipped_models_dir
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings

FILM = "videos/short_hamilton_clip.mp4"
KNOWN = {"lin_manuel_miranda", "obama"}


class Results:
    """What a node publishes. `wait` for a result that is asked for, among those from now on."""

    def __init__(self) -> None:
        self.all: list[FrameResult] = []
        self._changed = threading.Condition()

    def __call__(self, message: Message) -> None:
        with self._changed:
            self.all.append(FrameResult.model_validate_json(message.value))
            self._changed.notify_all()

    def wait(self, wanted: Callable[[FrameResult], bool], timeout_s: float = 30) -> FrameResult:
        with self._changed:
            first = len(self.all)
            assert self._changed.wait_for(lambda: any(map(wanted, self.all[first:])), timeout_s)
            return next(result for result in self.all[first:] if wanted(result))


def named(result: FrameResult) -> set[str]:
    return {found.identity.person for found in result.detections if found.identity is not None}


@pytest.fixture(scope="module")
def film(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as raw H.264 for the RTSP server, not encoded anew."""
    if not (data_dir / FILM).is_file():
        pytest.skip(f"TEST_DATA_DIR has no {FILM}")
    target = tmp_path_factory.mktemp("film") / "film.h264"
    with av.open(str(data_dir / FILM)) as container, target.open("wb") as file:
        filtered = BitStreamFilterContext("h264_mp4toannexb", container.streams.video[0])
        for packet in container.demux(video=0):
            for part in filtered.filter(packet if packet.size else None):
                file.write(bytes(part))
    return target


@pytest.fixture
def results() -> Results:
    return Results()


@pytest.fixture
def run(no_thread_left: None, results: Results) -> Iterator[Callable[[ModelStore, Gallery], Node]]:
    nodes: list[Node] = []

    def start(store: ModelStore, gallery: Gallery) -> Node:
        bus = LocalBus()
        bus.subscribe(results, (DETECTIONS,))
        settings = NodeSettings("node-1", WorkerSettings(threads=1), QUICK)
        nodes.append(Node(settings, store, bus, gallery=lambda: gallery))
        nodes[-1].models.slots["number"] = EngineSlot(NumberEngine())
        nodes[-1].start(())
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


def test_people_are_named_through_rtsp(
    run: Callable[..., Node], results: Results, film: Path, face_id_models: Path, data_dir: Path
) -> None:
    """Live, with a thread for the looks; the film goes round. A change of `identity` keeps session and tracks."""
    store = ModelStore([face_id_models, shipped_models_dir()])
    node = run(store, enrolled.gallery(face_id_models, data_dir))
    with RtspServer({"cam": Mount(film, fps=30)}) as camera:
        node.streams.add(StreamConfig(id="cam", url=camera.url("cam"), identity=True))
        told = [results.wait(lambda result, who=who: who in named(result)) for who in sorted(KNOWN)]  # type: ignore[misc]
        view = node.streams.view("cam")
        assert view.identity and view.identity_problem is None and not node.problems()
        off = node.streams.update("cam", {"identity": False})
        assert not off.identity and off.session == told[0].session
        results.wait(lambda result: bool(result.detections))
        assert all(not named(results.wait(lambda result: bool(result.detections))) for _ in range(5))
        node.streams.update("cam", {"identity": True})
        again = results.wait(lambda result: bool(named(result)))
    assert again.session == told[0].session
    everybody = Counter(person for result in results.all for person in named(result))
    assert set(everybody) == KNOWN
    looks = REGISTRY.get_sample_value("livesight_looks_total", {"stream": "cam", "outcome": "named"})
    assert looks is not None and looks >= 2
    node.streams.remove("cam")
    assert REGISTRY.get_sample_value("livesight_looks_total", {"stream": "cam", "outcome": "named"}) is None


def test_without_the_model_the_stream_runs_and_says_what_is_missing(run: Callable[..., Node]) -> None:
    node = run(ModelStore([]), Gallery.empty())
    url = f"rtsp://127.0.0.1:{free_port()}/x"
    node.streams.add(StreamConfig(id="cam", url=url, models=("number",), identity=True))
    node.streams.add(StreamConfig(id="plain", url=url, models=("number",)))
    tried = (node.problems() or threading.Event().wait(0.02) for _ in range(500))
    assert next(filter(None, tried)) == [
        "identity is on for cam, but there is no model face-id; run: livesight people model"
    ]
    told = node.streams.view("cam").identity_problem
    assert told == "identity is on, but there is no model face-id; run: livesight people model"
    assert node.streams.view("plain").identity_problem is None
    node.streams.update("cam", {"identity": False})
    assert not node.problems() and node.streams.view("cam").identity_problem is None
