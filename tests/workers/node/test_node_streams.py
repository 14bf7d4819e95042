"""What a node stores of its streams, and what it does when one cannot be started."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream.config import StreamConfig
from stream.sources.frames_source import FramesSource
from tests.peers.number_engine import NumberEngine
from tests.peers.ports import free_port
from tests.stream.consume import QUICK
from workers.bus.message_bus import LocalBus
from workers.engines.hot_swap import EngineSlot
from workers.errors import ModelError, NodeClosed, StateUnwritable, StreamUnknown
from workers.inference.batcher import Batcher, InferenceStream
from workers.model_card import ModelStore
from workers.node import local_streams
from workers.node.local_streams import LocalStreams
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings

pytestmark = pytest.mark.usefixtures("no_thread_left")


def config(model: str = "number", stream_id: str = "cam") -> StreamConfig:
    return StreamConfig(id=stream_id, url=f"rtsp://127.0.0.1:{free_port()}/x", models=(model,))


@contextmanager
def running(state_dir: Path) -> Iterator[Node]:
    node = Node(NodeSettings("test", WorkerSettings(threads=1), QUICK, state_dir), ModelStore([]), LocalBus())
    node.models.slots["number"] = EngineSlot(NumberEngine())
    node.start(())
    try:
        yield node
    finally:
        node.close()


def test_a_stream_that_cannot_be_started_stays_stored_until_it_is_removed(tmp_path: Path) -> None:
    lost = config("gone", "lost")
    LocalStreams(tmp_path).put(lost)
    with running(tmp_path) as node:
        assert node.streams.views() == []
        node.streams.add(config(), keep=True)
        assert [one.id for one in LocalStreams(tmp_path).read()] == ["lost", "cam"]
        with pytest.raises(ModelError):
            node.streams.add(lost, keep=True)
        assert LocalStreams(tmp_path).read()[0] == lost
        node.streams.remove("lost")
        with pytest.raises(StreamUnknown):
            node.streams.remove("lost")
    assert [one.id for one in LocalStreams(tmp_path).read()] == ["cam"]


def test_an_entry_that_cannot_be_read_is_not_lost(tmp_path: Path) -> None:
    later = {"id": "later", "url": "rtsp://camera/2", "field_of_a_later_version": 1}
    tiny = {"id": "tiny", "url": "rtsp://camera/3", "max_fps": 1e-320}  # as an earlier version accepted it
    (tmp_path / "streams.json").write_text(json.dumps([later, tiny]))
    stored = LocalStreams(tmp_path)
    stored.put(config())
    entries = json.loads((tmp_path / "streams.json").read_text())
    assert later in entries and tiny in entries and len(entries) == 3
    stored.put(config(stream_id="tiny"))
    assert [text.split(" is ")[0] for text in stored.problems()] == ["stream later"]
    assert stored.discard("later") and stored.problems() == [] and not stored.discard("later")
    assert len(json.loads((tmp_path / "streams.json").read_text())) == 2


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "streams.json").write_text(json.dumps([{"id": "tiny", "url": "rtsp://camera/3", "max_fps": 1e-320}]))
    stored = LocalStreams(tmp_path)
    stored.read()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(local_streams, "write_text", full)
    with pytest.raises(StateUnwritable):
        stored.put(config(stream_id="tiny"))
    assert len(stored.problems()) == 1
    monkeypatch.undo()
    stored.put(config())
    assert [entry["id"] for entry in json.loads((tmp_path / "streams.json").read_text())] == ["cam", "tiny"]


def test_a_file_that_the_disk_does_not_give_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "streams.json").mkdir()
    with pytest.raises(StateUnwritable, match=r"streams\.json"):
        LocalStreams(tmp_path).read()
    assert (tmp_path / "streams.json").exists()


def test_nothing_starts_on_a_node_that_is_closed_and_nothing_stored_is_lost(tmp_path: Path) -> None:
    with running(tmp_path) as node:
        stored = config()
        node.streams.add(stored, keep=True)
        node.close()
        for one in (stored, config(stream_id="new")):
            with pytest.raises(NodeClosed):
                node.streams.add(one, keep=True)
        assert not node.ready and node.streams.views() == []
    assert LocalStreams(tmp_path).read() == [stored]


@pytest.mark.parametrize("content", ["{", "5", '["cam"]', '{"id": "cam"}'])
def test_a_file_that_cannot_be_read_is_put_aside(tmp_path: Path, content: str) -> None:
    (tmp_path / "streams.json").write_text(content)
    stored = LocalStreams(tmp_path)
    assert stored.read() == []
    [aside] = tmp_path.glob("streams.broken-*")
    assert aside.read_text() == content
    assert [aside.name in text for text in stored.problems()] == [True]
    stored.put(config())
    assert len(LocalStreams(tmp_path).read()) == 1


def test_an_entry_that_cannot_be_read_costs_itself_only(tmp_path: Path) -> None:
    (tmp_path / "streams.json").write_text('[{"id": "No!"}, {"id": "cam", "url": "rtsp://camera/1"}, {}]')
    stored = LocalStreams(tmp_path)
    assert [one.id for one in stored.read()] == ["cam"]
    assert [text.split(":")[0] for text in stored.problems()] == [
        "stream No! is stored but cannot be used",
        "stream None is stored but cannot be used",
    ]


def test_a_push_is_analysed_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batcher tells apart what somebody configured and what only a push made."""
    added: dict[str, bool] = {}
    add = Batcher.add

    def noted(batcher: Batcher, stream: InferenceStream) -> None:
        added[stream.stream_id] = stream.pushed
        add(batcher, stream)

    monkeypatch.setattr(Batcher, "add", noted)
    pushed = StreamConfig(id="phone", models=("number",))
    with running(tmp_path) as node:
        node.streams.add(config())
        node.streams.attach(FramesSource(pushed, QUICK), pushed)
        assert added == {"cam": False, "phone": True}
