"""The monitor in one process: what it keeps, through doubles, restarts, failures and a database that goes away."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update

from monitoring.ingest.inbox import LocalInbox
from monitoring.store.leader_lock import lead
from monitoring.store.media import of_tracks
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import handler_states
from tests.monitoring.happened import SESSION, happened, message, result
from tests.monitoring.watch import FAST, NewTracks, Watch
from tests.peers.descriptors import none_left
from tests.peers.postgres import Postgres
from workers.bus.identifiers import Reason
from workers.bus.media import Snapshot
from workers.bus.message_bus import DETECTIONS, EVENTS, SNAPSHOTS, LocalBus, Message
from workers.errors import DatabaseUnavailable

pytestmark = pytest.mark.usefixtures("no_thread_left")
JPEG = b"\xff\xd8\xff\xe0"
LATER = "01JD0000000000000000000001"


def say(watch: Watch, first: int, last: int, session: str = SESSION, repeat: int = 1) -> None:
    """Results in which track N comes at frame N, each `repeat` times."""
    for frame in range(first, last + 1):
        for _ in range(repeat):
            watch.local.publish(message(result(frame, session=session, labels=("with_mask",) * frame)))


def metric(name: str, **labels: str) -> float:
    """Of this process."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def unreadable(topic: str) -> float:
    """How many messages of a topic were left out, whatever the reason."""
    return sum(metric("livesight_bus_unreadable_messages_total", topic=topic, reason=one) for one in get_args(Reason))


