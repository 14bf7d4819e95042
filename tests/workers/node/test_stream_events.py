"""What a node says of its streams on `livesight.events`, seen by a Kafka consumer and in process; cameras are real."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.config import StreamConfig
from stream.sources.frames_source import FramesSource
from tests.peers.clips import ClipSpec, Image, make_numbered
from tests.peers.colour_models import RGB, GatedEngine, ThingsEngine, coloured
from tests.peers.kafka import Broker
from tests.peers.ports import free_port
from tests.peers.rtsp import Mount, RtspServer
from tests.stream.consume import QUICK, wait_for
from workers.bus.event import Event, event_id
from workers.bus.media import Snapshot
from workers.bus.message_bus import DETECTIONS, EVENTS, SNAPSHOTS, LocalBus, Message
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlot
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.node.publisher import Gate, always
from workers.settings import NodeSettings, WorkerSettings

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # kafka-python's, see test_kafka_bus
]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody in red walks to and fro: raw H.264 for the RTSP server."""

    def draw(number: int) -> Image:
        image = np.full((180, 320, 3), 90, np.uint8)
        left = 20 + 2 * abs(number % 200 - 100)
        image[60:120, left : left + 50] = RGB["red"][::-1]
        return image

    return make_numbered(tmp_path_factory.mktemp("walk") / "walk.h264", ClipSpec(frames=400, gop=12), draw)


class Heard:
    """All events of a bus, and the session of each stream's newest result."""

    def __init__(self, bus: LocalBus) -> None:
        self.events: list[Event] = []
        self.newest: dict[str, FrameResult] = {}
        self._changed = threading.Condition()
        bus.subscribe(self._hear, (EVENTS, DETECTIONS))

    def _hear(self, message: Message) -> None:
        with self._changed:
            if message.topic == EVENTS:
                assert dict(message.headers)["schema"] == b"livesight.event/1"
                self.events.append(Event.model_validate_json(message.value))
                assert message.key == self.events[-1].stream_id
            else:
                self.newest[message.key] = FrameResult.model_validate_json(message.value)
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), self.events

    def said(self) -> list[tuple[str, str | None]]:
        return [(event.kind, event.reason) for event in self.events]


@pytest.fixture
def local() -> LocalBus:
    return LocalBus()


@pytest.fixture
def heard(local: LocalBus) -> Heard:
    return Heard(local)


@contextmanager
def running(bus: LocalBus, gate: Gate = always) -> Iterator[Node]:
    """A node with the test engine."""
    made = Node(NodeSettings("node-1", WorkerSettings(threads=1), QUICK), ModelStore([]), bus, gate)
    made.models.slots["things"] = EngineSlot(ThingsEngine())
    made.start(())
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def node(local: LocalBus) -> Iterator[Node]:
    with running(local) as made:
        yield made


def config(url: str, stream_id: str = "cam") -> StreamConfig:
    return StreamConfig(id=stream_id, url=url, models=("things",))


def test_a_camera_that_dies_and_returns_is_down_and_up(walk: Path, node: Node, heard: Heard) -> None:
    with RtspServer({"cam": Mount(walk)}) as server:
        node.streams.add(config(server.url("cam")))
        heard.wait(lambda: len(heard.events) == 1)
        up = heard.events[0]
        assert (up.kind, up.stream_id, up.node, up.models) == ("stream_up", "cam", "node-1", {"things": 1})
        heard.wait(lambda: "cam" in heard.newest and heard.newest["cam"].pts_us > up.pts_us)
        assert up.session == heard.newest["cam"].session
        server.kill()
        heard.wait(lambda: len(heard.events) == 2)
        down = heard.events[1]
        assert (down.kind, down.session) == ("stream_down", up.session) and "rtsp://127.0.0.1" in (down.reason or "")
        assert down.pts_us == heard.newest["cam"].pts_us and down.captured_at_ns > up.captured_at_ns
        server.start()
        heard.wait(lambda: len(heard.events) == 3)
        again = heard.events[2]
        assert again.kind == "stream_up" and again.session not in ("", up.session)
        node.streams.update("cam", {"enabled": False})
        node.streams.update("cam", {"enabled": True})
        heard.wait(lambda: len(heard.events) == 5)
    assert heard.said()[3:] == [("stream_down", "disabled"), ("stream_up", None)]
    ids = {event.id for event in heard.events}
    assert len(ids) == 5 and up.id == event_id("stream_up", "cam", up.session, up.pts_us)


def test_a_camera_is_down_after_its_last_result(walk: Path, node: Node, heard: Heard) -> None:
    engine = GatedEngine(ThingsEngine())
    node.models.slots.put(engine)
    with RtspServer({"cam": Mount(walk)}) as server:
        node.streams.add(config(server.url("cam")))
        heard.wait(lambda: heard.said() == [("stream_up", None)])
        engine.gate.clear()
        engine.asked.clear()
        assert engine.asked.wait(10)
        up = heard.events[0]
        server.kill()
        wait_for(lambda: node.streams.view("cam").state == "reconnecting")
        with pytest.raises(AssertionError):
            heard.wait(lambda: len(heard.events) > 1, 1)
        engine.gate.set()
        heard.wait(lambda: len(heard.events) > 1)
        down = heard.events[1]
        assert (down.kind, down.session, down.pts_us) == ("stream_down", up.session, heard.newest["cam"].pts_us)
        assert node.streams.view("cam").analysed > 1


