"""What a process makes of what the topic of specs says, and of what it does not say any more."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from kafka.partitioner.default import DefaultPartitioner

from stream.config import StreamConfig
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.status import NODE_PREFIX, NodeStatus, StatusBoard, StreamStatus
from workers.cluster.stream_spec import SpecError, StreamSpec, TopicContent, new_spec, partition_of, read_spec
from workers.node.local_streams import LocalStreams
from workers.node.stream_view import StreamView


def spec(stream_id: str, version: int, url: str = "rtsp://camera/1") -> StreamSpec:
    return StreamSpec(stream=StreamConfig(id=stream_id, url=url), version=version)


def known(folder: Path, epoch: str | None, *specs: StreamSpec) -> SpecRegistry:
    """As a process that knew these and was started again."""
    before = SpecRegistry(folder)
    for one in specs:
        before.apply(one.stream.id, one)
    if epoch is not None:
        before.begin_epoch(epoch)
    return SpecRegistry(folder)


def test_a_broker_that_lost_its_data_is_given_the_specs_again(tmp_path: Path) -> None:
    knows = known(tmp_path, "old", spec("a", 1), spec("b", 2))
    assert {one.stream.id for one in knows.merge(TopicContent())} == {"a", "b"}
    assert set(knows.all()) == {"a", "b"}


def test_what_another_wrote_after_the_loss_stays_and_what_it_lacks_is_added(tmp_path: Path) -> None:
    knows = known(tmp_path, "old", spec("a", 1), spec("b", 2))
    content = TopicContent("new", {"a": spec("a", 5, "rtsp://other/1"), "c": spec("c", 1)})
    assert [one.stream.id for one in knows.merge(content)] == ["b"]
    assert knows.all()["a"].stream.url == "rtsp://other/1"
    assert set(knows.all()) == {"a", "b", "c"}


def test_only_a_tombstone_ends_a_stream_when_the_topic_lost_something(tmp_path: Path) -> None:
    knows = known(tmp_path, "old", spec("a", 1), spec("b", 2))
    assert [one.stream.id for one in knows.merge(TopicContent("new", {"a": None}))] == ["b"]
    assert set(knows.all()) == {"b"}


def test_what_the_topic_does_not_name_in_the_life_that_is_known_was_ended(tmp_path: Path) -> None:
    """Its tombstone was compacted away while this process was down."""
    knows = known(tmp_path, "same", spec("a", 1), spec("b", 2))
    assert knows.merge(TopicContent("same", {"b": spec("b", 2)})) == []
    assert set(knows.all()) == {"b"}
    assert set(SpecRegistry(tmp_path).all()) == {"b"}


def test_the_higher_version_holds_whatever_came_last(tmp_path: Path) -> None:
    knows = known(tmp_path, "same", spec("a", 7, "rtsp://newest/1"))
    knows.apply("a", spec("a", 6, "rtsp://late/1"))
    assert knows.all()["a"].version == 7
    assert [one.version for one in knows.merge(TopicContent("same", {"a": spec("a", 6)}))] == [7]


def test_a_spec_holds_against_the_one_before_though_the_clock_went_back() -> None:
    before = spec("a", 2**62)
    assert new_spec(before.stream, before, "here").version == 2**62 + 1


def test_a_spec_written_before_there_were_limits_is_read() -> None:
    written = spec("a", 1).to_json()
    old = written.replace(b',"max_fps":null', b"")
    assert old != written and b"max_fps" not in old
    assert read_spec("a", old) == spec("a", 1)
    limited = StreamSpec(stream=StreamConfig(id="a", url="rtsp://camera/1", max_fps=5), version=1)
    assert read_spec("a", limited.to_json()).stream.max_fps == 5


def test_changes_are_told_once(tmp_path: Path) -> None:
    calls: list[None] = []
    knows = SpecRegistry(tmp_path, lambda: calls.append(None))
    knows.apply("a", spec("a", 1))
    knows.apply("a", spec("a", 1))
    knows.apply("b", None)
    knows.apply("a", None)
    assert len(calls) == 2


def test_streams_kept_before_there_was_kafka_are_taken_over(tmp_path: Path) -> None:
    LocalStreams(tmp_path).put(StreamConfig(id="old", url="rtsp://camera/1"))
    knows = SpecRegistry(tmp_path)
    assert [one.stream.id for one in knows.merge(TopicContent())] == ["old"]


def test_a_broken_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "wishes.json").write_text("{ half")
    assert SpecRegistry(tmp_path).all() == {}
    assert (tmp_path / "wishes.broken").read_text() == "{ half"


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    known(tmp_path, "e", spec("a", 1, "rtsp://user:secret@camera/1"))
    assert (tmp_path / "wishes.json").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "wishes.json").read_text())["epoch"] == "e"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("a", b"{", "a: "),
        ("b", spec("a", 1).to_json(), "the spec is for a"),
        ("a", spec("a", 1, "file:/etc/passwd").to_json(), "every node can open"),
        ("a", spec("a", 1, "device:0").to_json(), "every node can open"),
        ("a", spec("a", 1).to_json().replace(b"livesight.stream/1", b"livesight.stream/9"), "schema"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(key: str, value: bytes, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        read_spec(key, value)


@pytest.mark.parametrize("partitions", [1, 16, 64])
def test_a_streams_partition_is_where_kafkas_clients_put_it(partitions: int) -> None:
    cluster = SimpleNamespace(
        topics=lambda: {"t"},
        partitions_for_topic=lambda topic: set(range(partitions)),
        available_partitions_for_topic=lambda topic: set(range(partitions)),
    )
    for stream_id in ("a", "entrance", "cam-17", "x" * 63):
        key = stream_id.encode()
        assert partition_of(stream_id, partitions) == DefaultPartitioner().partition("t", key, key, None, None, cluster)


def view(stream_id: str, node: str) -> StreamView:
    return StreamView(
        id=stream_id, kind="rtsp", url="rtsp://camera/1", models=("mask",), enabled=True, ephemeral=False, node=node,
        state="live",
    )  # fmt: skip


def test_the_board_forgets_who_says_nothing() -> None:
    board = StatusBoard(away_s=5)
    board.apply("a", StreamStatus.of(view("a", "one"), "http://one:1").to_json())
    board.apply("b", StreamStatus.of(view("b", "two"), "http://two:1").to_json(), age_s=6)
    node = NodeStatus(node="one", address="http://one:1", leasing=True, streams=1)
    board.apply(NODE_PREFIX + "one", node.to_json())
    board.apply(NODE_PREFIX + "two", node.model_copy(update={"node": "two"}).to_json(), age_s=6)
    assert set(board.streams()) == {"a"}
    assert board.stream("b") is None
    last = board.last("b")
    assert last is not None
    assert last.node == "two"
    assert [one.node for one in board.nodes()] == ["one"]
    board.apply("a", None)
    board.apply(NODE_PREFIX + "one", None)
    assert (board.streams(), board.nodes()) == ({}, [])


def test_a_status_of_a_later_version_is_passed_over() -> None:
    board = StatusBoard(away_s=5)
    board.apply("a", b'{"schema": "livesight.status/9"}')
    board.apply("a", b"not JSON")
    assert board.streams() == {}


def test_a_stored_address_that_is_refused_now_costs_no_other(tmp_path: Path) -> None:
    registry = SpecRegistry(tmp_path)
    for name in ("good", "bad"):
        registry.apply(name, new_spec(StreamConfig(id=name, url="rtsp://u:p@127.0.0.1/x"), None, "n"))
    file = tmp_path / "wishes.json"
    stored = json.loads(file.read_text())
    stored["wishes"][1]["stream"]["url"] = "rtsp://127.0.0.1/x\r\nSET a b"
    file.write_text(json.dumps(stored))
    kept = SpecRegistry(tmp_path).all()
    assert list(kept) == ["good"] and kept["good"].stream.password == "p"


@pytest.mark.parametrize("url", ["rtsp://h/x\r\nSET a b", "rtsp://h/%0d%0aSET", "rtsp://h\\x/", "file:/etc/passwd"])
def test_a_record_with_such_an_address_is_refused_without_repeating_it(url: str) -> None:
    value = json.dumps({"schema": "livesight.stream/1", "stream": {"id": "cam", "url": url}, "version": 1}).encode()
    with pytest.raises(SpecError) as caught:
        read_spec("cam", value)
    assert "SET" not in str(caught.value) and "passwd" not in str(caught.value)