def test_what_comes_twice_happens_once(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as watch:
        say(watch, 1, 5, repeat=2)
        say(watch, 3, 8)
        ids = watch.wait_for(8)
        say(watch, 1, 8, session=LATER)
        say(watch, 9, 9, session=SESSION)  # from the session before, which is over
        say(watch, 9, 9, session=LATER)
        say(watch, 10, 10, session=LATER)  # read in order: what comes before it was dealt with
        watch.wait_for(10)
        assert watch.count() == 10
        assert watch.ids()[:8] == ids
        assert [event.id for event in watch.told.events] == watch.ids(), "hooks get what is stored, in order"


def test_a_restart_goes_on_where_it_was(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as watch:
        say(watch, 1, 4)
        watch.wait_for(4)
        watch.local.publish(message(result(5, labels=("with_mask",) * 4)))
    with Watch(database_url, tmp_path) as watch:
        assert watch.handler.highest == {"door": 4}, "states are known again before anything comes"
        say(watch, 3, 5)  # doubles
        say(watch, 6, 6)
        watch.wait_for(6)
    assert watch.handler.highest == {"door": 6}


def test_a_stream_that_is_long_gone_is_forgotten(database_url: str, tmp_path: Path) -> None:
    """Its states go from the database and from the handlers; one that comes back begins anew."""
    often = FAST.model_copy(update={"states_s": 0.2, "retention": RetentionSettings(days=1)})
    with Watch(database_url, tmp_path, settings=often) as watch:
        say(watch, 1, 2)
        watch.wait_for(2)
    with watch.database.write() as connection:
        connection.execute(update(handler_states).values(updated_ns=time.time_ns() - 2 * 86_400 * 10**9))
    watch.database.close()
    with Watch(database_url, tmp_path, settings=often) as watch:
        watch.wait(lambda: watch.handler.highest == {}, "forgetting")
        with watch.database.read() as connection:
            assert connection.scalar(select(func.count()).select_from(handler_states)) == 0
        say(watch, 1, 3, session=LATER)
        watch.wait_for(5)


def test_all_that_came_is_kept_at_the_end(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path, settings=FAST.model_copy(update={"gather_s": 5.0})) as watch:
        say(watch, 1, 6)
    assert watch.count() == 6
    watch.database.close()


def test_events_of_nodes_are_stored_once_and_not_told_back(database_url: str, tmp_path: Path) -> None:
    heard: list[Message] = []
    with Watch(database_url, tmp_path) as watch:
        watch.local.subscribe(heard.append, (EVENTS,))
        up = happened(1, "stream_up")
        for _ in range(3):
            watch.local.publish(message(up))
        watch.local.publish(message(happened(2, "alert")))  # of another monitor, say
        say(watch, 1, 1)
        watch.local.publish(message(happened(3, "stream_down")))  # read in order: what comes before it was dealt with
        watch.wait_for(3)
        assert watch.count() == 3
        assert watch.handler.heard == ["stream_up", "stream_down"]
    own = [one for one in heard if ("source", b"monitor") in one.headers]
    assert len(own) == 1, "the track that began; nothing that came over the bus is published again"


def test_what_cannot_be_read_is_counted_and_left(database_url: str, tmp_path: Path) -> None:
    before = unreadable(DETECTIONS)
    good = result(1, labels=("with_mask",))
    huge = good.model_copy(update={"captured_at_ns": 2**70})
    with Watch(database_url, tmp_path) as watch:
        for value in (b"", b"{}", b"\xff\xfe", huge.to_json(), good.to_json()):
            watch.local.publish(Message(DETECTIONS, "door", value, (), 0.0))
        watch.wait_for(1)
    assert unreadable(DETECTIONS) == before + 4


def test_a_snapshot_with_a_path_for_a_key_stops_nothing(database_url: str, tmp_path: Path) -> None:
    """Its key was part of a file's name: the monitor began again, and again, for seconds each."""
    headers = Snapshot(
        view="crop", session=SESSION, track=1, pts_us=0, captured_at_ns=time.time_ns(), detector="mask", label="x",
        confidence=0.5, quality=1, box="0,0,1,1", region="0,0,1,1", size="1,1", node="n",
    ).headers()  # fmt: skip
    before = unreadable(SNAPSHOTS), metric("livesight_monitor_lost_messages_total")
    with Watch(database_url, tmp_path) as watch:
        for key in ("a/b", "../../outside", "/etc/x", "", "x" * 300, "\x00", "door\n"):
            watch.local.publish(Message(SNAPSHOTS, key, JPEG, headers, 0.0))
        for name in ("session", "track", "pts_us", "captured_at_ns", "quality"):
            for value in (b"../../x", b"a/b", b"1e999", b"9" * 400, b"\xff"):
                changed = tuple((key, value if key == name else old) for key, old in headers)
                watch.local.publish(Message(SNAPSHOTS, "door", JPEG, changed, 0.0))
        for index in range(len(headers)):
            watch.local.publish(Message(SNAPSHOTS, "door", JPEG, headers[:index], 0.0))
        watch.local.publish(Message(SNAPSHOTS, "door", b"no picture", headers, 0.0))
        say(watch, 1, 1)
        watch.wait_for(1)
        assert watch.monitor.problems() == []
    lost = metric("livesight_monitor_lost_messages_total")
    assert lost == before[1] and unreadable(SNAPSHOTS) >= before[0] + 30
    assert not [path for path in tmp_path.rglob("*") if "outside" in path.name]


def test_a_handler_that_fails_costs_its_events_of_that_result(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path, handler=NewTracks(fails_at=3)) as watch:
        say(watch, 1, 2)
        watch.wait_for(2)
        say(watch, 3, 5)
        watch.wait_for(5)
        assert watch.monitor.problems() == []
        told = [(event.track_id, event.pts_us // 40_000) for event in watch.told.events]
    assert told == [(1, 1), (2, 2), (3, 4), (4, 4), (5, 5)], "track 3 is told with frame 4"


def test_what_fails_for_a_moment_is_tried_again(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as watch:
        watch.told.refuses = 1
        say(watch, 1, 10)
        watch.wait_for(10)
        assert [event.track_id for event in watch.told.events] == list(range(1, 11))


def test_what_can_never_be_kept_is_passed_over(database_url: str, tmp_path: Path) -> None:
    """After a failure messages are taken one by one, so that only the one that is at fault is lost, and counted."""
    before = metric("livesight_monitor_lost_messages_total")
    with Watch(database_url, tmp_path) as watch:
        watch.told.refuses = 2  # the batch, then its first message alone
        say(watch, 1, 5)
        watch.wait_for(5)  # track 1 is told with frame 2
        tracks = sorted(event.track_id or 0 for event in watch.told.events)
    assert tracks == [1, 2, 3, 4, 5]
    assert metric("livesight_monitor_lost_messages_total") == before + 1


def test_the_clock_is_looked_at_when_nothing_waits(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as watch:
        watch.wait(lambda: watch.handler.ticks >= 3, "ticks")


def snapshot(view: str, pts_us: int, quality: float, **changes: str) -> Message:
    """As a node sends it."""
    told = Snapshot(
        view=view,  # type: ignore[arg-type]
        session=SESSION,
        track=1,
        pts_us=pts_us,
        captured_at_ns=1_790_000_000_000_000_000,
        detector="mask",
        label="with_mask",
        confidence=0.9,
        quality=quality,
        box="1,2,3,4",
        region="0,0,9,9",
        size="640,360",
        node="test",
    )
    headers = tuple((name, changes[name].encode() if name in changes else value) for name, value in told.headers())
    return Message(SNAPSHOTS, "door", b"\xff\xd8" + str(pts_us).encode(), headers, 0.0)


def test_of_a_track_the_last_snapshot_is_kept(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as watch:
        for number in range(1, 4):
            watch.local.publish(snapshot("crop", number, 10.0 * number))
        watch.local.publish(snapshot("picture", 3, 30))
        watch.local.publish(snapshot("crop", 9, 90, session="../../etc"))
        watch.local.publish(snapshot("crop", 9, 90, track="first"))
        media = tmp_path / "media"
        watch.wait(lambda: len(list(media.glob("*/*.jpg"))) == 2, "a crop and a picture")
        say(watch, 1, 1)
        watch.wait_for(1)
        with watch.database.read() as connection:
            rows = of_tracks(connection, {("door", SESSION, 1)})
    assert {(row["kind"], row["pts_us"], row["quality"]) for row in rows} == {("crop", 3, 30.0), ("picture", 3, 30.0)}
    assert {(media / row["path"]).read_bytes() for row in rows} == {b"\xff\xd83"}
    assert len(list(tmp_path.rglob("*.jpg"))) == 2


def test_a_disk_that_refuses_snapshots_costs_no_event(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "media").write_text("in the way")
    with Watch(database_url, tmp_path) as watch:
        watch.local.publish(snapshot("crop", 1, 1))
        say(watch, 1, 2)
        watch.wait_for(2)
        assert any("snapshots cannot be stored" in problem for problem in watch.monitor.problems())


def test_a_full_inbox_drops_the_oldest_and_counts_them() -> None:
    before = metric("livesight_monitor_dropped_messages_total", topic=DETECTIONS)
    local = LocalBus()
    inbox = LocalInbox(local, 10)
    for frame in range(15):
        local.publish(message(result(frame)))
    first = inbox.take(0.01, 4).items
    assert [f'"frame":{frame},' in item.value.decode() for frame, item in zip(range(5, 9), first, strict=True)] == [
        True
    ] * 4
    inbox.open({})  # what was not done comes again
    assert [*inbox.take(0.01, 100).items][:4] == first
    inbox.close()
    assert metric("livesight_monitor_dropped_messages_total", topic=DETECTIONS) == before + 5


def test_a_database_that_goes_away_and_comes_back(postgres: Postgres, tmp_path: Path) -> None:
    """In process what comes meanwhile waits; nothing is lost or told twice."""
    with Watch(postgres.emptied(), tmp_path) as watch:
        say(watch, 1, 3)
        watch.wait_for(3)
        postgres.kill()
        try:
            say(watch, 4, 8)
            watch.wait(watch.monitor.problems, "a problem that is told")
            with pytest.raises(DatabaseUnavailable), watch.database.read():
                pass
        finally:
            postgres.start()
        watch.wait(lambda: not watch.monitor.problems(), "recovery")
        say(watch, 9, 9)
        watch.wait_for(9)
        assert [event.track_id for event in watch.told.events] == list(range(1, 10))


def test_one_monitor_works_and_another_stands_by(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as first:
        second = Watch(database_url, tmp_path)
        second.monitor.start()
        try:
            say(first, 1, 2)
            say(second, 1, 4)
            first.wait_for(2)
            assert (first.monitor.active, second.monitor.active) == (True, False)
            first.close()
            second.before = 2
            second.wait(lambda: second.monitor.active, "the other's turn")
            assert len(second.wait_for(4)) == 4
        finally:
            second.close()


def test_waiting_for_the_lock_ends_when_told(database_url: str, tmp_path: Path) -> None:
    with Watch(database_url, tmp_path) as watch:
        stop = threading.Event()
        stop.set()
        with lead(watch.database, stop) as held:
            assert held is None


def test_without_descriptors_nothing_is_lost(tmp_path: Path) -> None:
    """What comes while nothing can be opened, pictures too, is stored once something can."""
    with Watch(f"sqlite:///{tmp_path / 'monitor.db'}", tmp_path) as watch:
        say(watch, 1, 1)
        watch.wait_for(1)
        with none_left():
            for number in range(2, 5):
                watch.local.publish(snapshot("crop", number, 10.0 * number, track=str(number)))
            say(watch, 2, 4)
            watch.wait(lambda: "open files" in "".join(watch.monitor.problems()), "complaint")
        watch.wait_for(4)
        media = tmp_path / "media"
        watch.wait(lambda: len(list(media.glob("*/*.jpg"))) == 3, "pictures")
        watch.wait(lambda: watch.monitor.problems() == [], "end of the complaint")