def test_a_camera_that_never_came_is_down_until_nobody_wants_it(node: Node, heard: Heard) -> None:
    node.streams.add(config(f"rtsp://user:secret@127.0.0.1:{free_port()}/nothing"))
    heard.wait(lambda: bool(heard.events))
    wait_for(lambda: "refused" in (node.streams.view("cam").last_error or ""))
    down = heard.events[0]
    assert down.kind == "stream_down" and "refused" in (down.reason or "") and "secret" not in (down.reason or "")
    node.streams.remove("cam")
    heard.wait(lambda: len(heard.events) == 2)
    assert heard.said()[1] == ("stream_down", "removed") and heard.events[1].session == down.session
    assert heard.events[1].id != down.id


def test_a_push_that_ended_is_down_and_nothing_more_is_said(node: Node, heard: Heard) -> None:
    silent, source = (FramesSource(StreamConfig(id=name), QUICK) for name in ("silent", "pushed"))
    for one in (silent, source):
        node.streams.attach(one, StreamConfig(id=one.id, models=("things",)))
    picture = coloured("red", (100, 100, 200, 200)).to_ndarray(format="bgr24")
    source.push(0, cv2.imencode(".jpg", picture)[1].tobytes())
    heard.wait(lambda: heard.said() == [("stream_up", None)])
    for one in (silent, source):
        one.close()
    heard.wait(lambda: len(heard.events) == 2)
    assert heard.said()[1] == ("stream_down", "push_ended") and heard.events[1].stream_id == "pushed"
    node.streams.remove("pushed")
    node.streams.remove("silent")
    assert len(heard.events) == 2


def test_streams_go_down_with_their_node(walk: Path, node: Node, heard: Heard) -> None:
    with RtspServer({"cam": Mount(walk)}) as server:
        node.streams.add(config(server.url("cam"), "a"))
        node.streams.add(config(server.url("cam"), "b"))
        node.streams.add(config(f"rtsp://127.0.0.1:{free_port()}/nothing", "lost"))  # nobody looks for it from then on
        heard.wait(lambda: len(heard.events) == 3)
        node.close()
    assert {(event.kind, event.stream_id, event.reason) for event in heard.events[3:]} == {
        ("stream_down", "a", "shutdown"),
        ("stream_down", "b", "shutdown"),
        ("stream_down", "lost", "shutdown"),
    }
    assert len({event.id for event in heard.events}) == 6
    delivered = [event for event in heard.events[3:] if event.stream_id != "lost"]
    assert all(event.pts_us == heard.newest[event.stream_id].pts_us for event in delivered)


def test_nothing_is_said_of_a_stream_that_another_node_has(walk: Path, local: LocalBus, heard: Heard) -> None:
    with RtspServer({"cam": Mount(walk)}) as server, running(local, lambda stream_id: stream_id == "mine") as node:
        node.streams.add(config(server.url("cam"), "mine"))
        node.streams.add(config(server.url("cam"), "theirs"))
        wait_for(lambda: node.streams.view("theirs").analysed > 10 and bool(heard.events))
        node.streams.remove("theirs")
        node.streams.remove("mine")
    assert {event.stream_id for event in heard.events} == {"mine"} and set(heard.newest) == {"mine"}


def test_a_stream_that_is_let_go_is_said_to_be_although_it_is_not_held_any_more(
    walk: Path, local: LocalBus, heard: Heard
) -> None:
    held = {"cam"}
    with RtspServer({"cam": Mount(walk)}) as server, running(local, lambda stream_id: stream_id in held) as node:
        node.streams.add(config(server.url("cam")))
        heard.wait(lambda: heard.said() == [("stream_up", None)])
        held.clear()
        node.streams.remove("cam", "released")
    assert heard.said() == [("stream_up", None), ("stream_down", "released")]


def test_events_and_snapshots_of_a_real_camera_reach_kafka(walk: Path, broker: Broker) -> None:
    with RtspServer({"cam": Mount(walk)}) as server:
        settings = KafkaSettings.model_validate(
            {"bootstrap_servers": broker.address, "request_timeout_s": 2.0, "topics": {"partitions": 2}}
        )
        bus = KafkaBus(settings, LocalBus())
        node = Node(NodeSettings("node-1", WorkerSettings(threads=1), QUICK), ModelStore([]), bus)
        node.models.slots["things"] = EngineSlot(ThingsEngine())
        node.start(())
        try:
            node.streams.add(config(server.url("cam")))
            snapshots = broker.read(SNAPSHOTS, 2, 30)
            results = [FrameResult.model_validate_json(record.value) for record in broker.read(DETECTIONS, 20, 30)]
            node.streams.remove("cam")
            events = [Event.model_validate_json(record.value) for record in broker.read(EVENTS, 2, 30)]
        finally:
            node.close()
            bus.close(5)
    assert [event.kind for event in events] == ["stream_up", "stream_down"] and events[1].reason == "removed"
    headers = [Snapshot.model_validate({k: v.decode() for k, v in record.headers.items()}) for record in snapshots]
    assert [one.view for one in headers] == ["crop", "picture"] and {record.key for record in snapshots} == {"cam"}
    assert {record.headers["content-type"] for record in snapshots} == {b"image/jpeg"}
    assert all(record.value.startswith(b"\xff\xd8") and len(record.value) <= 50_000 for record in snapshots)
    assert headers[0].session == events[0].session == results[0].session
    tracks = {found.track_id for result in results for found in result.detections}
    assert headers[0].track in tracks
    gc.collect()  # what the client left is collected here, under this module's filter
