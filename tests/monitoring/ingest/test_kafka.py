"""The monitor on Kafka: offsets in the database, what it publishes, a broker that goes away, or comes back empty."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from monitoring.ingest.outbox_publisher import OutboxPublisher
from monitoring.store.checkpoints import StaleReader, move_offsets, read_offsets, set_offsets
from monitoring.store.tables import outbox
from monitoring.store.writes import add_outgoing, outgoing_event
from tests.monitoring.happened import SESSION, happened, message, result
from tests.monitoring.watch import FAST, Watch
from tests.peers.kafka import Broker
from workers.bus.message_bus import LocalBus
from workers.database.database import Database
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic_settings import TopicsSettings

pytestmark = pytest.mark.usefixtures("no_thread_left")


def settings(broker: Broker) -> KafkaSettings:
    """Few partitions: a monitor reads them all."""
    return KafkaSettings(
        bootstrap_servers=(broker.address,), topics=TopicsSettings(partitions=4, prefix="shop"), retry_s=0.2
    )


def say(
    broker: Broker, first: int, last: int, streams: tuple[str, ...] = ("door", "yard"), session: str = SESSION
) -> None:
    """Results in which track N comes at frame N, delivered."""
    with KafkaBus(settings(broker), LocalBus()) as bus:
        for frame in range(first, last + 1):
            for stream in streams:
                bus.publish(message(result(frame, stream, session, ("with_mask",) * frame)))
        assert bus.flush(30)


def published(broker: Broker, count: int) -> list[str]:
    """The ids on the topic, the monitor's only."""
    records = broker.read("shop.events", count)
    return [json.loads(one.value)["id"] for one in records if one.headers.get("source") == b"monitor"]


def test_what_is_read_is_read_once_and_told_to_the_topic(database_url: str, tmp_path: Path, broker: Broker) -> None:
    say(broker, 1, 3)
    with Watch(database_url, tmp_path, settings(broker)) as watch:
        watch.wait_for(6)
        say(broker, 2, 4)  # doubles, and a new one
        with KafkaBus(settings(broker), LocalBus()) as bus:
            bus.publish(message(happened(1, "stream_up")))
            assert bus.flush(30)
        watch.wait_for(9)
        ids = {str(found) for found in watch.ids()}
        own = ids - {str(happened(1, "stream_up").id)}
        assert watch.handler.heard == ["stream_up"], "its own events, which come back on the topic, are not heard"
    with Watch(database_url, tmp_path, settings(broker)) as watch:
        say(broker, 5, 5, ("door",))
        watch.wait_for(10)
        assert len(watch.told.events) == 1, "after a restart nothing is read again"
    found = published(broker, 10)
    assert len(found) == 9
    assert set(found) >= own
    assert len(set(found)) == 9


def test_the_newest_is_where_reading_begins_unless_asked(database_url: str, tmp_path: Path, broker: Broker) -> None:
    """What was there before the first start is left; what comes while the monitor is away is not."""
    say(broker, 1, 3)
    newest = FAST.model_copy(update={"begin": "newest"})
    with Watch(database_url, tmp_path, settings(broker), settings=newest) as watch:
        watch.wait(lambda: watch.inbox.caught_up(), "the end of the topics")
    say(broker, 4, 5, session="01JD0000000000000000000009")
    with Watch(database_url, tmp_path, settings(broker), settings=newest) as watch:
        watch.wait_for(10)
        assert watch.count() == 10


def test_what_is_stored_is_published_when_the_broker_is_back(database: Database, broker: Broker) -> None:
    """A crash or an outage between storing and publishing costs nothing, and order is kept."""
    waiting = [outgoing_event(happened(number, "alert")) for number in range(1200)]
    with database.write() as connection:
        add_outgoing(connection, waiting)
    broker.kill()
    publisher = OutboxPublisher(database, settings(broker), lambda: True)
    publisher.start()
    try:
        deadline_s = time.monotonic() + 30
        while not publisher.problems() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert "not published" in publisher.problems()[0]
        broker.start()
        assert published(broker, 1200) == [json.loads(one.body)["id"] for one in waiting]
        while publisher.problems() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert publisher.problems() == []
    finally:
        publisher.close(10)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(outbox)) == 0


def test_a_clean_stop_publishes_the_newest_events(database: Database, broker: Broker) -> None:
    """The monitor stores its last events as it ends, and works no more when the publisher is closed."""
    active = threading.Event()
    active.set()
    publisher = OutboxPublisher(database, settings(broker), active.is_set)
    publisher.start()
    with database.write() as connection:
        add_outgoing(connection, [outgoing_event(happened(1, "alert"))])
    publisher.wake()
    assert len(published(broker, 1)) == 1
    with database.write() as connection:
        add_outgoing(connection, [outgoing_event(happened(number, "alert")) for number in range(2, 30)])
    active.clear()
    publisher.close(10)
    assert len(published(broker, 29)) == 29
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(outbox)) == 0


def test_a_broker_that_comes_back_empty(database_url: str, tmp_path: Path, broker: Broker) -> None:
    """It counts from 0 again: what it has then is read all the same."""
    with Watch(database_url, tmp_path, settings(broker)) as watch:
        say(broker, 1, 2)
        watch.wait_for(4)
        assert len(published(broker, 4)) == 4
        broker.kill()
        watch.wait(watch.monitor.problems, "a problem that is told")
        assert "127.0.0.1" in watch.monitor.problems()[0]
        broker.start()
        watch.wait(lambda: watch.monitor.active and not watch.monitor.problems(), "recovery")
        say(broker, 3, 9)
        watch.wait_for(18)
        assert len(set(published(broker, 14))) == 14


def test_a_busy_topic_keeps_no_monitor_from_ending(database_url: str, tmp_path: Path, broker: Broker) -> None:
    """Results of other nodes go on coming; they are there at the next start."""
    over = threading.Event()

    def publish() -> None:
        with KafkaBus(settings(broker), LocalBus()) as bus:
            for frame in itertools.count(1):
                bus.publish(message(result(frame, labels=("with_mask",))))
                if over.wait(0.005):
                    break
            assert bus.flush(30)

    busy = threading.Thread(target=publish)
    with Watch(database_url, tmp_path, settings(broker)) as watch:
        busy.start()
        watch.wait_for(1)
        began_s = time.monotonic()
        watch.monitor.close(30)
        took_s = time.monotonic() - began_s
    over.set()
    busy.join()
    assert took_s < 10


def test_who_lost_the_lead_can_keep_nothing(database: Database) -> None:
    """Two readers that both think they lead: the offset moves for one of them only."""
    place = ("shop.detections", 0)
    with database.write() as connection:
        set_offsets(connection, {place: 5})
        move_offsets(connection, {place: (5, 8)})
    with pytest.raises(StaleReader, match=r"from offset 5"), database.write() as connection:
        move_offsets(connection, {place: (5, 9)})
    with database.read() as connection:
        assert read_offsets(connection) == {place: 8}
